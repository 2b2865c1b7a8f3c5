"""Functions as tasks: their parameters, their metrics, their failures."""

from collections.abc import Iterable

import pytest

from tests.processes import Project
from tests.run.functions import grid, unindented


def test_a_function_gets_the_parameters_and_its_metrics_are_the_result(project: Project) -> None:
    project.declare(
        "double",
        grid(3),
        "def train(params, task):\n    return {'twice': 2 * params['x'], 'name': task.name}\n",
    )
    worked = project.run("work", "double")
    assert worked.code == 0
    assert [(row["params"], row["metrics"]) for row in project.results("double")] == [
        ({"x": x}, {"twice": 2 * x, "name": f"t{x:06d}"}) for x in range(3)
    ]


def outcomes(project: Project, bodies: Iterable[str]) -> list[object]:
    """Return the outcome of a task with each of these bodies: its error or its metrics."""
    cases = list(enumerate(bodies))
    program = "".join(f"def case{x}(params, task):\n    {body}\n" for x, body in cases)
    program += (
        "def train(params, task):\n    return globals()[f'case{params[\"x\"]}'](params, task)\n"
    )
    project.declare("cases", grid(len(cases), "max_retries: 0"), program)
    for _ in cases:  # a worker whose first five tasks fail gives up, and the next one continues
        if project.status("cases")["state"] != "finished":
            project.run("work", "cases")
    return [row["error"] or row["metrics"] for row in project.results("cases")]


def test_a_task_that_fails_is_recorded_with_its_error(project: Project) -> None:
    errors = {
        "raise ValueError('no such thing')": "ValueError: no such thing",
        "raise SystemExit('enough')": "sys.exit('enough')",
        "raise KeyboardInterrupt": "KeyboardInterrupt (train.py, line 6)",
        "assert params is None": "AssertionError: assert params is None (train.py, line 8)",
        "raise ValueError('two\\nlines')": "ValueError: two lines",
        "return 0.5": "the function returned a float, but the sweep does not say which metric "
        'that is; return a dict, such as {"accuracy": 0.91}, or add `metric:` to the sweep file',
        "return 'good'": "the function returned a str; "
        'return a dict of metrics, such as {"accuracy": 0.91}',
        "return {'model': object()}": "TypeError: metric 'model' is of type object; "
        "use a number or text",
        "task.report(step=1, loss=[object()])": "TypeError: metric 'loss' is of type object; "
        "use a number or text",
    }
    assert outcomes(project, errors) == list(errors.values())


def test_the_return_value_of_a_function_is_its_metrics(project: Project) -> None:
    metrics: dict[str, dict[str, object]] = {
        "pass": {},
        "import sys; sys.exit(0)": {},
        "task.done(a=1); task.done(b=2)": {"a": 1, "b": 2},
        "task.done(a=1, b=1); return {'b': 2}": {"a": 1, "b": 2},
        "return {'nan': float('nan'), 'inf': float('-inf')}": {"nan": None, "inf": None},
        "return {'flag': True, 'none': None, 'list': (1, [2]), 'map': {'a': 1}}": {
            "flag": True,
            "none": None,
            "list": [1, [2]],
            "map": {"a": 1},
        },
        "return {'ä': 'naïve 漢'}": {"ä": "naïve 漢"},
        "return {'half a character': chr(0xD800)}": {"half a character": "\ud800"},
        "return {'text': 'x' * 1_000_000}": {"text": "x" * 1_000_000},
    }
    assert outcomes(project, metrics) == list(metrics.values())


def test_numbers_of_numpy_are_numbers(project: Project) -> None:
    pytest.importorskip("numpy")
    body = "import numpy as np; return {'f': np.float32(0.5), 'i': np.int64(7), 'a': np.ones(1)}"
    assert outcomes(project, [body]) == [{"f": 0.5, "i": 7, "a": 1.0}]


def test_a_failure_keeps_the_last_forty_lines_of_its_output(project: Project) -> None:
    program = """
        import os, subprocess, sys

        def train(params, task):
            for number in range(60):
                print("line", number)
            sys.stderr.write("a warning\\n")
            subprocess.run(["echo", "from a child"])
            os.write(1, b"straight to the descriptor\\n")
            print("without an end", end="")
            raise RuntimeError("here")
    """
    project.declare("output", grid(1, "max_retries: 0"), unindented(program))
    assert project.run("work", "output").code == 1
    [failure] = project.events("output", "failed")
    lines = failure["output"].splitlines()
    assert len(lines) == 40
    assert {"line 59", "a warning", "from a child", "straight to the descriptor"} <= set(lines)
    assert any("without an end" in line for line in lines)
    assert lines[-1] == "RuntimeError: here"
    assert "line 10" not in lines


def test_a_failure_has_its_own_output_and_not_that_of_the_task_before(
    project: Project,
) -> None:
    program = """
        def train(params, task):
            print("this is", task.name, end=params["end"])
            raise RuntimeError
    """
    text = grid(2, "max_retries: 0").replace("parameters: {", "parameters: {end: {value: '!'}, ")
    project.declare("own", text, unindented(program))
    assert project.run("work", "own").code == 1
    for failure in project.events("own", "failed"):
        named = [name for name in ("t000000", "t000001") if name in failure["output"]]
        assert named == [f"t{failure['task']:06d}"]


def test_intermediate_values_are_in_the_journal(project: Project) -> None:
    program = """
        def train(params, task):
            for step in range(3):
                stop = task.report(step=step, loss=1 / (step + 1))
                assert stop is False
    """
    project.declare("steps", grid(2), unindented(program))
    assert project.run("work", "steps").code == 0
    reports = project.reports("steps")
    assert [(r["step"], r["values"]) for r in reports if r["task"] == 1] == [
        (0, {"loss": 1.0}),
        (1, {"loss": 0.5}),
        (2, {"loss": 1 / 3}),
    ]


def test_a_second_attempt_finds_what_the_first_one_left(project: Project) -> None:
    program = """
        def train(params, task):
            if task.attempt == 1:
                (task.folder / "half.txt").write_text("half done")
                raise RuntimeError
            return {"found": [(folder / "half.txt").read_text() for folder in task.earlier]}
    """
    project.declare("again", grid(1), unindented(program))
    assert project.run("work", "again").code == 0
    [row] = project.results("again")
    assert (row["attempt"], row["metrics"]) == (2, {"found": ["half done"]})


def test_a_folder_is_made_only_for_a_task_that_asks_for_it(project: Project) -> None:
    project.declare(
        "tidy",
        grid(3),
        "def train(params, task):\n    if params['x'] == 1:\n        task.folder\n",
    )
    assert project.run("work", "tidy").code == 0
    folders = [path for path in (project.root / "sweeps/tidy/runs").rglob("*") if path.is_dir()]
    assert [path.name[:8] for path in folders if path.name.startswith("0000")] == ["000001-1"]


def metrics_of(project: Project, program: str, more: str = "") -> list[object]:
    """Return the error or the metrics of each of two tasks, with x 0 and 1 and lr 0.5."""
    text = grid(2, f"max_retries: 0\n{more}").replace("parameters: {", "parameters: {lr: 0.5, ")
    project.declare("called", text, unindented(program))
    worked = project.run("work", "called")
    rows = project.results("called")
    assert worked.code == any(row["error"] for row in rows), worked.err
    return [row["error"] or row["metrics"] for row in rows]


def test_a_function_is_called_by_the_names_of_its_arguments(project: Project) -> None:
    program = """
        def train(x, lr, epochs=3, *, task):
            return {"y": [x, lr, epochs, task.index]}
    """
    assert metrics_of(project, program) == [{"y": [0, 0.5, 3, 0]}, {"y": [1, 0.5, 3, 1]}]


def test_an_asynchronous_function_runs_to_its_end(project: Project) -> None:
    program = """
        import asyncio

        async def train(config):
            await asyncio.sleep(0)
            return {"y": config.x + config["lr"]}
    """
    assert metrics_of(project, program) == [{"y": 0.5}, {"y": 1.5}]


def test_a_class_becomes_a_new_instance_for_each_task(project: Project) -> None:
    program = """
        class train:
            def __init__(self):
                self.calls = 0

            def __call__(self, x, lr):
                self.calls += 1
                return {"y": x, "calls": self.calls}
    """
    assert metrics_of(project, program) == [{"y": 0, "calls": 1}, {"y": 1, "calls": 1}]


def test_a_function_that_only_running_it_shows_is_refused_before_any_task(
    project: Project,
) -> None:
    program = """
        import functools

        def logged(function):
            @functools.wraps(function)
            def inner(*args, **kwargs):
                return function(*args, **kwargs)
            return inner

        @logged
        def train(x, rate):
            return {"y": x}
    """
    text = grid(2).replace("parameters: {", "parameters: {lr: 0.5, ")
    project.declare("late", text, unindented(program))
    worked = project.run("work", "late")
    assert worked.code == 1
    assert "train.py: train(x, rate) does not fit the sweep: " in worked.err
    assert "no parameter rate (did you mean lr?)" in worked.err
    assert project.status("late")["failed"] == 0


@pytest.mark.parametrize(
    ("body", "metrics"),
    [
        ("return x + 0.5", {"loss": 0.5}),
        ("return (x,)", {"loss": 0}),
        ("return x, {'acc': lr}", {"loss": 0, "acc": 0.5}),
        ("loss, acc = x, lr; return loss, acc", {"loss": 0, "acc": 0.5}),
        ("return Result(x, lr)", {"loss": 0, "acc": 0.5}),
        ("return Scores(x)", {"loss": 0}),
        ("return types.MappingProxyType({'loss': x})", {"loss": 0}),
        ("return fractions.Fraction(1, 2)", {"loss": 0.5}),
        ("task.done(acc=1); return x", {"loss": 0, "acc": 1}),
    ],
)
def test_a_number_is_the_sweeps_metric_and_a_tuple_has_names(
    project: Project, body: str, metrics: dict[str, object]
) -> None:
    program = f"""
        import dataclasses, fractions, types, typing

        class Result(typing.NamedTuple):
            loss: float
            acc: float

        @dataclasses.dataclass
        class Scores:
            loss: float

        def train(x, lr, task):
            {body}
    """
    assert metrics_of(project, program, "metric: {name: loss}")[0] == metrics


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("return make()", "returns values without names; return a dict"),
        ("return True", "the function returned a bool; return a dict of metrics"),
        ("return [1, 2, 3]", "returns values without names"),
    ],
)
def test_a_return_value_without_a_name_is_refused_with_what_to_return(
    project: Project, body: str, part: str
) -> None:
    program = f"""
        def make():
            return 1, 2

        def train(x, lr):
            {body}
    """
    [error, _] = metrics_of(project, program, "metric: {name: loss}")
    assert part in str(error)


def test_the_program_of_a_function_sees_no_arguments_of_the_worker(project: Project) -> None:
    program = """
        import argparse, sys
        parser = argparse.ArgumentParser()
        parser.add_argument("--epochs", type=int, default=3)
        epochs = parser.parse_args().epochs

        def train(x):
            return {"y": epochs, "argv": len(sys.argv), "file": sys.argv[0] == __file__}
    """
    project.declare("argv", grid(1), unindented(program))
    assert project.run("work", "argv").code == 0
    assert project.results("argv")[0]["metrics"] == {"y": 3, "argv": 1, "file": True}
