"""Approvals: which code this member has written or looked at, kept where no other member writes."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from colabctl.errors import UserError
from colabctl.sharedfs.records import read_record

FORMAT = 1
_LARGEST = 1 << 24  # bytes of a record; the longest command in a sweep file is below
_RECORD = "approval.json"


@dataclass(frozen=True)
class Approval:
    """What was approved, and when: the digest of all that runs, and the files that hold it."""

    digest: str
    project: str
    sweep: str
    program: str
    command: tuple[str, ...]
    approved_at: float
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Approvals:
    """The approvals of one member, in a folder of the member's own."""

    folder: Path

    def has(self, digest: str) -> bool:
        """Whether this digest was approved."""
        return self._record(self.folder / digest) is not None

    def add(self, approval: Approval) -> None:
        """Keep an approval; nothing happens if it is there."""
        if self.has(approval.digest):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=self.folder, prefix=".new-"))
        for name, data in approval.files.items():
            file = made / "code" / PurePosixPath(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        record = {
            "format": FORMAT,
            "digest": approval.digest,
            "project": approval.project,
            "sweep": approval.sweep,
            "program": approval.program,
            "command": list(approval.command),
            "approved_at": approval.approved_at,
        }
        (made / _RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        try:
            made.rename(self.folder / approval.digest)
        except OSError:  # somebody was faster, or half of one lies there
            if not self.has(approval.digest):
                shutil.copytree(made, self.folder / approval.digest, dirs_exist_ok=True)
            shutil.rmtree(made, ignore_errors=True)

    def latest(self, project: str, program: str) -> Approval | None:
        """Return the last approval of a program of a project, to show what has changed since."""
        found: list[Approval] = []
        for place in self.folder.glob("*/") if self.folder.is_dir() else ():
            record = self._record(place)
            if record and (record["project"], record["program"]) == (project, program):
                found.append(_approval(record, place / "code"))
        return max(found, key=lambda each: each.approved_at, default=None)

    def _record(self, place: Path) -> dict[str, Any] | None:
        """Return the record in a folder whose name is its digest; None if it is none."""
        try:
            record = read_record(place / _RECORD, _LARGEST, FORMAT)
            float(record["approved_at"])
        except (OSError, UserError, ValueError, KeyError, TypeError):
            return None
        return record if record.get("digest") == place.name else None


def _approval(record: Mapping[str, Any], code: Path) -> Approval:
    files = {
        path.relative_to(code).as_posix(): path.read_bytes()
        for path in sorted(code.rglob("*"))
        if path.is_file()
    }
    return Approval(
        digest=str(record["digest"]),
        project=str(record["project"]),
        sweep=str(record.get("sweep", "")),
        program=str(record["program"]),
        command=tuple(map(str, record.get("command") or ())),
        approved_at=float(record["approved_at"]),
        files=files,
    )


def approvals_for(
    root: Path,
    environ: Mapping[str, str],
    home: Path | None = None,
    drive: Path = Path("/content/drive/MyDrive"),
) -> Approvals:
    """Return this member's approvals.

    They lie in $COLABCTL_APPROVALS; else, where `drive` (the member's own MyDrive, on a machine
    that will be gone tomorrow) is there, in its folder colabctl-approvals; else in
    $XDG_CONFIG_HOME or ~/.config. Raises UserError for a folder inside the project at `root`,
    where other members write.
    """
    given = environ.get("COLABCTL_APPROVALS")
    if given:
        folder = Path(given).expanduser()
    elif drive.is_dir():
        folder = drive / "colabctl-approvals"
    else:
        config = environ.get("XDG_CONFIG_HOME")
        folder = (
            (Path(config) if config else (home or Path.home()) / ".config")
            / "colabctl"
            / "approvals"
        )
    if folder.resolve().is_relative_to(root.resolve()):
        raise UserError(
            f"approvals cannot be kept in {folder}: others write in the project; "
            "set COLABCTL_APPROVALS to a folder of your own"
        )
    return Approvals(folder)
