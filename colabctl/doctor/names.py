"""Names files that not every member's machine can hold, and folders that are too full for a Drive.

It only lists folders: on a Drive, to look at each file would take minutes.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

from colabctl.doctor.check import Check
from colabctl.project.layout import Layout
from colabctl.sharedfs.droppings import is_dropping
from colabctl.sharedfs.names import obstacle

_MOST = 5  # checks of a kind to show
_MOST_ENTRIES = 100_000
_FULL = 2000  # entries; a Drive mount has answered late, or with errors, from about here on
_LONGEST_PATH = 200  # characters in the project; Windows allows 260 with the folders above it
_ARCHIVE = "put many small files into archives (zip, tar); a Drive is slow with many files"
_AGAIN = "check again when the first of them are in order"
_SHORTEN = "give it another name, in one place, and use that name in your code"


def names(layout: Layout) -> Iterator[Check]:
    """Yield checks of the names of people's files, at most some of each kind.

    What colabctl itself creates has safe names, and few in a folder.
    """
    counts: Counter[str] = Counter()
    passed = {os.fspath(path) for path in (layout.sweeps, layout.records)}
    seen = 0
    for folder, folders, files in os.walk(layout.root):
        entries = [*folders, *files]
        seen += len(entries)
        for kind, check in _in_folder(layout, folder, entries):
            counts[kind] += 1
            if counts[kind] <= _MOST:
                yield check
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and not is_dropping(name)
            and os.path.join(folder, name) not in passed  # noqa: PTH118 - text, for speed
        ]
        if seen > _MOST_ENTRIES:
            yield Check(
                "names", "note", f"only the first {_MOST_ENTRIES:,} names were checked", _ARCHIVE
            )
            break
    for kind, count in counts.items():
        if count > _MOST:
            yield Check("names", "note", f"{kind}: {count - _MOST:,} more", _AGAIN)
    if not counts:
        yield Check("names", "ok", f"{seen:,} names are safe on Linux, macOS, Windows and Drive")


def _in_folder(layout: Layout, folder: str, entries: list[str]) -> Iterator[tuple[str, Check]]:
    where = layout.relative(Path(folder))
    where = "the project's folder" if where == "." else where
    depth = len(folder) - len(os.fspath(layout.root))
    if len(entries) > _FULL:
        yield "full folders", Check(
            "names", "note",
            f"{where} has {len(entries):,} entries; a Drive mount gets slow and fails with that "
            "many in one folder",
            "put them into folders of some hundred each, or into one archive (zip, tar) that is "
            "unpacked on each machine",
        )  # fmt: skip
    for name in entries:
        problem = obstacle(name)
        if problem:
            yield (
                "names that Windows refuses",
                Check("names", "note", f"{where}/{_shown(name)} {problem}", _SHORTEN),
            )
        if depth <= _LONGEST_PATH < depth + 1 + len(name):  # otherwise a folder above is named
            yield "long paths", Check(
                "names", "note",
                f"{where}/{_shown(name)} and what is in it have paths of more than "
                f"{_LONGEST_PATH} characters, which Windows may refuse",
                "shorten the names of its folders, or move it up",
            )  # fmt: skip
    yield from _twins(where, entries)


def _twins(where: str, entries: list[str]) -> Iterator[tuple[str, Check]]:
    """Yield the names in a folder that are one name on another system."""
    plain = {name.casefold() for name in entries}
    if len(plain) == len(entries) and all(map(str.isascii, plain)):
        return
    alike: dict[str, list[str]] = {}
    for name in entries:
        alike.setdefault(normalize("NFC", normalize("NFC", name).casefold()), []).append(name)
    for first, *others in (group for group in alike.values() if len(group) > 1):
        for other in others:
            case = normalize("NFC", first) != normalize("NFC", other)
            how = "differ only in case" if case else "look the same (two forms of Unicode)"
            yield "names that differ only in case or form", Check(
                "names", "wrong",
                f"{where}: {_shown(first)} and {_shown(other)} {how}, so Windows and macOS show "
                "only one of them",
                "compare the two, then rename one; delete neither before everyone has what they "
                "need",
            )  # fmt: skip


def _shown(name: str) -> str:
    is_plain = name.isprintable() and name == normalize("NFC", name) == name.strip()
    return name if is_plain else ascii(name)
