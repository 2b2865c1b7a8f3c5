"""Writes Optuna studies into an SQLite file for Optuna and its dashboard.

Import this only where Optuna is installed.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from sqlalchemy import insert
from sqlalchemy.orm import Session

from colabctl.errors import UserError
from colabctl.export.optuna_studies import ExportedStudy
from colabctl.ledger import Plan
from colabctl.search.learn.optuna_bridge import quiet
from colabctl.views import files

Add = Callable[[Sequence[FrozenTrial]], None]
"""Adds trials to a study."""

_TABLES = "v3.2.0.a"  # the version of Optuna's tables that _in_bulk writes, current since 2023
_BATCH = 500  # trials


def write_studies(
    studies: Iterator[ExportedStudy],
    file: Path,
    plan: Plan,
    *,
    replace: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, int]:
    """Write studies into a file, completely or not at all; return the number of trials by study.

    `progress` is called with the number of trials written so far. Without `replace`, an existing
    file is replaced only if colabctl wrote it and it has not changed since. Raises UserError for
    any other file, one that cannot be written, and a sweep without a metric.
    """
    if not plan.goals:
        raise UserError(
            f"sweep {plan.sweep} has no metric, which a study needs; export it --to csv, or add "
            "`metric: {name: ..., goal: ...}` to its file and declare it under a new name"
        )
    if not replace:
        files.refuse_foreign(
            file, files.is_our_database, "was not written by colabctl, or has changed"
        )
    # SQLite needs a local disk; others may see only the complete file.
    with tempfile.TemporaryDirectory(prefix="colabctl-studies-") as scratch, quiet():
        database = Path(scratch) / "studies.db"
        storage = RDBStorage(f"sqlite:///{database.as_posix()}")
        try:
            counts = _fill(storage, studies, plan, progress)
        finally:
            storage.remove_session()
            storage.engine.dispose()
        files.mark_database(database)
        files.write(file, database.read_bytes())
    return counts


def _fill(
    storage: RDBStorage,
    studies: Iterator[ExportedStudy],
    plan: Plan,
    progress: Callable[[int], None],
) -> dict[str, int]:
    """Write studies into an empty database; return the number of trials by study."""
    if storage.get_current_version() != _TABLES:
        return _write(studies, partial(_one_by_one, storage, plan), progress)
    with Session(storage.engine) as session:
        counts = _write(studies, partial(_in_bulk, session, plan), progress)
        session.commit()
    return counts


def _write(
    studies: Iterator[ExportedStudy],
    create: Callable[[ExportedStudy], Add],
    progress: Callable[[int], None],
) -> dict[str, int]:
    counts: dict[str, int] = {}
    written = 0
    for study in studies:
        add = create(study)
        trials = iter(study.trials)
        while batch := list(islice(trials, _BATCH)):
            add(batch)
            written += len(batch)
            progress(written)
        counts[study.name] = len(study.trials)
    return counts


def _one_by_one(storage: RDBStorage, plan: Plan, study: ExportedStudy) -> Add:
    """Create a study with Optuna's public functions, which take 10 ms or more per trial."""
    optuna_study = optuna.create_study(
        storage=storage, study_name=study.name, directions=list(plan.goals.values())
    )
    optuna_study.set_metric_names(list(plan.goals))
    for key, value in study.attributes.items():
        optuna_study.set_user_attr(key, value)
    return optuna_study.add_trials


def _in_bulk(session: Session, plan: Plan, study: ExportedStudy) -> Add:
    """Create a study by writing Optuna's tables, which is twenty times faster."""
    from optuna.storages._rdb import models  # noqa: PLC0415 - private, so it may move

    row = models.StudyModel(study_name=study.name)
    row.directions = [
        models.StudyDirectionModel(direction=StudyDirection[goal.upper()], objective=number)
        for number, goal in enumerate(plan.goals.values())
    ]
    row.user_attributes = [
        models.StudyUserAttributeModel(key=key, value_json=json.dumps(value))
        for key, value in study.attributes.items()
    ]
    names = json.dumps(list(plan.goals))
    row.system_attributes = [
        models.StudySystemAttributeModel(key="study:metric_names", value_json=names)
    ]
    session.add(row)
    session.flush()  # gives it an id
    study_id = row.study_id

    def add(trials: Sequence[FrozenTrial]) -> None:
        rows = [
            models.TrialModel(
                study_id=study_id,
                number=trial.number,
                state=trial.state,
                datetime_start=trial.datetime_start,
                datetime_complete=trial.datetime_complete,
            )
            for trial in trials
        ]
        session.add_all(rows)
        session.flush()
        parts: dict[Any, list[dict[str, Any]]] = {}
        for trial, trial_row in zip(trials, rows, strict=True):
            for table, values in _parts(trial):
                parts.setdefault(table, []).append({"trial_id": trial_row.trial_id, **values})
        for table, part in parts.items():
            session.execute(insert(table), part)

    return add


def _parts(trial: FrozenTrial) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the rows of a trial in the other tables, each with its table."""
    from optuna.storages._rdb import models  # noqa: PLC0415 - private, so it may move

    for name, value in trial.params.items():
        distribution = trial.distributions[name]
        row = {"param_name": name, "param_value": distribution.to_internal_repr(value)}
        text = distribution_to_json(distribution)
        yield models.TrialParamModel, {**row, "distribution_json": text}
    for number, value in enumerate(trial.values or ()):
        stored, kind = models.TrialValueModel.value_to_stored_repr(value)
        yield models.TrialValueModel, {"objective": number, "value": stored, "value_type": kind}
    table = models.TrialIntermediateValueModel
    for step, value in trial.intermediate_values.items():
        stored, type_ = table.intermediate_value_to_stored_repr(value)
        report = {"intermediate_value": stored, "intermediate_value_type": type_}
        yield table, {"step": step, **report}
    for key, value in trial.user_attrs.items():
        yield models.TrialUserAttributeModel, {"key": key, "value_json": json.dumps(value)}
