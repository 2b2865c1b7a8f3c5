"""The other trials of an objective's study, read from assignments.

Only the process that runs objectives imports this file, because Optuna is slow to import.
"""

import json
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

from colabctl.run.optuna.trial_texts import PARTS
from colabctl.search.learn.optuna_bridge import frozen
from colabctl.search.learn.trials import Trial

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)


_Distributions = dict[str, BaseDistribution]


class PastTrial(FrozenTrial):
    """A trial that never changes again, so its copies share its contents, which is faster."""

    def __init__(self, trial: FrozenTrial, number: int | None = None) -> None:
        """Copy a trial; it can get another `number`."""
        vars(self).update(vars(trial))
        if number is not None:
            self.number = self._trial_id = number

    @property
    def constraints(self) -> dict[str, float]:
        """Its constraints, which Optuna's samplers ask all trials for and only few have."""
        return super().constraints if self.system_attrs else {}

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenTrial:
        return PastTrial(self)


_Read = tuple[int, PastTrial, int]  # its number, the trial, and its kind


class PastTrials:
    """Reads the trials of assignments; the next task of a process gets most of them again."""

    def __init__(self) -> None:
        self._read: dict[str, _Read] = {}  # by line
        self._kinds: dict[tuple[str, TrialState], int] = {}
        self._missing: dict[int, PastTrial] = {}
        self._distributions: dict[str, _Distributions | None] = {}  # by name

    def read(self, settings: Mapping[str, Any]) -> tuple[dict[int, PastTrial], list[PastTrial]]:
        """Return the trials of an assignment by number, and one of each kind.

        `settings` has what TrialTexts has written. Trials that cannot be read are left out. Those
        of one kind have the same state and distributions, so the study of one of each kind has the
        search space of all.
        """
        for name, text in settings["distributions"].items():
            if name not in self._distributions:
                self._distributions[name] = _distributions(text)
        earlier = self._read
        lines = [
            (line, earlier.get(line) or self._trial(line))
            for line in settings["trials"].splitlines()
        ]
        self._read = {line: each for line, each in lines if each is not None}
        read = self._read.values()
        kinds = {kind: trial for _, trial, kind in read}
        return {number: trial for number, trial, _ in read}, list(kinds.values())

    def missing(self, number: int) -> PastTrial:
        """Return a failed trial for a number without one, because samplers ignore those."""
        if number not in self._missing:
            self._missing[number] = PastTrial(frozen(number, Trial("failed", {})))
        return self._missing[number]

    def _trial(self, line: str) -> _Read | None:
        """Return a trial; None if it cannot be read, as with a value that is not allowed.

        A parameter without a distribution was settled before, and the objective never asked for it.
        """
        try:
            number, name, *rest = json.loads(line)
            parts = dict(zip(PARTS, rest, strict=True))
            distributions = self._distributions[name]
            if distributions is None:
                return None
            params = {each: parts["params"][each] for each in distributions}
            reports = tuple((step, float(value)) for step, value in parts["reports"])
            values = parts["values"]
            values = None if values is None else tuple(map(float, values))
            trial = Trial(parts["state"], params, parts["value"], reports, values=values)
            read = frozen(number, trial, params, distributions)
            read._validate()  # noqa: SLF001 - Study.add_trial would do so for each task again
        except _UNREADABLE:
            return None
        kind = self._kinds.setdefault((name, read.state), len(self._kinds))
        return number, PastTrial(read), kind


def _distributions(text: str) -> _Distributions | None:
    """Return distributions by parameter; None if they cannot be read."""
    try:
        parts = json.loads(text) or {}
        return {name: json_to_distribution(json.dumps(each)) for name, each in parts.items()}
    except _UNREADABLE:
        return None
