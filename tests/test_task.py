"""One task as the code that runs it sees it."""

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


class Silent:
    """Takes what a task tells, and keeps it."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        self.told.append((step, values))

    def should_stop(self) -> bool:
        return len(self.told) > 3

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        self.told.append((name, value, distribution))

    def done(self, metrics: dict[str, Any]) -> None:
        self.told.append(metrics)

    def failed(self, error: BaseException) -> None:
        self.told.append(error)


def assignment(tmp_path: Path, **parts: Any) -> Assignment:
    usual = {"sweep": "s", "task": "t000003", "index": 3, "attempt": 1, "params": {"x": 1}}
    return Assignment(**{**usual, "folder": str(tmp_path / "runs/own"), **parts})


def test_a_folder_is_made_when_it_is_first_asked_for(tmp_path: Path) -> None:
    task = Task(assignment(tmp_path), Silent())
    assert list(tmp_path.iterdir()) == []
    assert task.folder == tmp_path / "runs/own"
    assert task.folder.is_dir()


def test_only_those_earlier_folders_are_given_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    task = Task(
        assignment(tmp_path, earlier=(str(tmp_path / "two"), str(tmp_path / "one"))), Silent()
    )
    assert task.earlier == [tmp_path / "one"]


def test_a_block_that_ends_well_is_done_once(tmp_path: Path) -> None:
    told = Silent()
    with Task(assignment(tmp_path), told) as task:
        task.report(step=1, loss=0.5)
        task.done(a=1)
        task.done(b=2)
    assert told.told == [(1, {"loss": 0.5}), {"a": 1}, {"a": 1, "b": 2}]


def test_a_block_that_raises_tells_and_goes_on(tmp_path: Path) -> None:
    told = Silent()
    error = ValueError("no")
    with Task(assignment(tmp_path), told):
        raise error
    assert told.told == [error]


def test_an_interruption_is_told_and_not_held_back(tmp_path: Path) -> None:
    told = Silent()
    with pytest.raises(KeyboardInterrupt), Task(assignment(tmp_path), told):
        raise KeyboardInterrupt
    assert len(told.told) == 1


class Colour(enum.IntEnum):
    """A number with a name."""

    RED = 3


def test_metrics_become_plain_json(tmp_path: Path) -> None:
    given: dict[Any, Any] = {
        "colour": Colour.RED,
        3: (1, [2]),
        "path": {"a": {"b": True}},
        "none": None,
    }
    assert json.loads(json.dumps(plain_metrics(given))) == {
        "colour": 3,
        "3": [1, [2]],
        "path": {"a": {"b": True}},
        "none": None,
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [(object(), "'m' is a object"), ({"a": {1, 2}}, "'m.a' is a set"), (b"x", "'m' is a bytes")],
)
def test_what_is_no_metric_is_named(value: object, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        plain_metrics({"m": value})


def test_a_metric_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(TypeError, match="'m' is nested more than 20 levels deep"):
        plain_metrics({"m": loop})


def test_an_array_of_many_numbers_is_no_metric() -> None:
    numpy = pytest.importorskip("numpy")
    with pytest.raises(TypeError, match="'m' is a ndarray"):
        plain_metrics({"m": numpy.zeros(3)})
    assert plain_metrics({"m": numpy.zeros((1, 1))}) == {"m": 0.0}


def test_the_function_is_found_whatever_was_imported_before() -> None:
    for order in (
        "import colabctl.task, colabctl",
        "import colabctl; colabctl.open",
        "import colabctl.api",
    ):
        text = f"{order}\nimport colabctl\nfor _ in range(2):\n    try: colabctl.task()\n"
        text += "    except colabctl.errors.UserError: pass\n"
        subprocess.run([sys.executable, "-c", text], check=True, env=clean(os.environ))


def test_a_program_started_by_hand_is_told_how_it_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_program_answers_through_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = assignment(
        tmp_path,
        result=str(tmp_path / "result.json"),
        reports=str(tmp_path / "reports.jsonl"),
        stop=str(tmp_path / "stop"),
    )
    (tmp_path / "task.json").write_text(json.dumps(asdict(given)))
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
