"""The members of a project: who they are, and the folders and notebook that each one has."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from colabctl.errors import UserError, nearest
from colabctl.project.config import Config, load
from colabctl.project.layout import Layout, check_member
from colabctl.project.notebooks.starter import starter
from colabctl.project.scaffold import Changes, create_missing, folders
from colabctl.sharedfs.files import read_file

_FORMAT = 1
_LARGEST = 10_000  # bytes of a record


def members(layout: Layout, config: Config) -> tuple[str, ...]:
    """Return all members: those of colabctl.yaml, then those of the records, by name.

    Names that differ only in case are one member. Records that cannot be read yet, or have no valid
    name, are ignored.
    """
    names = {name.casefold(): name for name in config.members}
    for name in sorted(_recorded(layout), key=str.casefold):
        names.setdefault(name.casefold(), name)
    return tuple(names.values())


def add(layout: Layout, name: str) -> Changes:
    """Make `name` a member, with folders and a starter notebook; existing files stay as they are.

    Each member's record is its own file, so two machines that add members never write to the same
    file. Raises UserError for an invalid name, and where the folder cannot be written.
    """
    config = load(layout.root, {})
    name = check_member(name)
    member = _named(name, members(layout, config))
    if member:
        return create_missing(pieces(layout, config.name, member))
    return create_missing(newcomer(layout, config.name, name))


def pieces(layout: Layout, project: str, name: str) -> dict[Path, bytes | None]:
    """Return the folders and the notebook that a member of the project called `project` has."""
    notebook = layout.start_notebook(name)
    return {
        **folders(layout.member_folders(name)),
        notebook: starter(project, name, notebook.stem),
    }


def newcomer(layout: Layout, project: str, name: str) -> dict[Path, bytes | None]:
    """Return the pieces of a member who is not in colabctl.yaml; the record comes last."""
    record = json.dumps({"format": _FORMAT, "name": name}).encode()
    return {
        **folders([layout.member_records]),
        **pieces(layout, project, name),
        layout.member_record(name): record,
    }


def current_member(config: Config, environ: Mapping[str, str], explicit: str | None) -> str:
    """Return the member who works here: `explicit`, else the configured one, else the only one.

    Raises UserError if there are no members, if it could be several, and for an unknown one.
    """
    names = members(config.layout, config)
    name = explicit or environ.get("COLABCTL_MEMBER") or config.member
    if name:
        return _named(name, names) or _refuse(name, names)
    if len(names) == 1:
        return names[0]
    if names:
        raise UserError(
            f"which member are you: {', '.join(names)}? Choose with --member or COLABCTL_MEMBER"
        )
    raise UserError(f"project {config.name} has no members; join with: colabctl member add NAME")


def _named(name: str, names: Iterable[str]) -> str | None:
    """Return the member called `name`, in whatever case."""
    return {member.casefold(): member for member in names}.get(name.casefold())


def _refuse(name: str, names: Iterable[str]) -> NoReturn:
    close = nearest(name, names)
    hint = f"did you mean {close}? Otherwise run " if close else "run "
    raise UserError(f"{name!r} is not a member; {hint}colabctl member add {name}")


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
            with suppress(OSError, ValueError, UserError, RecursionError):
                record = json.loads(read_file(path, _LARGEST))
                if isinstance(record, dict) and isinstance(record.get("name"), str):
                    yield check_member(record["name"])
