"""Tells the user why a worker waits, once for each reason."""

import time
from collections.abc import Callable

from colabctl.ledger import Waiting, waiting
from colabctl.work.fitting import Fitting
from colabctl.work.identity import Identity
from colabctl.work.open_sweep import OpenSweep

Reasons = dict[str, tuple[object, ...]]
"""The cause that the user has read last, by sweep."""

_MOMENT = 3.0  # seconds without a task that need no explanation: others are about to finish


class WaitingNotes:
    """Tells why one worker waits.

    Args:
        sweep: the sweep
        identity: the worker
        tell: takes messages for the user
        reasons: what workers of this process have said before; None for nothing

    """

    def __init__(
        self,
        sweep: OpenSweep,
        identity: Identity,
        tell: Callable[[str], None],
        reasons: Reasons | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sweep = sweep
        self._name = identity.name
        self._tell = tell
        self._reasons = {} if reasons is None else reasons
        self._monotonic = monotonic
        self._idle_since: float | None = None
        self.fitting = Fitting(sweep, identity)

    def reason(self) -> Waiting | None:
        """Return why the worker can claim no task, None if it can."""
        ledger = self._sweep.ledger
        why = waiting(self._sweep.plan, ledger.state, ledger.clock.now(), self._name)
        if why is None and (unfit := self.fitting.unfit()):
            return Waiting("unfit", (), f"others hold what fits this worker; {unfit}")
        return why

    def update(self, *, has_tasks: bool) -> None:
        """Tell the reason if the sweep is paused, or if the worker had no task for a while."""
        is_paused = self._sweep.ledger.state.order == "pause"
        if has_tasks:
            self._idle_since = None
            if not is_paused:
                self._reasons.pop(self._sweep.plan.sweep, None)
        elif self._idle_since is None:
            self._idle_since = self._monotonic()
        if is_paused or self.waits:
            self.tell()

    @property
    def waits(self) -> bool:
        """Whether the worker had no task for a while."""
        since = self._idle_since
        return since is not None and self._monotonic() - since >= _MOMENT

    def tell(self) -> None:
        """Tell the reason, unless the user has read it last."""
        why, name = self.reason(), self._sweep.plan.sweep
        if why is not None and self._reasons.get(name) != (why.kind, *why.cause):
            self._reasons[name] = (why.kind, *why.cause)
            self._tell(str(why))
