"""Knows who works in a project, and gives each member folders and a notebook to start from."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.config import Config, load
from colabctl.project.layout import Layout, check_member
from colabctl.project.notebooks.starter import starter
from colabctl.project.scaffold import Created, folders, lay
from colabctl.sharedfs.records import read_record

_FORMAT = 1
_LARGEST = 10_000  # bytes of a record


def members(layout: Layout, config: Config) -> tuple[str, ...]:
    """Return all members: those of colabctl.yaml, then those of the records, by name.

    Names that differ only in case are one member. A record that cannot be read yet, or holds no
    name that a member can have, counts as not there.
    """
    known = {name.casefold(): name for name in config.members}
    for name in sorted(_recorded(layout), key=str.casefold):
        known.setdefault(name.casefold(), name)
    return tuple(known.values())


def add(layout: Layout, name: str) -> Created:
    """Make `name` a member, with folders and a starter notebook; what is there is kept.

    The record is a file of its own, so that two machines that add members never write one file.
    Raises UserError for a name that no member can have, and where the folder cannot be written.
    """
    config = load(layout.root, {})
    name = check_member(name)
    known = member_named(name, members(layout, config))
    project = config.name
    return lay(pieces(layout, project, known) if known else newcomer(layout, project, name))


def pieces(layout: Layout, project: str, name: str) -> dict[Path, bytes | None]:
    """Return what every member of the project called `project` has: folders and a notebook."""
    notebook = layout.start_notebook(name)
    return {
        **folders(layout.member_folders(name)),
        notebook: starter(project, name, notebook.stem),
    }


def newcomer(layout: Layout, project: str, name: str) -> dict[Path, bytes | None]:
    """Return what a member needs whom colabctl.yaml does not name; the record comes last."""
    record = json.dumps({"format": _FORMAT, "name": name}).encode()
    return {
        **folders([layout.member_records]),
        **pieces(layout, project, name),
        layout.member_record(name): record,
    }


def member_named(name: str, names: Iterable[str]) -> str | None:
    """Return the member called `name`, whatever the case of its letters."""
    return {member.casefold(): member for member in names}.get(name.casefold())


def _recorded(layout: Layout) -> Iterator[str]:
    try:
        records = sorted(layout.member_records.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(
            f"cannot read {layout.member_records}: {error.strerror}; check the mount"
        ) from None
    for path in records:
        if path.suffix == ".json":
            with suppress(OSError, UserError):
                name = read_record(path, _LARGEST, _FORMAT).get("name")
                if isinstance(name, str):
                    yield check_member(name)
