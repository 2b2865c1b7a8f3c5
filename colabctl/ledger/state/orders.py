"""The orders to all workers of a sweep: pause, resume and stop."""

from colabctl.ledger.extensions.numbering import NAMED
from colabctl.ledger.journals.events import Event
from colabctl.ledger.order import event_order


class Orders:
    """The orders, added in any sequence.

    Attributes:
        last: the last order of each writer.
        overridden: orders up to these numbers were known when a later one was given, by writer.
        beyond_target: whether the sweep was resumed after something had ended it.
        beyond_limits: the same of its present budget and patience.

    Args:
        limits: the extension that gave the sweep its budget or patience; None if none did.

    """

    def __init__(self, limits: str | None = None) -> None:
        self._limits = limits
        self._control: Event | None = None
        self._is_current = True
        self.last: dict[str, Event] = {}
        self.overridden: dict[str, int] = {}
        self.beyond_target = self.beyond_limits = False

    def add(self, event: Event) -> None:
        """Add an order."""
        earlier = self.last.get(event.writer)
        if earlier is None or earlier.n < event.n:
            self.last[event.writer] = event
        for writer, n in event.body.get("after", {}).items():
            if writer != event.writer:
                self.overridden[writer] = max(n, self.overridden.get(writer, -1))
        if event.kind == "resume" and event.body.get("beyond_end") is True:
            self.beyond_target = True
            seen = event.body.get(NAMED)
            self.beyond_limits |= self._limits is None or (
                isinstance(seen, list) and self._limits in seen
            )
        self.changed()

    def changed(self) -> None:
        """Note that an attribute has changed."""
        self._is_current = False

    @property
    def control(self) -> Event | None:
        """The order that counts; None if there is none."""
        if not self._is_current:
            self._control = max(self.current(), key=event_order, default=None)
            self._is_current = True
        return self._control

    def current(self) -> list[Event]:
        """Return the orders that no other order came after; the last of them counts."""
        overridden = self.overridden
        return [
            event for writer, event in self.last.items() if event.n > overridden.get(writer, -1)
        ]
