"""Records which sweeps a member approved, in a folder where no other member can write."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from platformdirs import user_config_path

from colabctl.errors import UserError
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.records import read_record

FORMAT = 1
_LARGEST = 1 << 24  # bytes of a record; the longest command in a sweep file is shorter
_RECORD = "approval.json"
_DECLARATION = "sweep.yaml"


@dataclass(frozen=True)
class Approval:
    """What a member approved, and when (in seconds since 1970).

    Attributes:
        digest: of everything that decides what runs (Plan.run_digest).
        files: the code, by POSIX path.
        plan: the keys of the plan (Plan.covered); empty in approvals by an earlier version.
        declaration: the bytes of sweep.yaml.
    """

    digest: str
    project: str
    sweep: str
    program: str
    command: tuple[str, ...]
    approved_at: float
    files: Mapping[str, bytes]
    plan: Mapping[str, Any] = field(default_factory=dict)
    declaration: bytes = b""


@dataclass(frozen=True)
class Approvals:
    """One member's approvals, in a folder of the member's own."""

    folder: Path

    def has(self, digest: str) -> bool:
        """Whether this digest was approved."""
        return self._record(self.folder / digest) is not None

    def add(self, approval: Approval) -> None:
        """Save an approval; one of a digest that is approved already counts as the latest."""
        record = {
            "format": FORMAT,
            "digest": approval.digest,
            "project": approval.project,
            "sweep": approval.sweep,
            "program": approval.program,
            "command": list(approval.command),
            "approved_at": approval.approved_at,
            "plan": approval.plan,
        }
        text = (json.dumps(record, indent=1) + "\n").encode()
        if self.has(approval.digest):
            write_whole(self.folder / approval.digest / _RECORD, text)
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=self.folder, prefix=".new-"))
        for name, data in approval.files.items():
            file = draft / "code" / PurePosixPath(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        (draft / _DECLARATION).write_bytes(approval.declaration)
        (draft / _RECORD).write_bytes(text)
        try:
            draft.rename(self.folder / approval.digest)
        except OSError:  # another process was faster, or an earlier one was interrupted
            if not self.has(approval.digest):
                shutil.copytree(draft, self.folder / approval.digest, dirs_exist_ok=True)
            shutil.rmtree(draft, ignore_errors=True)

    def latest(self, project: str, sweep: str, program: str | None = None) -> Approval | None:
        """Return the latest approval of a sweep, else of a `program` in any of a project's sweeps.

        To show the changes since then.
        """
        records = [
            (folder, record)
            for folder in (self.folder.glob("*/") if self.folder.is_dir() else ())
            if (record := self._record(folder)) and record["project"] == project
        ]
        of_sweep = [pair for pair in records if pair[1].get("sweep") == sweep]
        of_program = [pair for pair in records if pair[1]["program"] == program]
        latest = max(
            of_sweep or of_program, key=lambda pair: float(pair[1]["approved_at"]), default=None
        )
        return _approval(latest[1], latest[0]) if latest else None

    def latest_plan(self, project: str, sweep: str) -> Mapping[str, Any] | None:
        """Return the keys of the plan that was approved last for a sweep; None if none was."""
        latest = self.latest(project, sweep)
        return latest.plan or None if latest else None

    def _record(self, folder: Path) -> dict[str, Any] | None:
        """Return the record in a folder named after its digest; None if it is not valid."""
        try:
            record = read_record(folder / _RECORD, _LARGEST, FORMAT)
            float(record["approved_at"])
            record["project"], record["program"]
        except (OSError, UserError, ValueError, KeyError, TypeError):
            return None
        return record if record.get("digest") == folder.name else None


def _approval(record: Mapping[str, Any], folder: Path) -> Approval:
    code, declaration, plan = folder / "code", folder / _DECLARATION, record.get("plan")
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
        plan=plan if isinstance(plan, dict) else {},
        declaration=declaration.read_bytes() if declaration.is_file() else b"",
    )


def approvals_for(
    root: Path, environ: Mapping[str, str], drive: Path = Path("/content/drive/MyDrive")
) -> Approvals:
    """Return this member's approvals.

    They are in $COLABCTL_APPROVALS; else, on Colab, where machines do not last, in a folder of
    `drive`, the member's own MyDrive; else in the user's configuration folder. Raises UserError for
    a folder inside the project at `root`, where other members can write.
    """
    folder = environ.get("COLABCTL_APPROVALS")
    if folder:
        path = Path(folder).expanduser()
    elif drive.is_dir():
        path = drive / "colabctl-approvals"
    else:
        path = user_config_path("colabctl", appauthor=False) / "approvals"
    if path.resolve().is_relative_to(root.resolve()):
        raise UserError(
            f"approvals cannot be kept in {path}: other members can write in the project; set "
            "COLABCTL_APPROVALS to a folder of your own"
        )
    return Approvals(path)
