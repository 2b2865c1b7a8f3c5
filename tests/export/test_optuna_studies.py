"""A sweep's finished tasks as Optuna studies, in a database that Optuna opens."""

import math
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pytest

from colabctl.errors import UserError
from colabctl.export import optuna_database
from colabctl.export.optuna_database import write_studies
from colabctl.export.optuna_studies import studies
from colabctl.search import Cell, expand
from colabctl.views.results import as_json
from colabctl.work.open_sweep import OpenSweep
from tests.cli.see.test_status import claim, done, failed
from tests.processes import Project

COMPLETE, PRUNED, FAIL = (
    getattr(optuna.trial.TrialState, name) for name in ("COMPLETE", "PRUNED", "FAIL")
)

LOOP = (
    "method: grid\nmetric: {name: y, goal: maximize}\nmax_retries: 0\n"
    "parameters: {x: {values: [10, 20, 30, 40]}, n: {value: 3}}\n"
)


def pruned(task: int, **metrics: object) -> dict[str, object]:
    return {**done(task, **metrics), "event": "pruned"}


def report(task: int, *values: tuple[float | None, object], attempt: int = 1) -> dict[str, object]:
    reports = [[step, {"y": value}] for step, value in values]
    return {"event": "report", "task": task, "attempt": attempt, "reports": reports}


def open_sweep(project: Project, name: str) -> tuple[OpenSweep, Sequence[Cell]]:
    sweep = OpenSweep.at(project.root, project.config({}).layout.sweep(name))
    sweep.ledger.refresh()
    return sweep, expand(sweep.declared.declaration()).cells


def exported(project: Project, name: str, file: str = "out.db", **options: Any) -> list[Any]:
    """Return the studies of a sweep as Optuna reads them from a file."""
    sweep, cells = open_sweep(project, name)
    exports = studies(sweep.plan, cells, sweep.ledger.state, sweep.tasks)
    write_studies(exports, project.root / file, sweep.plan, **options)
    return loaded(project.root / file)


def loaded(file: Path) -> list[Any]:
    url = f"sqlite:///{file}"
    names = [summary.study_name for summary in optuna.get_all_study_summaries(url)]
    return [optuna.load_study(study_name=name, storage=url) for name in names]


def test_a_study_has_the_finished_tasks_and_describes_them(project: Project) -> None:
    project.declare("loop", LOOP)
    project.journal(
        "loop", claim(0, 1, 2, 3), done(0, y=0.5, z=[1]), failed(2, 1, "no"), done(3, y=0.7)
    )
    [study] = exported(project, "loop")
    assert (study.study_name, study.direction.name, study.metric_names) == (
        "loop",
        "MAXIMIZE",
        ["y"],
    )
    assert study.user_attrs == {"sweep": "loop"}
    first, second, third = study.trials
    assert [trial.number for trial in study.trials] == [0, 1, 2]
    assert [trial.state for trial in study.trials] == [COMPLETE, FAIL, COMPLETE]
    assert [trial.params for trial in study.trials] == [{"x": 10}, {"x": 30}, {"x": 40}]
    assert (first.value, second.value, third.value) == (0.5, None, 0.7)
    assert first.user_attrs == {
        "task": "t000000", "trial": 0, "status": "done", "member": "ana", "worker": "ana-vm-1",
        "attempt": 1, "seconds": 1.5, "z": [1],
    }  # fmt: skip
    assert second.user_attrs["error"] == "no"
    assert (second.user_attrs["task"], second.user_attrs["trial"]) == ("t000002", 2)
    assert study.best_trial.number == 2


def test_dates_are_those_between_which_the_task_ran(project: Project) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0), done(0, y=0.5))
    [study] = exported(project, "loop")
    [trial] = study.trials
    assert trial.duration.total_seconds() == 1.5
    [event] = project.events("loop", "done")
    assert trial.datetime_complete == datetime.fromtimestamp(event["t"])  # noqa: DTZ006


def test_every_cell_is_a_study_and_knows_its_values(project: Project) -> None:
    text = LOOP.replace("parameters: {", "foreach: [d]\nparameters: {d: {values: [a/b, null]}, ")
    project.declare("loop", text)
    project.journal("loop", claim(0, 5), done(0, y=0.5), done(5, y=0.7))
    first, second = exported(project, "loop")
    assert (first.study_name, second.study_name) == ("loop d=a/b", "loop d=null")
    assert (first.user_attrs["d"], second.user_attrs["d"]) == ("a/b", None)
    assert [trial.params for trial in second.trials] == [{"x": 20}]
    assert second.trials[0].user_attrs["trial"] == 1


def test_a_sweep_with_nothing_finished_has_empty_studies(project: Project) -> None:
    project.declare("loop", LOOP)
    [study] = exported(project, "loop")
    assert study.trials == []


def test_cells_with_equal_or_long_names_are_numbered(project: Project) -> None:
    values = ["1", 1, "x" * 58, "y" * 300]
    project.declare(
        "s",
        f"method: grid\nmetric: {{name: y}}\nforeach: [d]\nparameters: {{d: {{values: {values}}}}}",
    )
    names = [study.study_name for study in exported(project, "s")]
    assert names[:2] == ["s d=1 #0", "s d=1 #1"]
    assert len(set(names)) == 4
    assert max(map(len, names)) < 220


def test_reports_are_intermediate_values_and_the_last_is_that_of_a_pruned_trial(
    project: Project,
) -> None:
    project.declare("loop", LOOP)
    project.journal(
        "loop",
        claim(0, 1, 2, 3),
        report(0, (2, 0.1), (4, 0.2), (4, 0.3)),
        report(1, (None, 0.1), (None, 0.2), (7, "text")),
        report(2, (1, 0.5), (10**30, 0.6), (-1, 0.7)),
        report(3, (0, math.nan), (1, math.inf), (2, -math.inf)),
        done(0, y=0.5), pruned(1, y=9), pruned(2), pruned(3),
    )  # fmt: skip
    [study] = exported(project, "loop")
    values = [trial.intermediate_values for trial in study.trials]
    assert values[:3] == [{2: 0.1, 4: 0.2}, {0: 0.1, 1: 0.2}, {0: 0.5, 1: 0.6, 2: 0.7}]
    assert math.isnan(values[3].pop(0))
    assert values[3] == {1: math.inf, 2: -math.inf}
    assert [trial.state for trial in study.trials] == [COMPLETE, PRUNED, PRUNED, PRUNED]
    assert [trial.value for trial in study.trials] == [0.5, 0.2, 0.7, -math.inf]
    assert study.trials[1].user_attrs["y"] == 9


@pytest.mark.parametrize("value", [math.nan, "text", None, True, [0.5]])
def test_a_task_that_is_done_without_a_number_is_failed_in_optuna(
    project: Project, value: object
) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0, 1), done(0, y=value), done(1))
    [study] = exported(project, "loop")
    assert [(trial.state, trial.value) for trial in study.trials] == [(FAIL, None)] * 2
    assert study.trials[0].user_attrs["status"] == "done"
    assert study.trials[0].user_attrs["y"] == as_json(value)


def test_an_infinite_value_is_one(project: Project) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0, 1), done(0, y=math.inf, z=math.inf), done(1, y=-math.inf))
    [study] = exported(project, "loop")
    assert [trial.value for trial in study.trials] == [math.inf, -math.inf]
    assert study.trials[0].user_attrs["z"] is None
    assert study.best_value == math.inf


def test_a_task_that_lost_every_worker_is_failed_and_has_dates(
    project: Project,
) -> None:
    project.declare("loop", LOOP)
    for number in range(11):
        after = {"after": {f"ana-vm-{number - 1}": 1}} if number else {}  # it takes the task over
        file = project.journal(
            "loop",
            {"event": "claim", "tasks": [[0, number + 1]], **after},
            writer=f"ana-vm-{number}",
        )
        begun = time.time() - 3600 + 100 * number
        lines = file.read_text().splitlines()
        file.write_text("".join(
            line.replace(f'"t": {line.split(chr(34) + "t" + chr(34) + ": ")[1].split(",")[0]}', f'"t": {begun + n}') + "\n"
            for n, line in enumerate(lines)
        ))  # fmt: skip
    [study] = exported(project, "loop")
    [trial] = study.trials
    assert (trial.state, trial.user_attrs["error"]) == (
        FAIL,
        "lost its worker every time (10 attempts)",
    )
    assert trial.user_attrs["status"] == "failed"
    assert trial.duration.total_seconds() > 0


@pytest.mark.parametrize("seconds", [-5, 1e300, 0])
def test_an_impossible_duration_does_no_harm(project: Project, seconds: float) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0), {**done(0, y=1.0), "seconds": seconds})
    [study] = exported(project, "loop")
    assert study.trials[0].duration.total_seconds() >= 0


def test_metrics_with_strange_names_do_not_hide_attributes_of_colabctl(project: Project) -> None:
    project.declare("loop", LOOP)
    strange = {
        "task": "mine",
        "error": 3,
        "half \ud800": "\ud800",
        "": 1,
        "deep": {"a": [math.nan]},
    }
    project.journal(
        "loop",
        claim(0),
        {**done(0), "metrics": {"y": 1.0, **strange}, "attributes": {"note": "x", "task": 5}},
    )
    [study] = exported(project, "loop")
    attrs = study.trials[0].user_attrs
    assert (attrs["task"], attrs["metrics.task"], attrs["attributes.task"]) == (
        "t000000",
        "mine",
        5,
    )
    assert (attrs["note"], attrs["metrics.error"], attrs["deep"]) == ("x", 3, {"a": [None]})
    assert attrs["half \\ud800"] == "\ud800"


OBJECTIVE = {
    "x": '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}'
}


def test_parameters_that_an_objective_asked_for_come_from_the_journal(project: Project) -> None:
    project.declare("loop", LOOP.replace("grid", "random"))
    suggested = {
        "event": "suggested",
        "task": 0,
        "attempt": 1,
        "params": {"x": 0.25},
        "distributions": OBJECTIVE,
    }
    project.journal("loop", claim(0, 1), suggested, done(0, y=1.0), done(1, y=2.0))
    sweep, cells = open_sweep(project, "loop")
    plan = sweep.plan.__class__(**{**vars(sweep.plan), "method": "optuna"})
    [study] = studies(plan, cells, sweep.ledger.state, sweep.tasks)
    assert [trial.params for trial in study.trials] == [{"x": 0.25}, {}]
    expected = optuna.distributions.FloatDistribution(0, 1)
    assert study.trials[0].distributions == {"x": expected}


def test_parameters_that_a_worker_proposed_come_from_its_claim(project: Project) -> None:
    text = "method: bayes\ntrials: 2\nmetric: {name: y}\nparameters: {x: {min: 0.0, max: 1.0}}"
    project.declare("loop", text)
    project.journal("loop", {**claim(1), "params": {"1": {"x": 0.25}}}, done(1, y=1.0))
    [study] = exported(project, "loop")
    assert [trial.params for trial in study.trials] == [{"x": 0.25}]
    assert study.trials[0].user_attrs["trial"] == 1


def everything(study: Any) -> Any:
    """Return everything that Optuna shows of a study."""
    trials = [
        (trial.number, trial.state, trial.value, trial.params, trial.distributions, trial.user_attrs,
         trial.intermediate_values, trial.datetime_start, trial.datetime_complete)
        for trial in study.trials
    ]  # fmt: skip
    return study.study_name, study.direction, study.metric_names, study.user_attrs, trials


def test_a_database_of_another_layout_is_filled_by_public_functions_with_the_same_result(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = LOOP.replace("parameters: {", "foreach: [d]\nparameters: {d: {values: [a, [1]]}, ")
    project.declare("loop", text)
    project.journal(
        "loop",
        claim(*range(8)),
        report(0, (1, 0.5), (3, math.inf)),
        done(0, y=0.5, z=math.nan), pruned(1), failed(2, 1, "no"), done(3, y=math.inf), done(6, y=1),
    )  # fmt: skip
    expected = exported(project, "loop", "expected.db")
    monkeypatch.setattr(optuna_database, "_TABLES", "of the future")
    monkeypatch.delattr(optuna_database, "_in_bulk")
    assert list(map(everything, exported(project, "loop", "other.db"))) == list(
        map(everything, expected)
    )


def test_a_study_can_be_continued(project: Project) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0), done(0, y=0.5))
    [study] = exported(project, "loop")
    study.optimize(lambda trial: trial.suggest_categorical("x", [10, 20, 30, 40]), n_trials=2)
    assert len(study.trials) == 3


def test_an_export_is_replaced_until_someone_continues_with_it(project: Project) -> None:
    project.declare("loop", LOOP)
    exported(project, "loop")
    project.journal("loop", claim(0), done(0, y=0.5))
    [study] = exported(project, "loop")
    assert len(study.trials) == 1
    assert len(loaded(project.root / "out.db")[0].trials) == 1  # reading it changes nothing
    [study] = exported(project, "loop")
    study.set_user_attr("mine", 1)
    before = (project.root / "out.db").read_bytes()
    with pytest.raises(
        UserError,
        match=r"out.db exists and was not written by colabctl, or has changed;.*--force",
    ):
        exported(project, "loop")
    assert (project.root / "out.db").read_bytes() == before
    [study] = exported(project, "loop", replace=True)
    assert "mine" not in study.user_attrs


@pytest.mark.parametrize("content", [b"mine", b"SQLite format 3\0" + bytes(84)])
def test_a_foreign_file_is_kept(project: Project, content: bytes) -> None:
    project.declare("loop", LOOP)
    (project.root / "out.db").write_bytes(content)
    with pytest.raises(UserError, match="was not written by colabctl, or has changed"):
        exported(project, "loop")
    assert (project.root / "out.db").read_bytes() == content


def test_a_sweep_without_a_metric_is_refused(project: Project) -> None:
    project.declare("loop", LOOP.replace("metric: {name: y, goal: maximize}\n", ""))
    with pytest.raises(UserError, match=r"sweep loop has no metric.*--to csv"):
        exported(project, "loop")
    assert not (project.root / "out.db").exists()


def test_the_number_of_written_trials_is_reported(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optuna_database, "_BATCH", 2)
    project.declare("loop", LOOP)
    project.journal("loop", claim(0, 1, 2), *(done(index, y=1.0) for index in range(3)))
    counts: list[int] = []
    exported(project, "loop", progress=counts.append)
    assert counts == [2, 3]


def test_the_users_settings_of_optuna_stay(project: Project) -> None:
    project.declare("loop", LOOP)
    before = optuna.logging.get_verbosity()
    exported(project, "loop")
    assert optuna.logging.get_verbosity() == before
