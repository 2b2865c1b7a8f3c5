"""Records which sweeps of a project are archived, and which gave their name to another one.

Each record is a file of its own in `.colabctl/archive`, written once. It names the records of the
same sweep that its writer had read; of those that no other one names, the latest counts.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.sharedfs.files import write_once
from colabctl.sharedfs.links import check_inside, way_out
from colabctl.sharedfs.records import read_record
from colabctl.sharedfs.rights import make_folder

_FORMAT = 1
_LARGEST = 1 << 20  # bytes
_LONGEST_MEMBER = 64  # characters
_LATEST = 4.1e9  # in seconds since 1970: the year 2099
_ENDING = ".json"


@dataclass(frozen=True)
class Archival:
    """What the record that counts says of a sweep.

    Attributes:
        archived: Whether the sweep is archived.
        replaced_by: The run digest of the sweep that has got its name; "" for none.
        member: Who wrote the record.
        at: When, in seconds since 1970.
        names: The records of the sweep that have been read.

    """

    archived: bool
    replaced_by: str
    member: str
    at: float
    names: tuple[str, ...] = ()


def read_archive(layout: Layout) -> dict[str, dict[str, Archival]]:
    """Return what is recorded, by the name with which a sweep was declared and its run digest.

    A record that cannot be read has no effect, and neither has a folder that is a link which leads
    out of the project or in a circle.
    """
    records: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for file in _files(layout):
        with suppress(OSError, UserError, KeyError, TypeError, ValueError):
            record = _checked(read_record(file, _LARGEST, _FORMAT))
            records.setdefault((record["sweep"], record["digest"]), {})[file.name] = record
    archive: dict[str, dict[str, Archival]] = {}
    for (sweep, digest), own in records.items():
        seen = {name for record in own.values() for name in record["after"]}
        current = [name for name in own if name not in seen] or list(own)
        last = own[max(current, key=lambda name: (own[name]["at"], name))]
        archive.setdefault(sweep, {})[digest] = Archival(
            last["archived"], last["replaced_by"], last["member"], last["at"], tuple(sorted(own))
        )
    return archive


def write_record(
    layout: Layout,
    sweep: str,
    digest: str,
    *,
    member: str,
    now: float,
    archived: bool,
    replaced_by: str | None = None,
) -> None:
    """Record that a sweep is archived, or not any more.

    Args:
        layout: the project
        sweep: the name with which it was declared
        digest: its run digest
        member: who decided it
        now: seconds since 1970
        archived: whether it is archived
        replaced_by: the run digest of the sweep that has got its name, "" for none; as before if
            None

    Raises UserError if the folder of the records is a link that leads out of the project or in a
    circle.

    """
    check_inside(layout.archive, layout.root)
    before = read_archive(layout).get(sweep, {}).get(digest)
    if replaced_by is None:
        replaced_by = before.replaced_by if before else ""
    record = {
        "format": _FORMAT,
        "sweep": sweep,
        "digest": digest,
        "archived": archived,
        "replaced_by": replaced_by,
        "member": member,
        "at": now,
        "after": list(before.names) if before else [],
    }
    make_folder(layout.archive)
    write_once(
        layout.archive / f"{member}-{os.urandom(8).hex()}{_ENDING}", json.dumps(record).encode()
    )


def _files(layout: Layout) -> Iterable[Path]:
    if way_out(layout.archive, layout.root) is not None:
        return []
    with suppress(FileNotFoundError, NotADirectoryError):
        names = os.listdir(layout.archive)  # noqa: PTH208 - a Drive is slow
        return [layout.archive / name for name in sorted(names) if name.endswith(_ENDING)]
    return []


def _checked(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the parts of the types that readers need; raise if that cannot be."""
    if type(record["sweep"]) is not str or type(record["digest"]) is not str:
        raise TypeError("sweep or digest is not text")
    if type(record["after"]) is not list or type(record["archived"]) is not bool:
        raise TypeError("after or archived is of another type")
    if type(record["at"]) not in (int, float) or not 0 <= record["at"] <= _LATEST:
        raise ValueError("at is not a time")
    if type(record["member"]) is not str:
        raise TypeError("member is not text")
    member = record["member"][:_LONGEST_MEMBER]
    record["at"] = float(record["at"])
    record["member"] = member if member.isprintable() else ascii(member)[1:-1]
    replaced_by = record.get("replaced_by")
    record["replaced_by"] = replaced_by if isinstance(replaced_by, str) else ""
    record["after"] = [name for name in record["after"] if isinstance(name, str)]
    return record
