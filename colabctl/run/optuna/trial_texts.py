"""Writes the trials that an objective learns from into assignments; past_trials.py reads them."""

import json
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, NamedTuple

from colabctl.search.learn.trials import Trial

PARTS = ("state", "params", "value", "reports", "values")
"""The parts of a trial in its line, after its number and the name of its distributions."""


class TrialTexts:
    """Writes the trials of one cell as JSON; the next assignment gets most of the lines again."""

    def __init__(self) -> None:
        self._texts: dict[int, _Texts] = {}

    def write(self, trials: Iterable[tuple[int, Trial]]) -> dict[str, Any]:
        """Return the `trials`, a line for each, and the `distributions` that they name.

        Most trials have the same distributions, which are longer than all the rest. A trial that
        has changed since the last call must be another object.
        """
        lines, distributions = [], {}
        for number, trial in trials:
            texts = self._texts.get(number)
            if texts is None or texts.trial is not trial:
                texts = self._texts[number] = _texts(number, trial)
            lines.append(texts.line)
            distributions[texts.name] = texts.distributions
        return {"trials": "\n".join(lines), "distributions": distributions}


class _Texts(NamedTuple):
    trial: Trial
    line: str
    name: str  # of its distributions
    distributions: str


def _texts(number: int, trial: Trial) -> _Texts:
    distributions = json.dumps(trial.distributions)
    name = blake2b(distributions.encode(), digest_size=12).hexdigest()
    line = json.dumps([number, name, *(getattr(trial, part) for part in PARTS)])
    return _Texts(trial, line, name, distributions)
