"""Workers whose first events have not arrived yet, known by the names of their journals.

On a mount where files arrive late, the folder of a new journal arrives before its first file.
Other workers may have seen it earlier, and name it in a heartbeat. For a while such a worker
counts as alive, so that others leave it a share of the tasks.
"""

from collections.abc import Collection, Iterable, Iterator

from colabctl.ledger.journals.journal import Read

MOST_NAMES = 256  # names: anyone who can write to the folder can make them up
NEW = 60.0
"""Seconds for which a name alone counts as a worker, and for which others name it."""


class Newcomers:
    """The newcomers that one process has noticed."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._named: set[str] = set()  # by others, since the last look
        self._journals: frozenset[str] = frozenset()  # names of the folders that are here

    def listen(self, arrived: Iterable[Read]) -> Iterator[Read]:
        """Pass events on, and keep the names in heartbeats for `look`."""
        for read in arrived:
            if read[0].kind == "heartbeat":
                self._named.update(read[0].body.get("workers", ())[:MOST_NAMES])
            yield read

    def look(self, journals: Iterable[str], heard: Collection[str], now: float) -> None:
        """Note the names of journals and those in heartbeats, but not of writers `heard`."""
        self._journals = frozenset(journals)
        for names in (self._journals, self._named):  # those that are here first
            for name in sorted(names.difference(heard)):
                if len(self._since) < MOST_NAMES:
                    self._since.setdefault(name, now)
        self._named.clear()

    def seen(self, heard: Collection[str], now: float) -> set[str]:
        """Return the newcomers whose journals are here; others may have been made up."""
        return set(self._journals.intersection(self.alive(heard, now)))

    def alive(self, heard: Collection[str], now: float) -> dict[str, float]:
        """Return the newcomers of whom nothing was `heard`, and when each was noticed."""
        return {
            name: since
            for name, since in self._since.items()
            if name not in heard and 0 <= now - since < NEW
        }
