"""Tells the user of the first task that ended well without the sweep's metric."""

from collections.abc import Callable

from colabctl.ledger import Plan, lack
from colabctl.run.messages import Done
from colabctl.task import Assignment


class LackNote:
    """The note of one worker, which it tells once."""

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._tell = tell
        self._told = False

    def see(self, task: Assignment, end: Done, conceal: Callable[[str], str]) -> None:
        """Tell the note if this is the first such task."""
        if not self._told and (lacking := lack(self._plan, end.metrics)):
            self._told = True
            self._tell(conceal(f"note: {task.task} ended well, but {lacking}"))
