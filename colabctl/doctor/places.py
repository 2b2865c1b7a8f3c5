"""Checks that the folders of a project are there, and that they are folders."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from colabctl.doctor.check import Check
from colabctl.project.config import Config
from colabctl.project.layout import Layout, Paths
from colabctl.project.member_records import Person, damaged
from colabctl.project.members import people

_CREATE = "create what is missing: colabctl init"
_LATE = "if it is still missing in an hour, create it: colabctl init"


def places(layout: Layout, config: Config, *, eventual: bool) -> Iterator[Check]:
    """Yield a check for each folder of the project that is missing, or that is not a folder.

    On an `eventual` folder, what is missing may be late.
    """
    problems = [*_folders(layout, eventual=eventual), *_read_only(layout, config)]
    if not any(check.level == "wrong" for check in problems):
        for person in people(layout, config):
            problems += _of(layout, person, eventual=eventual)
    problems += _records(layout)
    yield from problems
    if not problems:
        yield Check("layout", "ok", "all folders of the project and its members are there")


def _records(layout: Layout) -> Iterator[Check]:
    """Yield a check for each record of a member that is damaged."""
    for name in damaged(layout):
        file = layout.relative(layout.member_records / name)
        yield Check(
            "layout", "note", f"{file} is damaged or not complete, so it has no effect",
            "wait until it has arrived; if it stays so, remove it, and add or rename the member "
            "again",
        )  # fmt: skip


def _folders(layout: Layout, *, eventual: bool) -> Iterator[Check]:
    moved = {
        getattr(layout.paths, field.name): field.name
        for field in fields(Paths)
        if getattr(layout.paths, field.name) != getattr(Paths(), field.name)
    }
    for folder in layout.folders():
        key = moved.get(layout.relative(folder))
        for check in _missing(layout, folder, eventual=eventual):
            if key is None or folder.is_symlink() or folder.exists():
                yield check
            else:
                yield Check(
                    "layout", check.level, f"{check.what} (paths.{key} in colabctl.yaml)",
                    f"correct paths.{key} in colabctl.yaml if it is misspelt; otherwise "
                    f"{check.fix}",
                )  # fmt: skip


def _read_only(layout: Layout, config: Config) -> Iterator[Check]:
    """Yield a check for each folder of the key `read_only` that is not there."""
    for name in config.read_only:
        if name != layout.paths.raw and not (layout.root / name).is_dir():
            yield Check(
                "layout", "wrong", f"{name} (read_only in colabctl.yaml) is not a folder",
                "correct read_only in colabctl.yaml, or bring the folder back; until then nothing "
                "protects that data",
            )  # fmt: skip


def _of(layout: Layout, person: Person, *, eventual: bool) -> Iterator[Check]:
    """Yield the checks of a member's folders, and of those with a former name."""
    own = list(layout.member_folders(person.name))
    for folder in () if person.is_retired else own:
        yield from _missing(layout, folder, eventual=eventual)
    for former in person.former:
        for old, new in zip(layout.member_folders(former), own, strict=True):
            if old.is_dir() and not (new.is_dir() and old.samefile(new)):
                yield Check(
                    "layout", "note",
                    f"{layout.relative(old)} has a former name of {person.name}",
                    f"if they need what is in it, move it to {layout.relative(new)}",
                )  # fmt: skip


def _missing(layout: Layout, folder: Path, *, eventual: bool) -> Iterator[Check]:
    name = layout.relative(folder)
    if folder.is_dir():
        return
    if folder.is_symlink() and not folder.exists():
        yield Check(
            "layout", "wrong", f"{name} is a link that leads nowhere",
            "mount what it leads to, or remove the link and run colabctl init",
        )  # fmt: skip
    elif folder.exists():
        yield Check(
            "layout", "wrong", f"{name} is a file, but must be a folder",
            "move the file away, then run colabctl init",
        )  # fmt: skip
    elif folder.parent.is_dir():  # otherwise the folder above is named
        yield Check("layout", "note", f"{name} is missing", _LATE if eventual else _CREATE)
