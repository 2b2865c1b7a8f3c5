"""What a value was built from, as its caller names it in `depends`: files, folders and values."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from colabctl.checkpoints.content import content_of
from colabctl.checkpoints.records import Content
from colabctl.checkpoints.values import digest_of
from colabctl.errors import UserError

_MOST_FILES = 20_000  # of a folder
_FILE = re.compile(
    r"[^\s:]+\.[A-Za-z][A-Za-z0-9]{1,7}"
)  # a text that looks like the name of a file
_LENGTH = 16  # hexadecimal digits of the digest of a value in a record


@dataclass(frozen=True)
class Inputs:
    """The inputs of a value, by name: each is a file, a folder, or the digest of a value."""

    files: Mapping[str, Path]
    values: Mapping[str, str]

    def recorded(self) -> dict[str, dict[str, Any]]:
        """Return what a record says of them: files by size, time and digest."""
        of_files = {name: _of_files(path) for name, path in self.files.items()}
        return {**of_files, **{name: {"value": digest} for name, digest in self.values.items()}}

    def changed(self, recorded: Mapping[str, Mapping[str, Any]]) -> str:
        """Return why a value with this record is stale, as a sentence's start; "" if it is not."""
        for name in (*self.files, *self.values):
            if name not in recorded:
                return f"{name} is new"
        for name, before in recorded.items():
            if name in self.files:
                if "files" not in before or _differs(self.files[name], before["files"]):
                    return f"{name} has changed"
            elif name in self.values:
                if before.get("value") != self.values[name]:
                    return f"{name} has changed"
            else:
                return f"{name} is no longer in depends, or is gone"
        return ""


def inputs_of(depends: Any, root: Path, tell: Callable[[str], None]) -> Inputs:
    """Return the inputs that `depends` names: one, several, or several by name.

    A path, and a text that is one from the current folder or from `root`, is a file or folder.
    Anything else is a value, and `tell` takes a note about a text that looks like a file.
    Raises UserError for a Path that is not there, and for a value without stable content.
    """
    if isinstance(depends, Mapping):
        named = [(str(name), value) for name, value in depends.items()]
    elif isinstance(depends, Iterable) and not isinstance(depends, str | bytes | PurePath):
        if not isinstance(depends, list | tuple | set | frozenset):
            depends = [depends]  # a frame or an array
        named = [("", value) for value in depends]
    else:
        named = [] if depends is None else [("", depends)]
    files: dict[str, Path] = {}
    values: dict[str, str] = {}
    for name, value in named:
        path = _path(value, root)
        if path is not None:
            files[name or _shown(path, root)] = path
        else:
            called = name or f"value {len(values) + 1} of depends"
            if isinstance(value, str) and _FILE.fullmatch(value):
                tell(f"depends names {value}, which is not a file here, so it counts as text")
            values[called] = digest_of(value, called)[:_LENGTH]
    return Inputs(files, values)


def _path(value: Any, root: Path) -> Path | None:
    if not isinstance(value, str | PurePath) or not str(value):
        return None
    places = (Path(value), root / value)
    try:
        there = next((path for path in places if path.exists()), None)
    except (OSError, ValueError):  # a text that cannot be a path
        there = None
    if there is None and isinstance(value, PurePath):
        raise UserError(f"depends: there is no file {value}, here or in {root}")
    return there


def _shown(path: Path, root: Path) -> str:
    """Return the path as every machine has it: from the project's folder."""
    real, top = os.path.realpath(path), os.path.realpath(root)
    inside = Path(real).is_relative_to(top)
    return Path(real).relative_to(top).as_posix() if inside else Path(real).as_posix()


def _listed(path: Path) -> dict[str, Path]:
    if not path.is_dir():
        return {"": path}
    files: dict[str, Path] = {}
    for folder, _, names in os.walk(path):
        for name in names:
            file = Path(folder, name)
            if file.is_file():
                files[file.relative_to(path).as_posix()] = file
        if len(files) > _MOST_FILES:
            raise UserError(
                f"depends: {path} holds more than {_MOST_FILES:,} files; name one that changes "
                "with them, such as a manifest"
            )
    return files


def _of_files(path: Path) -> dict[str, Any]:
    return {
        "files": {
            name: [file.stat().st_size, file.stat().st_mtime_ns, _content(file).sha256]
            for name, file in sorted(_listed(path).items())
        }
    }


def _differs(path: Path, before: Any) -> bool:
    """Whether files differ from what was recorded; they are only read if their time differs.

    A mount shows another time on each machine, so the time alone says nothing.
    """
    now = _listed(path)
    if not isinstance(before, Mapping) or now.keys() != before.keys():
        return True
    for name, file in now.items():
        status, recorded = file.stat(), before[name]
        if not isinstance(recorded, list) or len(recorded) != 3 or status.st_size != recorded[0]:
            return True
        if status.st_mtime_ns != recorded[1] and _content(file).sha256 != recorded[2]:
            return True
    return False


def _content(path: Path) -> Content:
    with path.open("rb") as file:
        return content_of(file)
