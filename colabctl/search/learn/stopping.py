"""Who says whether a running task should stop early."""

from collections.abc import Mapping
from typing import Any, Protocol, get_args

from colabctl.search.language.early_terminate import checked
from colabctl.search.language.metric import Goal
from colabctl.search.learn.trials import Trials


class Stopper(Protocol):
    """Judges the trials of one cell by one rule; it remembers what it has read of them."""

    def stops(self, number: int, trials: Trials) -> bool:
        """Return whether the running trial `number` should stop now; no other trial ever does.

        `trials` are all that are known of its cell, with its own reports. A trial of which
        something has changed since the last call is another object, others need not be.
        """


def stopper(rule: Mapping[str, Any], goal: Goal) -> Stopper:
    """Return who judges by a rule of `read_early_terminate`.

    Raises ValueError if rule or goal is none, as in a file that was damaged, and UserError if
    Optuna, whose pruners all rules but hyperband are, is not installed.
    """
    if goal not in get_args(Goal):
        raise ValueError(f"goal: must be minimize or maximize, not {goal!r:.40}")
    rule = checked(rule)
    if rule["type"] == "hyperband":
        from colabctl.search.learn.hyperband import Hyperband  # noqa: PLC0415 - one of them is needed

        return Hyperband(rule, goal)
    from colabctl.search.learn.pruners import pruning  # noqa: PLC0415 - one of them is needed

    return pruning(rule, goal)
