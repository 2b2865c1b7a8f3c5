"""A search learns from configurations, and stopping early compares the same repeats."""

from dataclasses import replace

from colabctl.repeat import Repeat
from colabctl.search.learn.repeated import Configurations, alike
from colabctl.search.learn.trials import Trial

SEEDS = Repeat("seed", (1, 2, 3))


def trial(seed: int, value: float | None, state: str = "done", x: float = 0.5) -> Trial:
    return Trial(state, {"x": x, "seed": seed}, value, ended=10.0 * seed)  # type: ignore[arg-type]


def test_a_configuration_has_the_mean_of_its_values_so_far_and_no_seed() -> None:
    known = Configurations(SEEDS)
    trials = {3: trial(1, 1.0), 4: trial(2, 2.0), 5: trial(3, None, "running")}
    assert known.of(trials) == {1: Trial("done", {"x": 0.5}, 1.5, ended=20.0)}
    trials[5] = trial(3, 6.0)
    assert known.of(trials)[1].value == 3.0


def test_a_failed_repeat_does_not_count_and_all_failed_is_a_failure() -> None:
    known = Configurations(SEEDS)
    assert known.of({0: trial(1, None, "failed"), 1: trial(2, 4.0)})[0].value == 4.0
    assert known.of({0: trial(1, None, "failed")})[0].state == "failed"


def test_a_configuration_with_a_stopped_repeat_counts_as_stopped() -> None:
    trials = {0: trial(1, 1.0), 1: trial(2, None, "pruned")}
    assert Configurations(SEEDS).of(trials)[0].state == "pruned"


def test_parameters_of_another_worker_that_started_at_the_same_moment_do_not_mix() -> None:
    trials = {0: trial(1, 1.0), 1: trial(2, 9.0, x=0.7), 2: trial(3, 3.0)}
    assert Configurations(SEEDS).of(trials)[0] == Trial("done", {"x": 0.5}, 2.0, ended=30.0)


def test_what_has_not_changed_stays_the_same_object() -> None:
    known, trials = Configurations(SEEDS), {0: trial(1, 1.0), 3: trial(1, 2.0)}
    before = known.of(trials)
    trials[3] = replace(trials[3], value=5.0)
    after = known.of(trials)
    assert after[0] is before[0]
    assert after[1] is not before[1]


def test_a_repeat_is_compared_with_the_same_repeat_of_others() -> None:
    trials = {number: trial(number % 3 + 1, float(number)) for number in range(9)}
    assert list(alike(trials, 4, SEEDS)) == [1, 4, 7]
