"""The members of a project, and the folders and the notebook of each."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.config import Config, load
from colabctl.project.layout import Layout, check_member
from colabctl.project.scaffold import Changes, create_missing, folders
from colabctl.sharedfs.records import read_record

_FORMAT = 1
_LARGEST = 10_000  # bytes of a record


def members(layout: Layout, config: Config) -> tuple[str, ...]:
    """Return all members: those in colabctl.yaml, then those with a record, by name.

    Names that differ only in case are one member. Records that cannot be read yet or have no valid
    name are ignored.
    """
    names = {name.casefold(): name for name in config.members}
    for name in sorted(_recorded(layout), key=str.casefold):
        names.setdefault(name.casefold(), name)
    return tuple(names.values())


def add(layout: Layout, name: str) -> Changes:
    """Make `name` a member, with folders and a starter notebook; existing files stay unchanged.

    Each member has a record of their own, so machines that add members at the same time never write
    to the same file. Raises UserError for an invalid name, and if the folder cannot be written.
    """
    config = load(layout.root, {})
    name = check_member(name)
    member = member_named(name, members(layout, config))
    if member:
        return create_missing(pieces(layout, config.name, member), layout.root)
    return create_missing(newcomer(layout, config.name, name), layout.root)


def pieces(layout: Layout, project: str, name: str) -> dict[Path, bytes | None]:
    """Return the folders and the notebook of a member of the project called `project`."""
    from colabctl.project.notebooks.starter import (  # noqa: PLC0415 - slow to import
        group_template,
        starter,
    )

    notebook = layout.start_notebook(name)
    return {
        **folders(layout.member_folders(name)),
        notebook: starter(project, name, notebook.stem, group_template(layout)),
    }


def newcomer(layout: Layout, project: str, name: str) -> dict[Path, bytes | None]:
    """Return the pieces of a member who is not in colabctl.yaml; the record comes last."""
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
