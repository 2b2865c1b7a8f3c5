"""Failed attempts grouped by cause, and what the failing tasks share."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from colabctl.errors import UserError
from colabctl.views.failures import (
    Cause,
    Shared,
    causes,
    in_words,
    named,
    of_tasks,
    shared,
    summary,
)
from colabctl.work.open_sweep import OpenSweep
from tests.processes import Project

GRID = """\
method: grid
max_retries: 0
parameters:
  model: {values: [svm, forest, boost, logit]}
  batch: {values: [32, 64, 128, 256, 512]}
  seed: {values: [1, 2, 3]}
"""
TRACEBACK = """\
Traceback (most recent call last):
  File "{file}", line {line}, in train
    fit(x)
{error}"""

Params = Mapping[str, Any]
Fails = Callable[[Params], tuple[str, str] | None]


def traced(error: str, file: str = "train.py", line: int = 12) -> tuple[str, str]:
    """Return an error with its output."""
    return error, TRACEBACK.format(file=file, line=line, error=error)


def run_all(project: Project, fails: Fails, text: str = GRID, name: str = "s") -> OpenSweep:
    """Declare a sweep and record an end of each task; it fails with what `fails` returns."""
    project.declare(name, text)
    sweep = OpenSweep.named(project.config({}).layout, name)
    events: list[dict[str, object]] = [
        {"event": "claim", "tasks": [[i, 1] for i in range(sweep.plan.total)]}
    ]
    for index in range(sweep.plan.total):
        end = fails(sweep.tasks[index].params or {})
        common = {"task": index, "attempt": 1, "seconds": 1.0}
        if end is None:
            events.append({"event": "done", **common, "metrics": {"y": 1.0}})
        else:
            events.append({"event": "failed", **common, "error": end[0], "output": end[1]})
    project.journal(name, *events)
    sweep.ledger.refresh()
    return sweep


def found(sweep: OpenSweep) -> list[Cause]:
    return causes(sweep.ledger.state, sweep.tasks)


def share(sweep: OpenSweep, cause: Cause) -> Shared | None:
    return shared(sweep.ledger.state, sweep.tasks, cause)


@pytest.mark.parametrize(
    "errors",
    [
        ["CUDA out of memory. Tried to allocate 2.00 GiB", "CUDA out of memory. Tried to allocate 512.25 GiB"],
        ["ValueError: bad object at 0x7f3a2b", "ValueError: bad object at 0x7f99ff"],
        ["OSError: /tmp/colabctl-task-ab12/x.pt is gone", "OSError: /tmp/colabctl-task-zz/x.pt is gone"],
        [r"OSError: C:\Users\ana\x is gone", r"OSError: D:\x is gone"],
        ["ValueError: t000017 is no good", "ValueError: t000120 is no good"],
        ["KeyError: 'age'", "KeyError: 'income'"],
        ["ran longer than 2 s (task timeout)", "ran longer than 3.5 s (task timeout)"],
        ["ValueError: loss is nan", "ValueError: loss is -1.5e-10"],
    ],
)  # fmt: skip
def test_numbers_addresses_paths_and_names_of_tasks_do_not_count(
    project: Project, errors: list[str]
) -> None:
    sweep = run_all(project, lambda p: (errors[p["seed"] % 2], "") if p["model"] == "svm" else None)
    [cause] = found(sweep)
    assert (len(cause.tasks), cause.attempts, cause.failed) == (15, 15, cause.tasks)


def test_different_errors_places_and_exit_codes_are_different_causes(project: Project) -> None:
    ends = {
        (32, 1): traced("ValueError: no"),
        (32, 2): traced("ValueError: no", line=13),
        (32, 3): traced("TypeError: no"),
        (64, 1): traced("ValueError: never"),
        (64, 2): ("the program ended with exit code 1", ""),
        (64, 3): ("the program ended with exit code 2", ""),
        (128, 1): ("its process was killed by SIGKILL: the machine ran out of memory", ""),
        (128, 2): ("its process was killed by SIGKILL", ""),
        (128, 3): ("ran longer than 2 s (task timeout)", ""),
        (256, 1): ("OSError: [Errno 28] No space left on device", ""),
        (256, 2): ("OSError: [Errno 5] No space left on device", ""),
    }
    sweep = run_all(project, lambda p: ends.get((p["batch"], p["seed"])))
    assert [len(cause.tasks) for cause in found(sweep)] == [4] * len(ends)
    assert len({cause.id for cause in found(sweep)}) == len(ends)


def test_the_values_of_a_tasks_own_parameters_do_not_count(project: Project) -> None:
    sweep = run_all(project, lambda p: traced(f"ValueError: model {p['model']} is unknown"))
    assert len(found(sweep)) == 1


def test_the_place_is_in_the_users_code(project: Project) -> None:
    output = (
        "Traceback (most recent call last):\n"
        '  File "/tmp/colabctl-work-1/code/fit.py", line 7, in fit\n    linear(x)\n'
        '  File "/usr/lib/python3.11/site-packages/torch/nn.py", line 99, in linear\n    ...\n'
        "torch.OutOfMemoryError: no memory\n"
    )
    sweep = run_all(project, lambda p: ("torch.OutOfMemoryError: no memory", output))
    [cause] = found(sweep)
    assert cause.place == "fit.py, line 7"


def test_ids_are_the_same_for_every_reader_and_name_their_cause(project: Project) -> None:
    def fails(p: Params) -> tuple[str, str] | None:
        return traced("KeyError: 'a'") if p["seed"] == 1 else traced("MemoryError") if p["seed"] == 2 else None  # fmt: skip

    sweep = run_all(project, fails)
    first = found(sweep)
    again = found(OpenSweep.named(project.config({}).layout, "s")) or []
    assert not again  # nothing was read yet
    other = OpenSweep.named(project.config({}).layout, "s")
    other.ledger.refresh()
    assert found(other) == first
    key, memory = sorted(first, key=lambda cause: cause.error)
    assert named(first, key.id) == named(first, "keyerror") == [key]
    assert named(first, memory.id[:4].upper()) == [memory]
    with pytest.raises(
        UserError, match=r"'Value' is neither an id nor part of an error(.|\n)*KeyE"
    ):
        named(first, "Value")
    with pytest.raises(UserError, match="no task has failed"):
        named([], "x")


def test_attempts_of_done_tasks_count_but_not_as_failed(project: Project) -> None:
    project.declare("s", GRID.replace("max_retries: 0", "max_retries: 1"))
    fail = {"event": "failed", "seconds": 1.0, "error": "ValueError: no", "output": "end"}
    done = {"event": "done", "seconds": 1.0, "metrics": {}}
    project.journal(
        "s",
        {"event": "claim", "tasks": [[0, 1], [1, 1], [2, 1]]},
        *({**fail, "task": task, "attempt": 1} for task in (0, 1, 2)),
        {"event": "claim", "tasks": [[0, 2], [1, 2]]},
        {**done, "task": 0, "attempt": 2},
        {**fail, "task": 1, "attempt": 2, "output": "the second"},
    )
    sweep = OpenSweep.named(project.config({}).layout, "s")
    sweep.ledger.refresh()
    [cause] = found(sweep)
    assert (cause.tasks, cause.attempts, cause.failed, cause.to_retry) == ([0, 1, 2], 4, [1], [2])
    assert cause.first_seen <= cause.last_seen
    assert [(a.task, a.attempt) for a in cause.all_attempts] == [
        ("t000000", 1), ("t000001", 1), ("t000001", 2), ("t000002", 1)
    ]  # fmt: skip
    [part] = of_tasks([cause], [2])
    assert (part.tasks, part.attempts, part.to_retry, part.failed) == ([2], 1, [2], [])
    assert part.example.task == "t000002"
    assert of_tasks([cause], [3]) == []
    assert (cause.example.task, cause.example.output) == ("t000001", "the second")
    [group] = summary([cause])
    assert (group["tasks"], group["to_retry"], group["cause"]) == (2, 1, cause.id)


def test_a_lost_worker_is_a_cause(project: Project) -> None:
    project.declare("s", GRID)
    project.journal("s", {"event": "claim", "tasks": [[0, 1], [1, 1]]}, writer="ana-gone-1")
    after = {"ana-gone-1": 9}
    project.journal("s", {"event": "claim", "tasks": [[0, 2]], "after": after}, writer="ben-vm-1")
    sweep = OpenSweep.named(project.config({}).layout, "s")
    sweep.ledger.refresh()
    [cause] = found(sweep)
    assert (cause.error, cause.tasks, cause.example.worker) == (
        "its worker was lost",
        [0],
        "ana-gone-1",
    )
    assert cause.to_retry == [0]


def test_what_the_failing_tasks_share_is_told_with_how_many_others_have_it(
    project: Project,
) -> None:
    def fails(p: Params) -> tuple[str, str] | None:
        return traced("MemoryError") if p["batch"] == 512 and p["model"] != "svm" else None

    sweep = run_all(project, fails)
    told = share(sweep, found(sweep)[0])
    assert told is not None
    assert in_words(told) == "all have batch=512; 3 of 51 others do"


def test_several_parameters_are_told_together(project: Project) -> None:
    def fails(p: Params) -> tuple[str, str] | None:
        return traced("MemoryError") if p["batch"] >= 256 and p["model"] == "svm" else None

    sweep = run_all(project, fails)
    told = share(sweep, found(sweep)[0])
    assert told is not None
    assert in_words(told) == "all have model=svm and batch>=256; none of 54 others do"
    assert [condition.others for condition in told.conditions] == [9, 18]


def test_nothing_is_said_to_be_shared_that_chance_explains(project: Project) -> None:
    def fails(p: Params) -> tuple[str, str] | None:
        return traced("OSError") if (p["model"], p["batch"]) in {("svm", 32), ("boost", 512)} and p["seed"] == 1 else None  # fmt: skip

    sweep = run_all(project, fails)
    [cause] = found(sweep)
    assert len(cause.tasks) == 2
    assert share(sweep, cause) is None  # both have seed 1, as a third of the others


def test_without_other_tasks_nothing_is_shared(project: Project) -> None:
    sweep = run_all(project, lambda _: traced("OSError"))
    assert share(sweep, found(sweep)[0]) is None


@pytest.mark.parametrize("text", ["\x1b[31mred\x00 ' \" \u2028 " * 5, "x" * 1_000_000, "a-" * 500_000, "/" * 300_000, "'" * 100_001, " \n" * 200_000])  # fmt: skip
def test_hostile_errors_are_grouped_like_others(project: Project, text: str) -> None:
    sweep = run_all(project, lambda p: (text, text) if p["batch"] == 32 else None)
    assert len(found(sweep)) == 1
