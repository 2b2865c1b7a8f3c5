"""Which final results there are in results/final, and the record of each.

On a Drive, two people can promote to one name at the same time. Both files are kept, and so are
both records; a mount shows one of each under a name such as `model (1).pt`. A record belongs to the
file that has its digest.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import EARLIER, Layout
from colabctl.project.member_records import present_names
from colabctl.promote.content import list_content
from colabctl.promote.origin import ENDING, Origin, read_origin
from colabctl.sharedfs.droppings import is_dropping, original_of
from colabctl.sharedfs.faults import describe
from colabctl.sharedfs.links import way_out
from colabctl.sharedfs.names import check_name

STAGING = ".promoting-"
"""How the names of folders begin in which results are copied before they get their names."""

_LONGEST = 128  # characters of a name


@dataclass(frozen=True)
class Final:
    """A final result.

    Attributes:
        name: the name with which it was promoted; `path` has another where a mount shows two.
        path: where it is.
        record: the file of its origin, None if there is none.
        origin: where it came from, None if that is not recorded or not readable.
        damage: why the record cannot be read, "" if it can.

    """

    name: str
    path: Path
    record: Path | None = None
    origin: Origin | None = None
    damage: str = ""

    @property
    def is_present(self) -> bool:
        """Whether there is more than a record."""
        return self.path.exists()


def check_final_name(name: str) -> str:
    """Return a name in Unicode form NFC if a final result can have it; raise UserError if not."""
    try:
        name = check_name(name, "final result:", longest=_LONGEST)
        if name.casefold() == EARLIER or name.casefold().endswith(ENDING):
            raise UserError(f"final result: name {name!r} is reserved for colabctl's own files")
        if is_dropping(name) or original_of(name) is not None:
            raise UserError(f"final result: name {name!r} looks like a copy or a temporary file")
    except UserError as error:
        raise UserError(f"{error}; give another name: --name NAME") from None
    return name


def finals(layout: Layout) -> list[Final]:
    """Return the final results, sorted by name, and records whose result is not there.

    A folder that is a link out of the project has none.
    """
    if way_out(layout.final, layout.root) is not None:
        return []
    names = [name for name in _names(layout.final) if not is_dropping(name)]
    records: dict[str, list[str]] = {}
    for name in names:
        if (owner := _owner(name)) is not None:
            records.setdefault(owner, []).append(name)
    entries: dict[str, list[str]] = {owner: [] for owner in records}
    for name in names:
        if _owner(name) is None and not _is_own(name):
            original = original_of(name)
            is_twin = name not in records and original and len(records.get(original, ())) > 1
            entries.setdefault(original if is_twin and original else name, []).append(name)
    called = present_names(layout)
    return [
        _renamed(final, called)
        for name in sorted(entries, key=str.casefold)
        for final in _paired(layout, name, entries[name], records.get(name, []))
    ]


def _renamed(final: Final, called: Callable[[str], str]) -> Final:
    """Return a final result with the present names of the members that its record has."""
    origin = final.origin
    if origin is None:
        return final
    task = origin.task and replace(origin.task, member=called(origin.task.member))
    return replace(final, origin=replace(origin, promoted_by=called(origin.promoted_by), task=task))


def interrupted(layout: Layout) -> list[Path]:
    """Return the folders of promotions that have not ended, or never will."""
    if way_out(layout.final, layout.root) is not None:
        return []
    return [layout.final / name for name in _names(layout.final) if name.startswith(STAGING)]


def check_distinct(layout: Layout, name: str) -> None:
    """Raise UserError if only the case of its letters tells a final result from `name`."""
    for other in _names(layout.final):
        if other != name and other.casefold() == name.casefold():
            raise UserError(
                f"{layout.relative(layout.final / other)} differs from {name} only in case, which "
                "Windows and macOS do not see; give another name: --name NAME"
            )


def _paired(
    layout: Layout, name: str, entries: Sequence[str], records: Sequence[str]
) -> list[Final]:
    """Return the final results of one name, each with its record."""
    left = [_record(layout, record) for record in records]
    results: list[Final] = []
    for entry in entries:
        path = layout.final / entry
        index = 0 if len(left) == 1 and len(entries) == 1 else _match(layout, path, left)
        if index is None:
            results.append(Final(name, path))
        else:
            record, origin, damage = left.pop(index)
            results.append(Final(name, path, record, origin, damage))
    results += [Final(name, layout.final / name, *each) for each in left if not entries]
    if entries and left and results:  # of several, at least one has changed since
        for number, each in enumerate(results):
            if each.record is None and left:
                results[number] = Final(name, each.path, *left.pop(0))
    return results


_Record = tuple[Path, Origin | None, str]


def _record(layout: Layout, name: str) -> _Record:
    file = layout.final / name
    try:
        return file, read_origin(file, layout.root), ""
    except UserError as error:
        return file, None, str(error)
    except OSError as error:
        return file, None, describe(error)


def _match(layout: Layout, path: Path, records: Sequence[_Record]) -> int | None:
    """Return which record has the digest of a result; None if none has."""
    with suppress(UserError, OSError):
        digest = list_content(path, layout.root).digest()
        for index, (_, origin, _) in enumerate(records):
            if origin is not None and origin.sha256 == digest:
                return index
    return None


def _owner(name: str) -> str | None:
    """Return the name of the result that a record is of; None if it is not a record."""
    record = original_of(name) or name
    owner = record.removesuffix(ENDING)
    return owner if owner and owner != record else None


def _is_own(name: str) -> bool:
    return EARLIER in (name, original_of(name)) or name.startswith(STAGING)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - a Drive is slow
    except (FileNotFoundError, NotADirectoryError):
        return []
