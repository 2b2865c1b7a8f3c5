"""Creates the stopper of a cell, which decides whether a running task should stop early."""

from collections.abc import Mapping
from typing import Any, Protocol, get_args

from colabctl.search.language.metric import Goal
from colabctl.search.language.stopping.stopping_rules import Hyperband, from_json
from colabctl.search.learn.trials import Trials


class Stopper(Protocol):
    """Applies a rule to the trials of one cell; it remembers the trials that it has seen."""

    def stops(self, number: int, trials: Trials) -> bool:
        """Return whether trial `number` should stop now, which only a running trial can.

        `trials` are all known trials of its cell, including its own reports. A trial that has
        changed since the last call must be another object.
        """


def stopper(rule: Mapping[str, Any], goal: Goal) -> Stopper:
    """Return the stopper for a rule in the form of plan.json.

    Raises ValueError for a damaged rule or goal, and UserError if the rule needs Optuna, as all but
    hyperband do, and it is not installed.
    """
    if goal not in get_args(Goal):
        raise ValueError(f"goal: must be minimize or maximize, not {goal!r:.40}")
    parsed = from_json(rule)
    if isinstance(parsed, Hyperband):
        from colabctl.search.learn.hyperband import HyperbandStopper  # noqa: PLC0415 - rarely both

        return HyperbandStopper(parsed, goal)
    from colabctl.search.learn.pruners import pruner_stopper  # noqa: PLC0415 - rarely both

    return pruner_stopper(parsed, goal)
