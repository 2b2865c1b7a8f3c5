"""The requests for what a task prints while it runs."""

from typing import NamedTuple, Self

from colabctl.ledger.journals.events import Event


class Requests(NamedTuple):
    """How many there were for a task, the latest date, and the host of the last one to arrive.

    A new one shows in their number, so that a date in the future does not hide those after it.
    """

    number: int
    latest: float
    host: str

    @classmethod
    def with_one(cls, old: Self | None, event: Event) -> Self:
        """Return the requests with one more."""
        number, latest = (old.number, old.latest) if old else (0, event.t)
        return cls(number + 1, max(event.t, latest), event.body["host"])
