"""A task, as seen by the code that runs it."""

import enum
import json
import math
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import colabctl
from colabctl.errors import UserError
from colabctl.metrics import plain_metrics
from colabctl.run.exchange import Exchange
from colabctl.task import Assignment, FileRecorder, Task
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
        "import colabctl.api.project",
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


def recorders(tmp_path: Path) -> Assignment:
    return assignment(
        tmp_path,
        result=str(tmp_path / "result.json"),
        reports=str(tmp_path / "reports.jsonl"),
        stop=str(tmp_path / "stop"),
    )


def test_metrics_of_several_processes_are_put_together(tmp_path: Path) -> None:
    own = recorders(tmp_path)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=FileRecorder(own).done, args=({f"part{n}": n},)) for n in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    metrics = json.loads((tmp_path / "result.json").read_text())
    assert metrics == {f"part{n}": n for n in range(4)}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize("variable", ["RANK", "OMPI_COMM_WORLD_RANK", "LOCAL_RANK"])
def test_the_first_rank_decides_even_if_it_is_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    recorder = Recorded()
    exchange = Exchange(tmp_path, Task(assignment(tmp_path), recorder))
    for rank in (2, 0, 1):
        monkeypatch.setenv(variable, str(rank))
        own = Task(exchange.assignment, FileRecorder(exchange.assignment))
        own.report(step=1, loss=0.5 + rank)
        own.report(step=2, loss=0.4 + rank, **{f"only{rank}": rank})
        own.done(loss=rank)
        own.done(**{f"only{rank}": rank})
    exchange.pass_on()
    assert exchange.metrics() == {"loss": 0, "only0": 0, "only1": 1, "only2": 2}
    assert recorder.values == [
        (1, {"loss": 2.5}),
        (2, {"loss": 2.4, "only2": 2}),
        (2, {"only0": 0}),
        (2, {"only1": 1}),
    ]


def test_a_process_that_outlives_its_task_is_told_so_by_name(tmp_path: Path) -> None:
    own = recorders(tmp_path / "gone")
    with pytest.raises(UserError, match="task t000003 has ended"):
        FileRecorder(own).done({})
    with pytest.raises(UserError, match="task t000003 has ended"):
        FileRecorder(own).report(1, {})


class Scalar:
    """A number as TensorFlow has them: with a shape and float(), without item()."""

    shape = ()

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return self.value


class Text(enum.StrEnum):
    """A text with a name."""

    RED = "red"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Decimal("0.25"), 0.25),
        (Decimal("1e400"), math.inf),
        (Fraction(1, 4), 0.25),
        (Scalar(0.5), 0.5),
        (Text.RED, "red"),
        (10**400, 10**400),
        (True, True),
        (Colour.RED, 3),
    ],
)
def test_a_number_is_what_float_says(value: object, plain: object) -> None:
    metric = plain_metrics({"m": value})["m"]
    assert (type(metric), metric) == (type(plain), plain)


@pytest.mark.parametrize("value", [Scalar, 1 + 2j, b"0.5", Decimal("sNaN"), float])
def test_what_is_no_number_is_refused_with_its_name(value: object) -> None:
    with pytest.raises(TypeError, match="'m' is"):
        plain_metrics({"m": value})


def test_an_integer_that_python_cannot_write_is_refused() -> None:
    with pytest.raises(TypeError, match="'m' is an integer with more than 4000 digits"):
        plain_metrics({"m": 10**5000})


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("np.float16(0.5)", 0.5),
        ("np.float64(0.5)", 0.5),
        ("np.longdouble(0.5)", 0.5),
        ("np.int64(3)", 3),
        ("np.uint8(3)", 3),
        ("np.bool_(True)", True),
        ("np.str_('red')", "red"),
        ("np.array(0.5)", 0.5),
        ("np.array([[3]])", 3),
        ("np.ones(3).mean(dtype=np.longdouble)", 1.0),
        ("np.ma.masked", math.nan),
        ("np.ma.masked_invalid([np.nan, np.nan]).mean()", math.nan),
        ("np.ma.masked_array([3], mask=[True])", math.nan),
        ("np.ma.masked_array([3.0], mask=[False])", 3.0),
    ],
)
def test_a_number_of_numpy_is_what_float_says(text: str, plain: object) -> None:
    numpy = pytest.importorskip("numpy")
    value = eval(text, {"np": numpy})
    metric = plain_metrics({"m": value})["m"]
    assert (type(metric), repr(metric)) == (type(plain), repr(plain))


@pytest.mark.parametrize(
    "text", ["np.complex64(1)", "np.clongdouble(1)", "np.bytes_(b'1')", "np.ones(2)", "np.ones(0)"]
)
def test_what_is_no_number_of_numpy_is_refused(text: str) -> None:
    numpy = pytest.importorskip("numpy")
    with pytest.raises(TypeError, match="'m' is of type"):
        plain_metrics({"m": eval(text, {"np": numpy})})
