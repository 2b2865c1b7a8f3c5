"""Tells whose files are whose, by what the files and folders say.

On a Drive, a file counts against the account that created it, in whatever folder it is. The files
alone do not say which account that was. What a member's worker wrote has the worker's name, so that
is known. That a file in a member's folder is theirs is a guess.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import NamedTuple

from colabctl.project.layout import Layout
from colabctl.project.member_records import Person
from colabctl.project.members import person_named

_WRITER = re.compile(r"(?P<member>.+)-[a-z0-9]{1,20}-\d{8}T\d{6}-[0-9a-f]+")


class Place(NamedTuple):
    """The folder under which a file is counted, and its owner.

    Attributes:
        folder: such as "data/raw" or "sweeps/first".
        member: None where nothing says whose it is.
        is_known: whether that is known, not guessed.

    """

    folder: str
    member: str | None = None
    is_known: bool = False


class Owners:
    """Tells the place of a file by its folder.

    Args:
        layout: the project.
        people: its members, also those who have retired.
        declarers: who declared each sweep, by the name of its folder.

    """

    def __init__(
        self, layout: Layout, people: Iterable[Person], declarers: Mapping[str, str]
    ) -> None:
        self._people = tuple(people)
        self._declarers = declarers
        paths = layout.paths
        self._own = {
            PurePosixPath(path).parts: path
            for path in (paths.notebooks, paths.results, paths.checkpoints)
        }
        self._shared = {
            PurePosixPath(path).parts: path
            for path in (paths.raw, paths.interim, paths.processed, paths.data)
        }
        self.place = cache(self._place)

    def _place(self, folder: str) -> Place:
        """Return the place of the files in a folder, "" for the project's own."""
        parts = tuple(folder.split("/")) if folder else ()
        if parts and parts[0] == "sweeps":
            return self._in_sweep(parts)
        for own, path in self._own.items():
            if parts[: len(own)] == own:
                rest = parts[len(own) :]
                member = self._named(rest[0]) if rest else None
                return Place(path, member)
        for shared, path in sorted(self._shared.items(), key=lambda each: -len(each[0])):
            if parts[: len(shared)] == shared:
                return Place(path)
        return Place(parts[0] if parts else ".")

    def _in_sweep(self, parts: tuple[str, ...]) -> Place:
        folder = "/".join(parts[:2])
        if len(parts) < 2:
            return Place(folder)
        if len(parts) > 3 and parts[2] in ("journal", "runs"):
            match = _WRITER.fullmatch(parts[3])
            if match is not None:
                member = match["member"]
                return Place(folder, self._named(member) or member, is_known=True)
        declarer = self._declarers.get(parts[1])
        return Place(folder, declarer, is_known=declarer is not None)

    def _named(self, name: str) -> str | None:
        person = person_named(name, self._people)
        return None if person is None else person.name
