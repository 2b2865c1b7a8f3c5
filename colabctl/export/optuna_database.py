"""Writes Optuna studies into an SQLite file that Optuna and its dashboard open."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colabctl.errors import UserError
from colabctl.export.optuna_studies import Study
from colabctl.ledger import Plan
from colabctl.search.learn.optuna_bridge import optuna, quiet
from colabctl.views import files

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial
    from sqlalchemy.orm import Session

    Add = Callable[[Sequence[FrozenTrial]], None]

_KNOWN_TABLES = "v3.2.0.a"  # the layout that Optuna has given its databases since 2023
_AT_ONCE = 500  # trials
# Marks a database as written here ("ccto"). See is_ours.
_APPLICATION_ID = 0x6363746F


def write_studies(
    studies: Iterator[Study],
    file: Path,
    plan: Plan,
    *,
    replace: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, int]:
    """Write studies into a file, whole or not at all; return the number of trials of each by name.

    progress  is told how many trials have been written so far
    A file that is there is replaced only if it was written here and nobody has changed it since,
    or with `replace`. Raises UserError for another one, where the file cannot be written, without
    Optuna, and for a sweep without a metric.
    """
    if plan.metric is None:
        raise UserError(
            f"sweep {plan.sweep} names no metric, and a study needs one; export it --to csv, or "
            "add `metric: {name: ..., goal: ...}` to its file and declare it under a new name"
        )
    if not replace:
        files.refuse_foreign(file, is_ours, "is not as colabctl has written it")
    rdb = optuna("--to optuna").storages.RDBStorage
    # SQLite wants a disk of this machine; only the whole file goes to where others may see it.
    with tempfile.TemporaryDirectory(prefix="colabctl-studies-") as scratch, quiet():
        made = Path(scratch) / "studies.db"
        storage = rdb(f"sqlite:///{made.as_posix()}")
        try:
            counts = _fill(storage, studies, plan, progress)
        finally:
            storage.remove_session()
            storage.engine.dispose()
        data = bytearray(made.read_bytes())
    data[60:64] = data[24:28]
    data[68:72] = _APPLICATION_ID.to_bytes(4)
    files.write(file, bytes(data))
    return counts


def is_ours(start: bytes) -> bool:
    """Return whether a file that begins so was written by write_studies, and is unchanged.

    SQLite counts the changes of a database at byte 24 of its file, and leaves the numbers at bytes
    60 and 68 to its users (sqlite.org/fileformat2.html, "The Database Header"): there stand the
    count when it was written, and our mark. Who goes on with a study changes the count.
    """
    return (
        start[:16] == b"SQLite format 3\0"
        and start[68:72] == _APPLICATION_ID.to_bytes(4)
        and start[60:64] == start[24:28]
    )


def _fill(
    storage: "RDBStorage", studies: Iterator[Study], plan: Plan, progress: Callable[[int], None]
) -> dict[str, int]:
    """Write studies into an empty database; return the number of trials of each."""
    from sqlalchemy.orm import Session  # noqa: PLC0415 - heavy

    if storage.get_current_version() != _KNOWN_TABLES:
        return _write(studies, partial(_one_by_one, storage, plan), progress)
    with Session(storage.engine) as session:
        counts = _write(studies, partial(_in_bulk, session, plan), progress)
        session.commit()
    return counts


def _write(
    studies: Iterator[Study], begin: "Callable[[Study], Add]", progress: Callable[[int], None]
) -> dict[str, int]:
    counts: dict[str, int] = {}
    written = 0
    for study in studies:
        add = begin(study)
        trials = iter(study.trials)
        while batch := list(islice(trials, _AT_ONCE)):
            add(batch)
            written += len(batch)
            progress(written)
        counts[study.name] = len(study.trials)
    return counts


def _one_by_one(storage: "RDBStorage", plan: Plan, study: Study) -> "Add":
    """Make a study by Optuna's public functions, which take 10 ms and more for each trial."""
    made = optuna("--to optuna").create_study(
        storage=storage, study_name=study.name, direction=plan.goal
    )
    made.set_metric_names([plan.metric])
    for key, value in study.attributes.items():
        made.set_user_attr(key, value)
    return made.add_trials  # type: ignore[no-any-return]


def _in_bulk(session: "Session", plan: Plan, study: Study) -> "Add":
    """Make a study by Optuna's own tables, which takes a twentieth of the time."""
    from optuna.storages._rdb import models  # noqa: PLC0415 - heavy
    from optuna.study import StudyDirection  # noqa: PLC0415
    from sqlalchemy import insert  # noqa: PLC0415

    made = models.StudyModel(study_name=study.name)
    direction = StudyDirection[plan.goal.upper()]
    made.directions = [models.StudyDirectionModel(direction=direction, objective=0)]
    made.user_attributes = [
        models.StudyUserAttributeModel(key=key, value_json=json.dumps(value))
        for key, value in study.attributes.items()
    ]
    names = json.dumps([plan.metric])
    made.system_attributes = [
        models.StudySystemAttributeModel(key="study:metric_names", value_json=names)
    ]
    session.add(made)
    session.flush()  # from here on it has an id
    study_id = made.study_id

    def add(trials: "Sequence[FrozenTrial]") -> None:
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
        for trial, row in zip(trials, rows, strict=True):
            for table, values in _parts(trial):
                parts.setdefault(table, []).append({"trial_id": row.trial_id, **values})
        for table, its_rows in parts.items():
            session.execute(insert(table), its_rows)

    return add


def _parts(trial: "FrozenTrial") -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the rows that a trial has in other tables than that of trials."""
    from optuna.distributions import distribution_to_json  # noqa: PLC0415 - heavy
    from optuna.storages._rdb import models  # noqa: PLC0415

    for name, value in trial.params.items():
        distribution = trial.distributions[name]
        yield (
            models.TrialParamModel,
            {
                "param_name": name,
                "param_value": distribution.to_internal_repr(value),
                "distribution_json": distribution_to_json(distribution),
            },
        )
    if trial.value is not None:
        stored, kind = models.TrialValueModel.value_to_stored_repr(trial.value)
        yield models.TrialValueModel, {"objective": 0, "value": stored, "value_type": kind}
    table = models.TrialIntermediateValueModel
    for step, value in trial.intermediate_values.items():
        stored, of_report = table.intermediate_value_to_stored_repr(value)
        told = {"intermediate_value": stored, "intermediate_value_type": of_report}
        yield table, {"step": step, **told}
    for key, value in trial.user_attrs.items():
        yield models.TrialUserAttributeModel, {"key": key, "value_json": json.dumps(value)}
