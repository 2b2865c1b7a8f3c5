"""Optuna as the search uses it: its import, its silence, and its trials made of ours."""

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
"""Optuna wants dates; nothing that we ask of it depends on them."""

_STATES: dict[State, str] = {
    "running": "RUNNING",
    "done": "COMPLETE",
    "pruned": "PRUNED",
    "failed": "FAIL",
}


def optuna(purpose: str) -> "ModuleType":
    """Return the module `optuna`; raise UserError, which says that `purpose` needs it, if absent.

    For example optuna("method: bayes").
    """
    try:
        import optuna as module  # noqa: PLC0415 - heavy, and not everyone has it
    except ImportError as error:
        raise UserError(f"{purpose} needs Optuna ({error}); run: pip install optuna") from None
    return module


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from logging and from warning of its experimental parts, for a while.

    What the user has set for their own studies in this process is as before afterwards.
    """
    module = optuna("quiet")
    verbosity = module.logging.get_verbosity()
    module.logging.set_verbosity(module.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", module.exceptions.ExperimentalWarning)
            yield
    finally:
        module.logging.set_verbosity(verbosity)


def frozen(
    number: int,
    trial: Trial,
    params: Mapping[str, Any] | None = None,
    distributions: Mapping[str, "BaseDistribution"] | None = None,
) -> "FrozenTrial":
    """Return a trial as Optuna sees it, with `number` for its number and its id.

    One that is done without a value, or with NaN, has failed. The value of a pruned one is its
    last report, as in Optuna. `params` and `distributions`, the same names in both, are taken as
    they are; without them the trial has no parameters. Its dates mean nothing.
    """
    trials = optuna("a study").trial
    steps = by_step(trial.reports)
    value: float | None = None
    state = trial.state
    if state == "pruned":
        last = steps[max(steps)] if steps else math.nan
        value = None if math.isnan(last) else last
    elif state == "done":
        value = trial.value
        if value is None or math.isnan(value):
            state, value = "failed", None
    frozen_trial: FrozenTrial = trials.FrozenTrial(
        number=number,
        trial_id=number,
        state=trials.TrialState[_STATES[state]],
        value=value,
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
    """Return reports by step, as Optuna keeps them: of two for one step, the first counts.

    The steps are those that the task named if all are whole numbers from 0 to 2**53, which Optuna
    can tell apart, else 0, 1, 2, ...
    """
    steps = [
        step for step, _ in reports if step is not None and 0 <= step <= 2**53 and step % 1 == 0
    ]
    if len(steps) < len(reports):
        return {number: value for number, (_, value) in enumerate(reports)}
    named: dict[int, float] = {}
    for step, (_, value) in zip(steps, reports, strict=True):
        named.setdefault(int(step), value)
    return named
