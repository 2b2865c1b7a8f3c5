"""Which store a folder of this machine is a mirror of, as its user said.

The record is in the user's configuration, not in the folder: no one who can write to the folder can
make the machines of others send their files elsewhere. It holds no credentials.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import platformdirs

from colabctl.errors import UserError
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.records import read_record

_FORMAT = 1
_LARGEST = 100_000  # bytes

StoreGuard = Literal["created", "eventual"]


@dataclass(frozen=True)
class Remote:
    """The store of a mirror.

    Attributes:
        url: where the project is.
        project: the id of the project there.
        guard: what guards claims in this store.
        reason: why, in a few words.
        is_origin: whether the project was put into the store from this folder.

    """

    url: str
    project: str
    guard: StoreGuard
    reason: str
    is_origin: bool = False


def remote_of(root: Path) -> Remote | None:
    """Return the store of the mirror in a folder; None if it has none.

    Raises UserError if the record is damaged.
    """
    file = _file(root)
    try:
        if not file.is_file():
            return None
    except PermissionError:  # this user cannot have recorded one there
        return None
    fix = "run colabctl remote add URL again"
    record: dict[str, Any] = read_record(file, _LARGEST, _FORMAT, fix=fix)
    try:
        return Remote(
            str(record["url"]),
            str(record["project"]),
            "created" if record["guard"] == "created" else "eventual",
            str(record["reason"]),
            record.get("is_origin") is True,
        )
    except KeyError as error:
        raise UserError(f"{file} is damaged (no {error}); {fix}") from None


def remember_remote(root: Path, remote: Remote) -> None:
    """Record the store of a folder; raise OSError if that fails."""
    file = _file(root)
    file.parent.mkdir(parents=True, exist_ok=True)
    record = {"format": _FORMAT, "root": str(root.resolve()), **asdict(remote)}
    write_whole(file, json.dumps(record).encode() + b"\n")


def forget_remote(root: Path) -> None:
    """Remove the record of a folder's store, and what is known of it; nothing in the store."""
    _file(root).unlink(missing_ok=True)
    bases_file(root).unlink(missing_ok=True)


def bases_file(root: Path) -> Path:
    """Return the file for what a mirror knows of its store."""
    folder = platformdirs.user_state_path("colabctl", appauthor=False) / "mirrors"
    return folder / f"{_digest(root)}.json"


def _file(root: Path) -> Path:
    folder = platformdirs.user_config_path("colabctl", appauthor=False) / "remotes"
    return folder / f"{_digest(root)}.json"


def _digest(root: Path) -> str:
    return hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:32]
