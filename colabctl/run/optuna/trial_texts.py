"""Writes the trials that an objective learns from into assignments; past_trials.py reads them."""

import json
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from colabctl.search.learn.trials import Trial

PARTS = ("state", "params", "value", "reports", "values")
"""The parts of a trial in its line, after its number and the name of its distributions."""


class TrialTexts:
    """Writes the trials of one cell as JSON; the next assignment gets most of the lines again."""

    def __init__(self) -> None:
        self._written: dict[int, tuple[Trial, str, str, str]] = {}

    def write(self, trials: Iterable[tuple[int, Trial]]) -> dict[str, Any]:
        """Return the `trials`, a line for each, and the `distributions` that they name.

        Most trials have the same distributions, which are longer than all the rest. A trial that
        has changed since the last call must be another object.
        """
        lines, distributions = [], {}
        for number, trial in trials:
            earlier = self._written.get(number)
            if earlier is None or earlier[0] is not trial:
                own = json.dumps(trial.distributions)
                name = blake2b(own.encode(), digest_size=12).hexdigest()
                line = json.dumps([number, name, *(getattr(trial, part) for part in PARTS)])
                earlier = self._written[number] = trial, line, name, own
            _, line, name, own = earlier
            lines.append(line)
            distributions[name] = own
        return {"trials": "\n".join(lines), "distributions": distributions}
