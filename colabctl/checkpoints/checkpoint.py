"""A member's checkpoint by its name: a file in the format of its extension, or a folder."""

from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from colabctl.checkpoints.code import code_of
from colabctl.checkpoints.folders import Folder
from colabctl.checkpoints.formats import format_of
from colabctl.checkpoints.inputs import inputs_of
from colabctl.checkpoints.origin import Origin, Owner
from colabctl.checkpoints.places import RECORD, record_of
from colabctl.checkpoints.stored import Stored
from colabctl.errors import UserError
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.names import check_folder


def checkpoint(
    owner: Owner,
    name: str | PurePath,
    build: Callable[..., Any] | None = None,
    depends: Any = None,
    *,
    pickle: bool = False,
) -> Any:
    """Return the value saved as `name`; see Project.checkpoint."""
    if not isinstance(name, str | PurePath):
        raise UserError(f"checkpoint {name!r:.60}: its name is not text")
    name = str(name)
    if build is not None and not callable(build):
        raise UserError(
            f"checkpoint {name!r}: build is a {type(build).__qualname__}, not a function; give the "
            "function itself, without ()"
        )
    path = owner.folder / check_folder(name, "checkpoint")
    form = None if name.endswith("/") else format_of(name)
    if path.name.casefold().endswith(RECORD):
        raise UserError(f"checkpoint {name!r}: names that end with {RECORD} are for records")
    check_inside(path, owner.root)
    _check_place(path, name)
    if form is not None and form.pickles and not pickle:
        raise UserError(
            f"checkpoint {name!r} would be a pickle, and loading one can run another person's "
            "code; use another extension, or add pickle=True if only you write to your folder"
        )
    origin = Origin(code_of(build) if build else None, inputs_of(depends, owner.root))
    if form is None:
        return Folder(owner, path).built(build, origin)
    form.check_installed(name)
    there = path, form
    stored = Stored(owner, record_of(path), path.relative_to(owner.folder).as_posix())
    return stored.value(there, build, origin, lambda _: there)


def _check_place(path: Path, name: str) -> None:
    """Raise UserError for a link in place of the file, and for a name that differs by its case."""
    if path.is_symlink():
        raise UserError(f"{path} is a link, which is not followed here; replace it by a copy")
    try:
        there = [each.name for each in path.parent.iterdir()]
    except OSError:
        return
    for other in there:
        if other != path.name and other.casefold() == path.name.casefold():
            raise UserError(
                f"checkpoint {name!r}: {other} is there, and Windows and macOS take both for one "
                "file; use that name or another one"
            )
