"""Successive halving decides at each rung, and follows trials that change."""

import pytest

from colabctl.search.learn.stopping import stopper
from colabctl.search.learn.trials import State, Trial

HALVING = {"type": "successive_halving", "min_resource": 1, "reduction_factor": 2}


def reports(values: list[float]) -> tuple[tuple[None, float], ...]:
    return tuple((None, value) for value in values)


def test_a_trial_that_lost_at_a_rung_is_stopped_until_it_reaches_the_next() -> None:
    """A program may ask again, or report faster than it is watched."""
    rule = {"type": "successive_halving", "min_resource": 2, "reduction_factor": 3}
    peers = {number: Trial("done", {}, 0.0, reports([0.0] * 9)) for number in range(1, 6)}
    judge = stopper(rule, "minimize")

    def stops(values: list[float]) -> bool:
        return judge.stops(0, {**peers, 0: Trial("running", {}, None, reports(values))})

    assert not stops([9, 9])
    assert stops([9, 9, 9])
    assert stops([9, 9, 9])
    assert stops([9, 9, 9, 9, 0])
    assert not stops([9, 9, 9, 9, 0, 0, 0])


def at(step: int, *values: float, state: State = "running") -> Trial:
    """Return a trial that reports its values from that step on."""
    return Trial(state, {}, values[-1], tuple(enumerate(values, start=step)))


@pytest.mark.parametrize(
    ("bad", "stops"),
    [
        (at(4, 9.0, 9.0), False),
        (at(4, 9.0, state="done"), False),
        (at(4, 9.0, state="failed"), False),
        (at(4, 9.0, state="pruned"), True),
    ],
)
def test_a_peer_that_continued_was_promoted_from_each_rung_that_it_had_reached(
    bad: Trial, stops: bool
) -> None:
    """Step 4 reaches three rungs: two of four stay there if the bad ones are marked at all."""
    peers = {1: at(4, 1.0, state="done"), 2: bad, 3: bad}
    assert stopper(HALVING, "minimize").stops(0, {**peers, 0: at(4, 2.0)}) is stops


def test_a_task_that_starts_again_is_judged_by_its_new_reports() -> None:
    peers = {1: at(0, 1.0, 1.0, 1.0, state="done")}
    judge = stopper(HALVING, "minimize")
    assert judge.stops(0, {**peers, 0: at(0, 9.0, 9.0, 9.0)})
    assert not judge.stops(0, {**peers, 0: at(0, 9.0)})
    assert not judge.stops(0, {**peers, 0: at(0, 0.0)})
    assert not judge.stops(0, {**peers, 0: at(0, 0.0, 0.0, 0.0)})


def test_a_step_that_is_reported_late_does_not_set_a_trial_back() -> None:
    peers = {number: at(0, 1.0, 1.0, 1.0, state="done") for number in (1, 2)}
    judge = stopper({"type": "successive_halving"}, "minimize")
    assert not judge.stops(0, {0: at(5, 9.0)})
    late = Trial("running", {}, reports=((5, 9.0), (3, 0.0)))
    assert judge.stops(0, {**peers, 0: late})


def test_peers_that_are_no_longer_known_do_not_count() -> None:
    judge = stopper(HALVING, "minimize")
    assert judge.stops(0, {1: at(0, 1.0, 1.0), 0: at(0, 9.0, 9.0)})
    assert not judge.stops(0, {0: at(0, 9.0, 9.0)})


@pytest.mark.parametrize("late", [at(0, 1.0, 1.0, 1.0, state="pruned"), at(0, 1.0, 1.0, 1.0)])
def test_late_reports_of_a_finished_peer_count(late: Trial) -> None:
    judge = stopper(HALVING, "minimize")
    ended = at(0, 1.0, 1.0, state="pruned")
    assert not judge.stops(0, {1: ended, 0: at(0, 0.0, 0.0)})
    assert not judge.stops(0, {1: ended, 0: at(0, 0.0, 0.0, 9.0)})
    assert judge.stops(0, {1: late, 0: at(0, 0.0, 0.0, 9.0)})
