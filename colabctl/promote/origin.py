"""The record next to each final result: who promoted it, when, and what it was copied from."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.export.yaml_text import as_yaml
from colabctl.run.redaction import concealed
from colabctl.sharedfs.files import read_file
from colabctl.sharedfs.records import damaged
from colabctl.yamlfile.problems import InvalidFileError
from colabctl.yamlfile.reader import LARGEST, read_yaml

FORMAT = 1
ENDING = ".origin.yaml"
"""What follows the name of a final result in the name of its record."""

ATTEMPT_DEPTH = 7
"""The parts of the path of an attempt: sweeps/<sweep>/runs/<worker>/<00>/<00>/<attempt>."""

_MOST_VALUES = 500_000  # bytes of parameters and metrics
_DIGEST = re.compile("[0-9a-f]{64}")
_CHECKSUM = "checksum: "


@dataclass(frozen=True)
class TaskOrigin:
    """The task whose folder a final result is from.

    Attributes:
        status: done, pruned or failed; "unfinished" if the attempt was not the task's result.
        params, metrics: None if they are too large for the record.
        code_digest: SHA-256 of the sweep's frozen code.
        run_digest: SHA-256 of everything that decided what ran.

    """

    sweep: str
    task: str
    attempt: int
    status: str
    member: str
    worker: str
    seconds: float | None
    finished_at: str | None
    params: Mapping[str, Any] | None
    metrics: Mapping[str, Any] | None
    code_digest: str
    run_digest: str


@dataclass(frozen=True)
class BestBy:
    """How a task was found to be the best: by a metric, among the tasks that meet a condition."""

    metric: str
    goal: str
    where: str | None = None


@dataclass(frozen=True)
class Origin:
    """Where a final result came from.

    Attributes:
        promoted_at: in UTC (ISO 8601).
        path: what it was copied from: a POSIX path from the project's folder, or an absolute path
            on `host`.
        host: the machine, if it was outside of the project.
        kind: file or folder.
        size: bytes of all files.
        sha256: of the final result, as `content.digest_of` returns it.
        origin_sha256: the same of what it was copied from, where it is another.
        added: files in the final result that its origin does not have.
        without_saves: whether the saves of a task's half-trained model were left out.
        is_edited: whether someone has changed the record since; not in the file.

    """

    name: str
    promoted_by: str
    promoted_at: str
    note: str | None
    path: str
    host: str | None
    kind: str
    files: int
    size: int
    sha256: str
    origin_sha256: str | None = None
    added: tuple[str, ...] = ()
    task: TaskOrigin | None = None
    best: BestBy | None = None
    without_saves: bool = False
    is_edited: bool = False

    @property
    def source(self) -> str:
        """Where it came from, in words."""
        if self.task is None:
            return f"{self.path} on {self.host}, outside the project" if self.host else self.path
        inside = "/".join(self.path.split("/")[ATTEMPT_DEPTH:])
        task = f"{self.task.task} of {self.task.sweep}"
        return f"{inside} of {task}" if inside else task

    @property
    def when(self) -> str:
        """When it was promoted, to the minute."""
        return self.promoted_at[:16].replace("T", " ") + " UTC"

    def __str__(self) -> str:
        return f"promoted by {self.promoted_by} on {self.when} from {self.source}"

    def encode(self, conceal: Callable[[str], str]) -> bytes:
        """Return the text of the record, without the secrets that `conceal` replaces."""
        values = asdict(self)
        del values["is_edited"]
        if not self.without_saves:
            del values["without_saves"]
        task = values["task"]
        if task and len(repr((task["params"], task["metrics"]))) > _MOST_VALUES:
            task["params"] = task["metrics"] = None
        values = concealed({"format": FORMAT, **_without_none(values)}, conceal)
        comments = [
            conceal(f"{self.name}: {self}"),
            "Written by `colabctl promote`. To see what has changed: colabctl promote --check",
        ]
        text = as_yaml(values, comments).encode()
        return text + f"{_CHECKSUM}{hashlib.sha256(text).hexdigest()}\n".encode()


def read_origin(file: Path, root: Path) -> Origin:
    """Return the record in a file of the project in `root`.

    Raises UserError if it is damaged or from a newer colabctl, OSError if it cannot be read.
    """
    data = read_file(file, LARGEST, root)
    try:
        document, _ = read_yaml(data, file.name)
    except InvalidFileError as error:
        raise damaged(file, str(error).partition("\n")[0]) from None
    content = document.content
    if not isinstance(content, dict) or type(content.get("format")) is not int:
        raise damaged(file, "it has no format number")
    if content["format"] > FORMAT:
        raise UserError(f"{file} was written by a newer colabctl; upgrade this one")
    try:
        origin = _origin(content)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(file, error) from None
    return replace(origin, is_edited=not _has_its_checksum(data))


def _has_its_checksum(data: bytes) -> bool:
    text, mark, digest = data.rpartition(f"\n{_CHECKSUM}".encode())
    expected = hashlib.sha256(text + b"\n").hexdigest()
    return bool(mark) and digest.strip() == expected.encode()


def _origin(content: dict[str, Any]) -> Origin:
    """Return the record that plain values hold; raise KeyError, TypeError or ValueError."""
    values = _typed(Origin, content, _ORIGIN)
    datetime.fromisoformat(values["promoted_at"])
    if not _DIGEST.fullmatch(values["sha256"]) or values["kind"] not in ("file", "folder"):
        raise ValueError("it has no digest or kind")
    values["without_saves"] = content.get("without_saves") is True
    values["added"] = tuple(map(str, values.get("added") or ()))
    if values.get("task") is not None:
        values["task"] = TaskOrigin(**_typed(TaskOrigin, values["task"], _TASK))
    if values.get("best") is not None:
        values["best"] = BestBy(**_typed(BestBy, values["best"], _BEST))
    return Origin(**values)


_Types = Mapping[str, tuple[type, ...]]
_TEXT, _ABSENT = (str,), type(None)
_ORIGIN: _Types = {
    "name": _TEXT, "promoted_by": _TEXT, "promoted_at": _TEXT, "path": _TEXT, "kind": _TEXT,
    "sha256": _TEXT, "note": (str, _ABSENT), "host": (str, _ABSENT), "files": (int,),
    "size": (int,), "origin_sha256": (str, _ABSENT), "added": (list, _ABSENT),
    "task": (dict, _ABSENT), "best": (dict, _ABSENT),
}  # fmt: skip
_TASK: _Types = {
    "sweep": _TEXT, "task": _TEXT, "attempt": (int,), "status": _TEXT, "member": _TEXT,
    "worker": _TEXT, "seconds": (int, float, _ABSENT), "finished_at": (str, _ABSENT),
    "params": (dict, _ABSENT), "metrics": (dict, _ABSENT), "code_digest": _TEXT,
    "run_digest": _TEXT,
}  # fmt: skip
_BEST: _Types = {"metric": _TEXT, "goal": _TEXT, "where": (str, _ABSENT)}


def _typed(cls: type[Any], content: Mapping[str, Any], types: _Types) -> dict[str, Any]:
    """Return the values of a record's keys; raise TypeError for one of another type."""
    values = {}
    for name in (field.name for field in fields(cls) if field.name in types):
        value = content.get(name)
        if not isinstance(value, types[name]) or isinstance(value, bool):
            raise TypeError(f"its {name} is missing or of another type")
        values[name] = value
    return values


def _without_none(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a record that have a value, also those of its task."""
    present = {key: part for key, part in value.items() if part is not None and part != ()}
    for key in present.keys() & {"task", "best"}:
        present[key] = {name: part for name, part in present[key].items() if part is not None}
    return present
