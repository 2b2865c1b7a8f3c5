"""The other trials of an objective's study, read from assignments.

Only the process that runs objectives imports this file, because Optuna is slow to import.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

from colabctl.search.learn.optuna_bridge import frozen
from colabctl.search.learn.trials import Trial

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)


class PastTrial(FrozenTrial):
    """A trial that never changes again, so its copies share its contents, which is faster."""

    def __init__(self, trial: FrozenTrial, number: int | None = None) -> None:
        """Copy a trial; it can get another `number`."""
        vars(self).update(vars(trial))
        if number is not None:
            self.number = self._trial_id = number

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenTrial:
        return PastTrial(self)


class PastTrials:
    """Reads the trials of assignments; the next task of a process gets most of them again."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[Mapping[str, Any], PastTrial | None]] = {}
        self._missing: dict[int, PastTrial] = {}
        self._alike: dict[tuple[Any, ...], dict[str, BaseDistribution]] = {}
        self._distributions: dict[str, tuple[Any, BaseDistribution]] = {}  # each parameter's last

    def read(self, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[int, PastTrial]:
        """Return the trials of an assignment, by number, without those that cannot be read."""
        trials: dict[int, PastTrial] = {}
        for number, parts in rows:
            seen = self._read.get(number)
            if seen is None or seen[0] != parts:
                seen = self._read[number] = parts, self._trial(number, parts)
            if seen[1] is not None:
                trials[number] = seen[1]
        return trials

    def missing(self, number: int) -> PastTrial:
        """Return a failed trial for a number without one, because samplers ignore those."""
        if number not in self._missing:
            self._missing[number] = PastTrial(frozen(number, Trial("failed", {})))
        return self._missing[number]

    def _trial(self, number: int, parts: Mapping[str, Any]) -> PastTrial | None:
        """Return one trial; None if it cannot be read, as with a value that is not allowed.

        A parameter without a distribution was settled before, and the objective never asked for it.
        """
        try:
            distributions = {
                name: self._distribution(name, distribution)
                for name, distribution in (parts["distributions"] or {}).items()
            }
            key = *distributions, *map(id, distributions.values())
            distributions = self._alike.setdefault(key, distributions)
            params = {name: parts["params"][name] for name in distributions}
            reports = tuple((step, float(value)) for step, value in parts["reports"])
            values = parts.get("values")
            values = None if values is None else tuple(map(float, values))
            trial = Trial(parts["state"], params, parts["value"], reports, values=values)
            read = PastTrial(frozen(number, trial, params, distributions))
            read.distributions = distributions  # not a copy, see one_of_each
            read._validate()  # noqa: SLF001 - Study.add_trial would do so for each task again
        except _UNREADABLE:
            return None
        return read

    def _distribution(self, name: str, parts: Any) -> BaseDistribution:
        last = self._distributions.get(name)
        if last is None or last[0] != parts:
            distribution = json_to_distribution(json.dumps(parts))
            last = self._distributions[name] = parts, distribution
        return last[1]


def one_of_each(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return one trial of each state and distributions: their study has the same search space."""
    first: dict[tuple[int, TrialState], FrozenTrial] = {}
    for trial in trials:
        first.setdefault((id(trial.distributions), trial.state), trial)
    return list(first.values())
