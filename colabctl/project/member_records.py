"""Records who has joined, changed their name, retired or come back: a small file for each.

A record is written once, under a name that no other machine uses, so people can change members on
several machines at once. Every machine reads them in the same order, by their dates and then by
the names of the files, and so comes to the same members. A record that would give someone a name
that another person has at that moment has no effect.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from colabctl.errors import UserError
from colabctl.project.layout import Layout, check_member
from colabctl.sharedfs.files import write_new
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.records import read_record
from colabctl.sharedfs.rights import make_folder

_JOINED = 1  # the format of a record that every colabctl reads: someone has joined
_FORMAT = 2  # of all other records; an older colabctl passes them over
_LARGEST = 10_000  # bytes of a record
_LATEST = 4.1e9  # in seconds since 1970: the year 2099
_LATER = 0.001  # seconds between a record and those that its writer had read
_ENDING = ".json"

Kind = Literal["join", "rename", "retire", "return"]


@dataclass(frozen=True)
class Person:
    """One person in the project.

    Attributes:
        name: the current name
        former: earlier names, which folders, journals and results may still have
        is_retired: whether the person has left; their folders and results stay

    """

    name: str
    former: tuple[str, ...] = ()
    is_retired: bool = False

    @property
    def keys(self) -> set[str]:
        """All names of this person, without regard to case."""
        return {name.casefold() for name in (self.name, *self.former)}


class _Record(NamedTuple):
    at: float
    file: str
    kind: Kind
    name: str
    to: str


def recorded(layout: Layout) -> tuple[Person, ...]:
    """Return the people that the records name, by name; retired ones too.

    Records that cannot be read yet, or that are not valid, have no effect. Raises UserError if the
    folder cannot be read.
    """
    try:
        files = os.listdir(layout.member_records)  # noqa: PTH208 - a Drive is slow
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise UserError(
            f"cannot read {layout.member_records}: {error.strerror}; check the mount"
        ) from None
    names = sorted(name for name in files if name.endswith(_ENDING))
    records = sorted(filter(None, (_read(layout.member_records / name) for name in names)))
    people: dict[str, Person] = {}  # by each name
    for record in records:
        _apply(record, people)
    return tuple(sorted(set(people.values()), key=lambda person: person.name.casefold()))


def damaged(layout: Layout) -> list[str]:
    """Return the names of records that are not whole or not valid, and so have no effect."""
    try:
        files = sorted(layout.member_records.glob(f"*{_ENDING}"))
    except OSError:
        return []
    return [file.name for file in files if _read(file) is None]


def joined(name: str) -> bytes:
    """Return the record of someone who joins; its file is Layout.member_record."""
    return json.dumps({"format": _JOINED, "name": name, "at": time.time()}).encode()


def write(layout: Layout, kind: Kind, name: str, to: str = "") -> None:
    """Record a change of the member `name`; raise OSError if that is not possible.

    A record is dated after all those that are already there, even if the clock of this machine is
    behind.
    """
    check_inside(layout.member_records, layout.root)
    make_folder(layout.member_records, parents=True)
    files = layout.member_records.glob(f"*{_ENDING}")
    latest = max((each.at for each in map(_read, files) if each is not None), default=0.0)
    record = {
        "format": _FORMAT,
        "kind": kind,
        "name": name,
        **({"to": to} if to else {}),
        "at": max(time.time(), latest + _LATER),
    }
    file = layout.member_records / f"{check_member(name)}-{kind}-{os.urandom(6).hex()}{_ENDING}"
    write_new(file, json.dumps(record).encode())


def present_names(layout: Layout) -> Callable[[str], str]:
    """Return a function from a name in a journal to the one that this member has now.

    The records are read when it is first called. Without them, every name is the present one.
    """

    @lru_cache(maxsize=1)
    def names() -> Mapping[str, str]:
        with suppress(UserError):
            return {key: person.name for person in recorded(layout) for key in person.keys}
        return {}

    return lambda name: names().get(name.casefold(), name)


def _apply(record: _Record, people: dict[str, Person]) -> None:
    """Apply a record to the people before it."""
    person = people.get(record.name.casefold())
    match record.kind:
        case "join" | "return":
            person = replace(person, is_retired=False) if person else Person(record.name)
        case "retire":
            person = replace(person or Person(record.name), is_retired=True)
        case "rename":
            other = people.get(record.to.casefold())
            if other is not None and other != person:
                return
            person = person or Person(record.name)
            former = dict.fromkeys((*person.former, person.name))
            former.pop(record.to, None)
            person = replace(person, name=record.to, former=tuple(former))
    for key in person.keys:
        people[key] = person


def _read(file: Path) -> _Record | None:
    with suppress(OSError, UserError, KeyError, TypeError, ValueError):
        return _read_once(file)
    return None


@lru_cache(maxsize=1024)
def _read_once(file: Path) -> _Record:
    """Return a record, which is written once; raise if it is not whole or not valid."""
    record = read_record(file, _LARGEST, _FORMAT)
    kind: Kind = record["kind"] if record["format"] == _FORMAT else "join"
    if kind not in get_args(Kind):
        raise ValueError("kind is unknown")
    at = record.get("at", 0.0)
    if type(at) not in (int, float) or not 0 <= at <= _LATEST:
        raise ValueError("at is not a time")
    to = _name(record["to"]) if kind == "rename" else ""
    return _Record(float(at), file.name, kind, _name(record["name"]), to)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a name is not text")
    return check_member(value)


def people_in(names: Iterable[str], present: tuple[Person, ...]) -> tuple[Person, ...]:
    """Return the people of a list of names, such as that in colabctl.yaml, then the others."""
    by_key = {key: person for person in present for key in person.keys}
    people: dict[str, Person] = {}
    for name in names:
        person = by_key.get(name.casefold(), Person(name))
        if not person.former:
            person = replace(person, name=name)  # in the spelling of the list
        people.setdefault(person.name.casefold(), person)
    for person in present:
        people.setdefault(person.name.casefold(), person)
    return tuple(people.values())
