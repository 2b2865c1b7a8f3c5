"""Imports Optuna, keeps it quiet, and converts trials to Optuna's."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from colabctl.errors import UserError
from colabctl.search.learn.trials import Report, State, Trial

if TYPE_CHECKING:
    from types import ModuleType

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_UNDATED = datetime(1970, 1, 1)  # noqa: DTZ001 - Optuna's dates have no zone
"""Optuna requires dates; nothing here depends on them."""

_STATES: dict[State, str] = {
    "running": "RUNNING",
    "done": "COMPLETE",
    "pruned": "PRUNED",
    "failed": "FAIL",
}


def import_optuna(purpose: str) -> "ModuleType":
    """Return the module `optuna`; raise UserError, naming `purpose`, if it is not installed."""
    try:
        import optuna  # noqa: PLC0415 - heavy, and may be missing
    except ImportError as error:
        raise UserError(f"{purpose} needs Optuna ({error}); run: pip install optuna") from None
    return optuna


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from logging, and from warning about experimental features, within a block.

    Afterwards, the user's settings apply again.
    """
    optuna = import_optuna("a quiet study")
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        experimental = optuna.exceptions.ExperimentalWarning
        with warnings.catch_warnings(action="ignore", category=experimental):
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def frozen(
    number: int,
    trial: Trial,
    params: Mapping[str, Any] | None = None,
    distributions: Mapping[str, "BaseDistribution"] | None = None,
) -> "FrozenTrial":
    """Return a trial as Optuna's, with `number` as its number and its id.

    A done trial without a value, or with NaN, has failed. The value of a pruned trial is its last
    report, as in Optuna. `params` and `distributions` have the same names; without them, the trial
    has no parameters. Its dates mean nothing.
    """
    trials = import_optuna("a study").trial
    steps = by_step(trial.reports)
    value: float | None = None
    state = trial.state
    if state == "pruned":
        last = steps[max(steps)] if steps else math.nan
        value = None if math.isnan(last) else last
    elif state == "done" and trial.values is None:
        value = trial.value
        if value is None or math.isnan(value):
            state, value = "failed", None
    frozen_trial: FrozenTrial = trials.FrozenTrial(
        number=number,
        trial_id=number,
        state=trials.TrialState[_STATES[state]],
        value=value,
        values=trial.values if state == "done" else None,
        datetime_start=_UNDATED,
        datetime_complete=None if state == "running" else _UNDATED,
        params=dict(params or {}),
        distributions=dict(distributions or {}),
        user_attrs={},
        system_attrs={},
        intermediate_values=steps,
    )
    return frozen_trial


def by_step(reports: Sequence[Report]) -> dict[int, float]:
    """Return reports by step, as Optuna stores them: the first of several for one step counts.

    The steps are those of the task if all are whole numbers from 0 to 2**53, beyond which floats
    are not exact; else they are 0, 1, 2, ...
    """
    steps = [
        step for step, _ in reports if step is not None and 0 <= step <= 2**53 and step % 1 == 0
    ]
    if len(steps) < len(reports):
        return {number: value for number, (_, value) in enumerate(reports)}
    values: dict[int, float] = {}
    for step, (_, value) in zip(steps, reports, strict=True):
        values.setdefault(int(step), value)
    return values
