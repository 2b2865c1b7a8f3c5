"""Journals as numbered files, with the shared log of claims as files next to them, in a mirror.

A reader needs no store: it shows what has arrived in the mirror.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from colabctl.ledger.journals.journal import Damage, Read
from colabctl.ledger.journals.numbered import Find, NumberedJournals
from colabctl.ledger.journals.shared_log import Entry, Position, entries_in, name_of, name_of_all
from colabctl.sharedfs.files import read_file, write_whole
from colabctl.sharedfs.rights import make_folder

_LARGEST = 1 << 28  # bytes of an entry, as of a file of a journal


class LoggedJournals(NumberedJournals):
    """The journals and the log as files in a mirror; `claims` is the folder of the log."""

    def __init__(
        self,
        claims: Path,
        folder: Path,
        total: int,
        check_mount: Callable[[], None],
        find: Find | None = None,
    ) -> None:
        super().__init__(folder, total, check_mount, find)
        self.claims = claims
        self.log = Position()
        self._log_damage: list[Damage] = []

    @property
    def damage(self) -> list[Damage]:
        """As in journals, and the entries that cannot be read."""
        return [*super().damage, *self._log_damage]

    def new_events(self, skip: str) -> Iterator[Read]:
        """Yield the events that are new in the log, then those that are new in journals."""
        while data := self._file(name_of(self.log.next)) or self._file(name_of_all(self.log.next)):
            entries = list(entries_in(data, self.log.next, self.total))
            if not entries:  # the file has not arrived completely
                break
            for entry in entries:
                yield from self.take(entry, skip)
        for event, line in super().new_events(skip):
            if event.kind != "claim":  # it counts if it is in the log, and was taken there
                yield event, line

    def _file(self, name: str) -> bytes:
        try:
            return read_file(self.claims / name, _LARGEST)
        except FileNotFoundError:
            return b""

    def take(self, entry: Entry, skip: str) -> Iterator[Read]:
        """Yield the events of an entry that are new; of the writer `skip`, only claims."""
        if entry.fault:
            file = self.claims / name_of(entry.number)
            self._log_damage.append(Damage(file, 1, entry.fault))
        yield from self.log.take(entry, skip, self.is_new)

    def keep(self, name: str, data: bytes) -> None:
        """Write an entry into the mirror, where readers without the store find it."""
        file = self.claims / name
        with suppress(OSError):  # the store has it
            make_folder(self.claims, follow=False)
            make_folder(file.parent, follow=False)
            write_whole(file, data)

    def position(self) -> dict[str, Any]:
        """Return how far the log and the journals have been read."""
        return {"": [self.log.next, self.log.last], **super().position()}

    def resume(self, position: dict[str, Any]) -> bool:
        """Continue at a position, if the journals and the log are those that were read."""
        number, last = position[""]
        journals = {name: each for name, each in position.items() if name}
        if (
            number
            and not self._file(name_of(number - 1))
            and not self._file(name_of_all(number - 1))
        ):
            return False
        self.log.next, self.log.last = number, dict(last)
        return super().resume(journals)
