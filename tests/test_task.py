"""A task, as seen by the code that runs it."""

import enum
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import colabctl
from colabctl.errors import UserError
from colabctl.task import Assignment, Task, plain_metrics
from tests.processes import clean


class Recorded:
    """Keeps the values that a task records, and asks the task to stop after three."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        self.values.append((step, values))

    def should_stop(self) -> bool:
        return len(self.values) > 3

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        self.values.append((name, value, distribution))

    def done(self, metrics: dict[str, Any]) -> None:
        self.values.append(metrics)

    def failed(self, error: BaseException) -> None:
        self.values.append(error)


def assignment(tmp_path: Path, **parts: Any) -> Assignment:
    usual = {"sweep": "s", "task": "t000003", "index": 3, "attempt": 1, "params": {"x": 1}}
    return Assignment(**{**usual, "folder": str(tmp_path / "runs/own"), **parts})


def test_a_folder_is_created_on_first_use(tmp_path: Path) -> None:
    task = Task(assignment(tmp_path), Recorded())
    assert list(tmp_path.iterdir()) == []
    assert task.folder == tmp_path / "runs/own"
    assert task.folder.is_dir()


def test_earlier_has_only_folders_that_exist(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    task = Task(
        assignment(tmp_path, earlier=(str(tmp_path / "two"), str(tmp_path / "one"))), Recorded()
    )
    assert task.earlier == [tmp_path / "one"]


def test_a_block_that_records_metrics_is_done_with_them(tmp_path: Path) -> None:
    recorder = Recorded()
    with Task(assignment(tmp_path), recorder) as task:
        task.report(step=1, loss=0.5)
        task.done(a=1)
        task.done(b=2)
    assert recorder.values == [(1, {"loss": 0.5}), {"a": 1}, {"a": 1, "b": 2}]


def test_a_block_that_raises_is_recorded_as_failed_and_the_loop_continues(tmp_path: Path) -> None:
    recorder = Recorded()
    error = ValueError("no")
    with Task(assignment(tmp_path), recorder):
        raise error
    assert recorder.values == [error]


def test_an_interruption_is_recorded_and_raised_again(tmp_path: Path) -> None:
    recorder = Recorded()
    with pytest.raises(KeyboardInterrupt), Task(assignment(tmp_path), recorder):
        raise KeyboardInterrupt
    assert len(recorder.values) == 1


class Colour(enum.IntEnum):
    """A number with a name."""

    RED = 3


def test_metrics_become_plain_json(tmp_path: Path) -> None:
    metrics: dict[Any, Any] = {
        "colour": Colour.RED,
        3: (1, [2]),
        "path": {"a": {"b": True}},
        "none": None,
    }
    assert json.loads(json.dumps(plain_metrics(metrics))) == {
        "colour": 3,
        "3": [1, [2]],
        "path": {"a": {"b": True}},
        "none": None,
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "'m' is of type object"),
        ({"a": {1, 2}}, "'m.a' is of type set"),
        (b"x", "'m' is of type bytes"),
    ],
)
def test_a_value_that_cannot_be_a_metric_is_named_with_its_type(
    value: object, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        plain_metrics({"m": value})


def test_a_metric_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(TypeError, match="'m' is nested more than 20 levels deep"):
        plain_metrics({"m": loop})


def test_an_array_of_many_numbers_is_not_a_metric() -> None:
    numpy = pytest.importorskip("numpy")
    with pytest.raises(TypeError, match="'m' is of type ndarray"):
        plain_metrics({"m": numpy.zeros(3)})
    assert plain_metrics({"m": numpy.zeros((1, 1))}) == {"m": 0.0}


def test_colabctl_task_is_the_function_in_every_order_of_imports() -> None:
    for order in (
        "import colabctl.task, colabctl",
        "import colabctl; colabctl.open",
        "import colabctl.api",
    ):
        text = f"{order}\nimport colabctl\nfor _ in range(2):\n    try: colabctl.task()\n"
        text += "    except colabctl.errors.UserError: pass\n"
        subprocess.run([sys.executable, "-c", text], check=True, env=clean(os.environ))


def test_a_program_started_by_hand_learns_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLABCTL_TASK", raising=False)
    with pytest.raises(UserError, match="not started by `colabctl work`"):
        colabctl.task()


@pytest.mark.parametrize("text", [None, "", "[]", "{", "{}", '{"sweep": "s", "strange": 1}'])
def test_a_task_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    file = tmp_path / "task.json"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("COLABCTL_TASK", str(file))
    with pytest.raises(UserError, match=r"COLABCTL_TASK: .*task\.json cannot be read"):
        colabctl.task()


def test_a_program_records_through_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = assignment(
        tmp_path,
        result=str(tmp_path / "result.json"),
        reports=str(tmp_path / "reports.jsonl"),
        stop=str(tmp_path / "stop"),
    )
    (tmp_path / "task.json").write_text(json.dumps(asdict(own)))
    monkeypatch.setenv("COLABCTL_TASK", str(tmp_path / "task.json"))
    task = colabctl.task()
    assert (task.params, task.name, task.index) == ({"x": 1}, "t000003", 3)
    assert task.report(step=1, loss=0.5) is False
    (tmp_path / "stop").touch()
    assert task.report(step=2, loss=0.25) is True
    task.done(y=1)
    task.done(z=2)
    assert json.loads((tmp_path / "result.json").read_text()) == {"y": 1, "z": 2}
    reports = (tmp_path / "reports.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in reports] == [
        {"step": 1, "values": {"loss": 0.5}, "asks": True},
        {"step": 2, "values": {"loss": 0.25}, "asks": True},
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "reports.jsonl",
        "result.json",
        "stop",
        "task.json",
    ]
