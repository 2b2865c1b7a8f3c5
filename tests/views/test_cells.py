"""The cells of a sweep: how it is divided, their counts, their best task, and the time left."""

import json
from typing import Any

import pytest

from colabctl.views.cells import Progress, divide, progress
from colabctl.work.open_sweep import OpenSweep
from tests.processes import Project

SWEEP = """
method: grid
metric: {name: y, goal: maximize}
foreach: [model, dataset]
parameters:
  model: {values: [knn, svm]}
  dataset: {values: [iris, wine]}
  x: {values: [1, 2, 3]}
max_retries: 0
"""
NOW = 2e9


def write(project: Project, worker: str, *events: tuple[float, dict[str, Any]]) -> None:
    """Write a worker's journal; each event with the seconds before NOW at which it happened."""
    start = {"event": "start", "member": "ana", "host": "vm", "lease": 300.0}
    lines = [
        json.dumps({"n": n, "t": NOW - ago, **event})
        for n, (ago, event) in enumerate(((1000.0, start), *events))
    ]
    project.write(f"sweeps/s/journal/{worker}/events.jsonl", "\n".join(lines) + "\n")


def claim(*tasks: int) -> dict[str, Any]:
    return {"event": "claim", "tasks": [[task, 1] for task in tasks]}


def done(task: int, seconds: float, y: float | None = None) -> dict[str, Any]:
    metrics = {} if y is None else {"y": y}
    return {"event": "done", "task": task, "attempt": 1, "seconds": seconds, "metrics": metrics}


def failed(task: int, seconds: float) -> dict[str, Any]:
    body = {"seconds": seconds, "error": "no", "output": ""}
    return {"event": "failed", "task": task, "attempt": 1, **body}


def opened(project: Project) -> OpenSweep:
    sweep = OpenSweep.named(project.config({}).layout, "s")
    sweep.ledger.clock._wall = lambda: NOW
    sweep.ledger.refresh()
    return sweep


def seen(project: Project, seen_rate: float | None = None) -> Progress:
    sweep = opened(project)
    division = divide(sweep.plan, sweep.tasks)
    return progress(sweep.plan, sweep.ledger.state, division, NOW, seen_rate)


def test_a_cell_has_its_counts_its_best_task_and_its_durations(project: Project) -> None:
    project.declare("s", SWEEP)
    write(
        project,
        "ana-vm-1",
        (900, claim(0, 1, 3, 4)),
        (800, done(0, 100.0, 0.5)),
        (700, done(1, 50.0, float("nan"))),
        (600, failed(3, 10.0)),
        (20, claim(5)),
    )
    cells = seen(project).cells
    assert [cell.title for cell in cells] == ["knn, iris", "knn, wine", "svm, iris", "svm, wine"]
    first, second, third, _ = cells
    assert (first.total, first.done, first.pending, first.finished) == (3, 2, 1, 2)
    assert (first.best, first.best_index, first.seconds, first.longest) == (0.5, 0, 75.0, 100.0)
    assert (second.failed, second.running, second.claimed, second.pending) == (1, 1, 1, 0)
    assert (second.best, second.best_index, second.seconds) == (None, None, 10.0)
    assert (third.pending, third.best, third.seconds) == (3, None, None)
    assert all(
        cell.total == cell.finished + cell.running + cell.waiting + cell.cancelled for cell in cells
    )


@pytest.mark.parametrize(("goal", "index"), [("maximize", 2), ("minimize", 1)])
def test_the_best_of_a_cell_is_by_the_goal_and_the_first_of_equals(
    project: Project, goal: str, index: int
) -> None:
    project.declare("s", SWEEP.replace("maximize", goal))
    outcomes = [(1.0, done(n, 1.0, y)) for n, y in ((0, float("nan")), (1, 2.0), (2, 3.0))]
    write(project, "ana-vm-1", (10, claim(0, 1, 2)), *outcomes)
    assert seen(project).cells[0].best_index == index


def test_the_time_left_is_that_of_the_tasks_and_the_slots(project: Project) -> None:
    project.declare("s", SWEEP)
    for number, task in enumerate((0, 3)):
        write(
            project,
            f"ana-vm-{number}",
            (200, claim(task)),
            (100, done(task, 100.0)),
            (40, claim(task + 1)),
        )
    progressed = seen(project)
    # 8 tasks of 100 s wait and two have 60 s left, for two slots.
    assert progressed.seconds_left == pytest.approx((8 * 100 + 2 * 60) / 2)
    assert progressed.rate == pytest.approx(2 / 100)  # what two slots can do
    first, second, third, _ = progressed.cells
    assert first.running == 1
    assert first.rate == pytest.approx(1 / 100)
    assert (third.running, third.rate) == (0, None)
    assert first.seconds_left is not None
    assert third.seconds_left is not None
    assert progressed.seconds_left is not None
    assert first.seconds_left < third.seconds_left < progressed.seconds_left
    assert second.seconds_left == pytest.approx(first.seconds_left)


def test_a_task_that_runs_longer_than_most_is_expected_to_run_as_long_as_the_longest(
    project: Project,
) -> None:
    project.declare("s", SWEEP.replace("[knn, svm]", "[knn]").replace("[iris, wine]", "[iris]"))
    write(
        project,
        "ana-vm-1",
        (900, claim(0)), (800, done(0, 100.0)),
        (800, claim(1)), (500, done(1, 300.0)),
        (250, claim(2)),
    )  # fmt: skip
    assert seen(project).seconds_left == pytest.approx(50.0)


ONE = SWEEP.replace("[knn, svm]", "[knn]").replace("[iris, wine]", "[iris]")


@pytest.mark.parametrize(
    ("elapsed", "left"), [(90.0, 10.0), (130.0, 30.0), (190.0, 90.0), (250.0, None)]
)
def test_a_task_that_runs_longer_than_all_others_is_not_nearly_done(
    project: Project, elapsed: float, left: float | None
) -> None:
    project.declare("s", ONE)
    write(
        project,
        "ana-vm-1",
        (900, claim(0)), (800, done(0, 100.0)),
        (800, claim(1)), (700, done(1, 100.0)),
        (elapsed, claim(2)),
    )  # fmt: skip
    progressed = seen(project, seen_rate=0.004)
    assert progressed.seconds_left == (None if left is None else pytest.approx(left))
    assert progressed.cells[0].seconds_left == progressed.seconds_left
    assert progressed.rate == pytest.approx(min(1 / 100, 1 / left) if left else 0.004)


def test_a_long_task_after_short_ones_leaves_the_time_left_unknown(project: Project) -> None:
    project.declare("s", ONE)
    outcomes = [(45.0, done(0, 0.4)), (44.0, done(1, 0.4))]
    for elapsed in (6.0, 37.0):
        write(project, "ana-vm-1", (46, claim(0, 1)), *outcomes, (elapsed, claim(2)))
        assert seen(project, seen_rate=0.1).seconds_left is None


def test_a_task_that_hangs_does_not_hide_a_longer_queue(project: Project) -> None:
    project.declare("s", ONE.replace("[1, 2, 3]", str(list(range(50)))))
    write(project, "ana-vm-1", (900, claim(0)), (800, done(0, 100.0)), (250, claim(1)))
    write(project, "ben-vm-1", (40, claim(2)))
    # The slot of the task that hangs does not help with the other 47.
    assert seen(project).seconds_left == pytest.approx(47 * 100 + 60)


def test_a_rate_is_at_most_what_the_slots_can_do(project: Project) -> None:
    project.declare("s", SWEEP)
    start = {"event": "start", "member": "ana", "host": "vm", "lease": 300.0, "jobs": 3}
    write(
        project,
        "ana-vm-1",
        (3.0, start),
        (2.0, claim(*range(12))),
        *((0.07 + task / 1000, done(task, 0.4)) for task in range(9)),
    )
    progressed = seen(project, seen_rate=28.0)
    assert progressed.rate is None or progressed.rate <= 3 / 0.4 + 1e-9
    assert all((cell.rate or 0.0) <= 3 / 0.4 + 1e-9 for cell in progressed.cells)


def test_of_tasks_claimed_ahead_one_slot_runs_one_since_the_last_ended(project: Project) -> None:
    project.declare("s", SWEEP)
    write(project, "ana-vm-1", (50, claim(0, 1, 2)), (10, done(0, 40.0)))
    first = seen(project).cells[0]
    assert (first.running, first.claimed) == (1, 1)
    assert first.seconds_left == pytest.approx((30 + 10 * 40 * (11 / 10) * (1 / 2)) / 1)


def test_short_tasks_are_timed_by_what_was_seen(project: Project) -> None:
    project.declare("s", SWEEP)
    write(project, "ana-vm-1", (2, claim(0, 1)), (1, done(0, 0.001)))
    assert seen(project).seconds_left is None
    assert seen(project, seen_rate=10.0).seconds_left == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("order", ["pause", "stop"])
def test_a_sweep_that_does_not_go_on_has_no_time_left(project: Project, order: str) -> None:
    project.declare("s", SWEEP)
    write(
        project,
        "ana-vm-1",
        (90, claim(0)),
        (80, done(0, 10.0)),
        (10, {"event": order, "member": "a"}),
    )
    progressed = seen(project)
    assert (progressed.rate, progressed.seconds_left) == (None, None)
    waiting = [cell.cancelled if order == "stop" else cell.pending for cell in progressed.cells]
    assert waiting == [2, 3, 3, 3]


def test_without_foreach_the_models_and_data_sets_divide_a_sweep(project: Project) -> None:
    project.declare("s", SWEEP.replace("foreach: [model, dataset]\n", ""))
    write(project, "ana-vm-1", (90, claim(5)), (80, done(5, 10.0, 7.0)))
    sweep = opened(project)
    params = sweep.tasks[5].params
    assert params is not None
    division = divide(sweep.plan, sweep.tasks)
    assert set(division.names) == {"model", "dataset"}
    cells = progress(sweep.plan, sweep.ledger.state, division, NOW).cells
    assert [cell.total for cell in cells] == [3, 3, 3, 3]
    own = cells[division.cell_of(5)]
    assert dict(own.values) == {name: params[name] for name in division.names}
    assert (own.done, own.best, own.best_index) == (1, 7.0, 5)
    assert sum(cell.done for cell in cells) == 1


@pytest.mark.parametrize(
    "declared",
    [
        "method: grid\nparameters: {x: {values: [1, 2]}, model: {values: [svm]}}\n",
        "method: grid\nparameters: {lr: {values: [1, 2]}, optimizer: {values: [a, b]}}\n",
        "{method: bayes, trials: 3, metric: {name: y}, parameters: {model: {values: [a, b]}, x: {min: 0.0, max: 1.0}}}\n",
        "{method: random, trials: 20, parameters: {data: {min: 0.0, max: 1.0}}}\n",
    ],
)
def test_every_other_sweep_is_one_cell_without_values(project: Project, declared: str) -> None:
    project.declare("s", declared)
    sweep = opened(project)
    division = divide(sweep.plan, sweep.tasks)
    assert division.names == ()
    [cell] = progress(sweep.plan, sweep.ledger.state, division, NOW).cells
    assert (cell.title, cell.total) == ("", sweep.plan.total)


def test_a_damaged_task_file_leaves_one_cell(project: Project) -> None:
    project.declare("s", SWEEP.replace("foreach: [model, dataset]\n", ""))
    for file in (project.root / "sweeps/s/tasks").rglob("*.jsonl"):
        file.write_text("no json\n")
    project.root.joinpath("sweeps/s/sweep.yaml").write_text("changed: true\n")
    sweep = opened(project)
    assert divide(sweep.plan, sweep.tasks).names == ()


def test_hostile_durations_do_not_break_a_column(project: Project) -> None:
    project.declare("s", SWEEP)
    write(project, "ana-vm-1", (9, claim(0, 1)), (8, done(0, 1e300)), (7, done(1, -5.0)))
    first = seen(project).cells[0]
    assert first.longest == 1e9
    assert first.done == 2


def test_a_discarded_time_does_not_count_after_a_retry(project: Project) -> None:
    project.declare("s", SWEEP)
    write(project, "ana-vm-1", (9, claim(0)), (8, failed(0, 4.0)))
    assert seen(project).cells[0].seconds == 4.0
    retry = {"event": "retry", "tasks": [0], "after": {"ana-vm-1": 2}}
    write(project, "ben-vm-1", (5, retry))
    first = seen(project).cells[0]
    assert (first.pending, first.seconds) == (3, None)
