"""Where claims arrive late, workers choose different tasks, also if they hardly know each other."""

import random

from hypothesis import given
from hypothesis import strategies as st

from colabctl.ledger.choice import choose, choose_apart, choose_lapsed, others_share
from colabctl.ledger.journals.events import Event
from colabctl.ledger.sweep_state import SweepState

NOW = 1.7e9
TASKS = 120


def state(*workers: str, total: int = TASKS) -> SweepState:
    """Return a sweep in which only these workers have started."""
    result = SweepState(total, 0, 600.0)
    parts = {"member": "ana", "host": "h", "pid": 1, "jobs": 1, "lease": 600.0}
    result.add([Event(NOW, name, 0, "start", parts) for name in workers], NOW)
    return result


def chosen(name: str, known: SweepState, want: int, *newcomers: str) -> list[int]:
    unheard = dict.fromkeys(newcomers, NOW)
    return choose_apart(known, want, NOW + 1, random.Random(1), name, unheard)


def test_workers_that_know_each_other_share_all_tasks_out_evenly() -> None:
    names = [f"worker-{number}" for number in range(7)]
    known = state(*names)
    shares = [chosen(name, known, TASKS) for name in names]
    assert sorted(index for share in shares for index in share) == list(range(TASKS))
    assert {len(share) for share in shares} == {17, 18}


def test_a_name_alone_is_enough_to_leave_a_worker_what_it_starts_with() -> None:
    for number in range(20):
        newcomer, other = f"new-{number}", f"old-{number}"
        alone = chosen(newcomer, state(), 20)  # it has not seen the other one
        share = chosen(other, state(), TASKS, newcomer)
        assert len(share) == TASKS // 2
        assert len(set(alone) & set(share)) <= 4
        assert chosen(other, state(newcomer), TASKS) == share


def test_a_worker_begins_with_much_the_same_tasks_whoever_else_is_there() -> None:
    names = [f"worker-{number}" for number in range(6)]
    for name in names:
        alone = chosen(name, state(), 10)
        assert len(set(alone) & set(chosen(name, state(*names), 10))) >= 6


def test_tasks_of_a_share_that_is_another_workers_by_now_are_found() -> None:
    alone = chosen("ana", state(), TASKS)
    share = chosen("ana", state(), TASKS, "ben")
    assert others_share(state(), alone, "ana", NOW + 1, ["ben"]) == set(alone) - set(share)
    assert others_share(state(), alone, "ana", NOW + 1, []) == set()


def test_ten_thousand_names_leave_no_task_without_a_worker() -> None:
    names = [f"worker-{number}" for number in range(10_000)]
    small = state(total=10)
    found = [chosen(name, small, 10, *names) for name in names[:20]]
    assert all(len(share) <= 1 for share in found)
    assert len(chosen(names[0], state(total=20_000), 20_000, *names)) <= 5


def test_a_sweep_of_one_task_is_chosen() -> None:
    assert chosen("ana", state(total=1), 1) == [0]


def repeated(*, together: bool, open_tasks: set[int] | None = None) -> SweepState:
    """Return a sweep of forty configurations with three repeats each, some of them claimed."""
    result = SweepState(TASKS, 0, 600.0, repeats=3, together=together)
    parts = {"member": "ana", "host": "h", "pid": 1, "jobs": 1, "lease": 600.0}
    result.add([Event(NOW, "ana", 0, "start", parts)], NOW)
    taken = [[index, 1] for index in range(TASKS) if open_tasks and index not in open_tasks]
    if taken:
        result.add([Event(NOW, "ana", 1, "claim", {"tasks": taken})], NOW)
    return result


def test_the_first_repeat_of_every_configuration_runs_before_the_second_of_any() -> None:
    known = repeated(together=False)
    order = choose(known, TASKS, random.Random(1))
    assert [index % 3 for index in order] == [0] * 40 + [1] * 40 + [2] * 40
    assert order[:40] != sorted(order[:40])


def test_in_a_bayesian_search_one_configuration_is_finished_before_the_next_begins() -> None:
    order = choose(repeated(together=True), TASKS, random.Random(1))
    blocks = [{index // 3 for index in order[at : at + 3]} for at in range(0, TASKS, 3)]
    assert all(len(block) == 1 for block in blocks)
    begun = repeated(together=True, open_tasks=set(range(TASKS)) - {30})
    assert set(choose(begun, 2, random.Random(1))) == {31, 32}


def test_where_claims_arrive_late_a_worker_keeps_all_repeats_of_a_configuration() -> None:
    share = chosen("ana", repeated(together=True), TASKS, "ben")
    assert {index // 3 for index in share} & {
        index // 3 for index in set(range(TASKS)) - set(share)
    } == set()


@given(
    st.dictionaries(
        st.sampled_from(["ana", "ben", "eve"]), st.sets(st.integers(0, 29)), min_size=1
    ),
    st.integers(1, 30),
)
def test_no_worker_chooses_a_task_that_does_not_fit_it(
    fitting: dict[str, set[int]], want: int
) -> None:
    known = state(*fitting, total=30)

    def able(index: int, names: frozenset[str]) -> frozenset[str]:
        return frozenset(name for name in names if index in fitting[name])

    for name, tasks in fitting.items():
        rng = random.Random(1)
        assert set(choose(known, want, rng, (), tasks.__contains__)) <= tasks
        assert bool(choose(known, want, rng, (), tasks.__contains__)) == bool(tasks)
        assert set(choose_lapsed(known, want, NOW + 1, rng, (), tasks.__contains__)) <= tasks
        assert set(choose_apart(known, want, NOW + 1, rng, name, {}, (), able)) <= tasks


@given(st.lists(st.sets(st.sampled_from(["ana", "ben", "eve"])), min_size=20, max_size=20))
def test_tasks_are_shared_out_among_those_that_they_fit(fitting: list[set[str]]) -> None:
    known = state("ana", "ben", "eve", total=20)

    def able(index: int, names: frozenset[str]) -> frozenset[str]:
        return names & fitting[index]

    shares: list[int] = []
    for name in ("ana", "ben", "eve"):
        share = choose_apart(known, 20, NOW + 1, random.Random(1), name, {}, (), able)
        own = {i for i in share if i not in others_share(known, share, name, NOW + 1, (), able)}
        shares += own
    assert len(shares) == len(set(shares))
    left = set(range(20)) - set(shares)
    assert all(len(fitting[index]) != 1 for index in left), "a task waits for its only worker"
