"""Promotes a file, a folder or a task: copies it to results/final, and keeps what it replaces.

The copy gets its name only when it is complete, with its record. What had that name moves to a
folder of its own in results/final/earlier, whose name no one has used. Only names change: no byte
of a final result is ever written again or deleted. So a process that dies leaves a complete result
under the name or none, and of two people who promote to one name at the same time on a Drive, both
keep theirs: a Drive has files with equal names.
"""

import errno
import getpass
import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.project.config import Config
from colabctl.project.layout import EARLIER, Layout
from colabctl.promote.content import (
    Content,
    copy_content,
    digest_of,
    list_content,
    without_saves,
)
from colabctl.promote.finals import (
    STAGING,
    Final,
    check_distinct,
    check_final_name,
    finals,
)
from colabctl.promote.origin import ENDING, BestBy, Origin, TaskOrigin
from colabctl.promote.tasks import as_origin, attempt_at
from colabctl.run.redaction import concealed, concealer
from colabctl.sharedfs.faults import FREE_SPACE, describe, fault_of
from colabctl.sharedfs.files import write_once
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.locks import locked
from colabctl.sharedfs.mounts import guard_for
from colabctl.sharedfs.names import slug
from colabctl.sharedfs.rights import make_folder
from colabctl.signals import raising
from colabctl.views.results import Result, as_json
from colabctl.work.open_sweep import OpenSweep

RESULT = "result.json"
"""The file with the parameters and metrics of a task that was promoted by its name."""

Read = Callable[[int], None]
"""Called with the number of bytes of each piece that is copied."""


@dataclass(frozen=True)
class Candidate:
    """What is to be promoted, and where it is from.

    Attributes:
        name: its name in results/final.
        content: None for a task that has no files.
        path: what it is copied from: a POSIX path from the project, or an absolute path on `host`.
        host: this machine, if it is outside of the project.
        result: the result of a task, which is written next to its files.
        left_out: bytes of the saves of a task's half-trained model, which are not copied.

    """

    name: str
    content: Content | None
    path: str
    host: str | None = None
    task: TaskOrigin | None = None
    best: BestBy | None = None
    result: Result | None = None
    left_out: int = 0

    @property
    def adds_result(self) -> bool:
        """Whether a file with the task's result is written next to its own files."""
        is_free = self.content is None or RESULT not in self.content.files
        return self.result is not None and is_free


@dataclass(frozen=True)
class Promotion:
    """What was promoted: its path and record, and the folder with what it has replaced, if any."""

    path: Path
    origin: Origin
    earlier: Path | None


def from_path(
    layout: Layout, path: Path, name: str | None = None, *, saves: bool = False
) -> Candidate:
    """Return a file or folder to promote; the task that it is from is found by its path.

    Of the folder of a task, the saves of a half-trained model are left out, unless `saves`.
    Raises UserError for what cannot be promoted: see `list_content` and `check_final_name`.
    """
    if not os.path.lexists(path):
        raise UserError(f"there is no file or folder {path}, here or in the project {layout.root}")
    path = Path(os.path.abspath(path))  # noqa: PTH100 - without following links
    root = Path(os.path.abspath(layout.root))  # noqa: PTH100
    if path.is_relative_to(root):
        check_inside(path, root)
    real, real_root = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    final = Path(os.path.realpath(layout.final))
    if real.is_relative_to(final):
        raise UserError(f"{path} is a final result already; promote what it was copied from")
    if final.is_relative_to(real):
        raise UserError(f"{path} contains {layout.final}; promote a file or folder without it")
    is_inside = real.is_relative_to(real_root)
    if is_inside and name is None:
        _check_not_shared(layout, real.relative_to(real_root).as_posix())
    content = list_content(real, real_root if is_inside else None)
    if not content.files:
        raise UserError(f"{path} has no files; promote a folder with results")
    if not is_inside:
        host = platform.node() or "another machine"
        return Candidate(check_final_name(name or path.name), content, str(real), host)
    attempt = attempt_at(real, real_root)
    task = attempt.origin if attempt else None
    left_out = 0
    if attempt is not None and attempt.is_whole and not saves:
        everything, content = content.size, without_saves(content)
        left_out = everything - content.size
    if name is None:
        whole = attempt is not None and attempt.is_whole
        name = f"{task.sweep}-{task.task}" if task and whole else path.name
    return Candidate(
        check_final_name(name), content, real.relative_to(real_root).as_posix(), task=task,
        left_out=left_out,
    )  # fmt: skip


def _check_not_shared(layout: Layout, path: str) -> None:
    """Raise UserError for a folder of the project that holds what many people make."""
    paths = layout.paths
    shared = {
        ".": "the whole project",
        paths.data: "the folder of all data",
        paths.raw: "the folder of all raw data",
        paths.interim: "the folder of all data in between",
        paths.processed: "the folder of all processed data",
        paths.notebooks: "the folder of everyone's notebooks",
        paths.results: "the folder of everyone's results",
        paths.checkpoints: "the folder of everyone's checkpoints",
        layout.relative(layout.sweeps): "the folder of all sweeps",
        layout.relative(layout.records): "the folder of colabctl's own files",
    }
    if path in shared:
        inside = "" if path == "." else f", such as {path}/NAME"
        raise UserError(
            f"{path} is {shared[path]}; promote a file or folder in it{inside}; or add --name NAME "
            "if all of it is one result"
        )


def from_result(
    sweep: OpenSweep,
    result: Result,
    name: str | None = None,
    best: BestBy | None = None,
    *,
    saves: bool = False,
) -> Candidate:
    """Return the folder of a task to promote, with its result; raises as `from_path` does.

    The saves of a half-trained model are left out, unless `saves`.
    """
    root = Path(os.path.realpath(sweep.root))
    content, left_out = None, 0
    if result.folder is not None:
        content = list_content(root / result.folder, root)
        if not saves:
            everything, content = content.size, without_saves(content)
            left_out = everything - content.size
    return Candidate(
        check_final_name(name or f"{sweep.plan.sweep}-{'best' if best else result.task}"),
        content,
        result.folder or sweep.layout.root.relative_to(sweep.root).as_posix(),
        task=as_origin(sweep, result),
        best=best,
        result=result,
        left_out=left_out,
    )


def located(layout: Layout, path: str | os.PathLike[str]) -> Path | None:
    """Return a path from the current folder, else from the project's; None if neither exists."""
    places = (Path.cwd() / path, layout.root / path)
    return next((place for place in places if os.path.lexists(place)), None)


def present(layout: Layout, name: str) -> list[Final]:
    """Return the final results with a name, which another one would replace."""
    check_distinct(layout, name)
    return [final for final in finals(layout) if final.name == name]


def is_promoted(
    layout: Layout, candidate: Candidate, replaced: Sequence[Final], note: str | None
) -> bool:
    """Whether a final result is already what `promote` would make of a candidate.

    Its files are read only if their sizes are those of the final result.
    """
    if len(replaced) != 1 or not replaced[0].is_present:
        return False
    origin = replaced[0].origin
    if origin is None or origin.is_edited or note not in (None, origin.note):
        return False
    now = (candidate.path, candidate.host, _key(candidate.task), candidate.best)
    if now != (origin.path, origin.host, _key(origin.task), origin.best):
        return False
    if (RESULT,) * candidate.adds_result != origin.added:
        return False
    content, final = candidate.content, list_content(replaced[0].path, layout.root)
    if final.size != origin.size or final.digest() != origin.sha256:
        return False
    if content is None or origin.added:
        return content is None or content.digest() == origin.origin_sha256
    return content.size == origin.size and content.digest() == origin.sha256


def _key(task: TaskOrigin | None) -> tuple[str, str, int, str] | None:
    return None if task is None else (task.run_digest, task.task, task.attempt, task.worker)


def promote(
    config: Config,
    candidate: Candidate,
    *,
    member: str,
    environ: Mapping[str, str],
    note: str | None = None,
    read: Read | None = None,
) -> Promotion:
    """Copy a candidate to results/final, and keep what it replaces.

    Raises UserError, and leaves everything as it was, if it cannot be copied.
    """
    layout, name, now = config.layout, candidate.name, time.time()
    for path in (layout.final / name, layout.earlier_finals / name):
        check_inside(path, layout.root)
    conceal = concealer(config.all_secrets, environ)
    stamp = time.strftime("%Y-%m-%d-%H%M%S", time.gmtime(now))
    own = f"{stamp}-{_cut(member, 60)}-{os.urandom(2).hex()}"
    try:
        make_folder(layout.final, parents=True)
        with raising(), _staging(layout.final / f"{STAGING}{own}") as staging:
            copied = _copy(candidate, staging / name, conceal, read)
            origin = Origin(
                name=name,
                promoted_by=member,
                promoted_at=datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
                note=note,
                path=candidate.path,
                host=candidate.host,
                task=candidate.task,
                best=candidate.best,
                without_saves=candidate.left_out > 0,
                **copied,
            )
            write_once(staging / f"{name}{ENDING}", origin.encode(conceal))
            with _lock(config):
                folder = layout.final / EARLIER / f"{_cut(name, 120)}-{own}"
                earlier = _publish(layout, name, staging, folder)
    except OSError as error:
        fix = FREE_SPACE if fault_of(error) == "full" else "fix this, then try again"
        raise UserError(f"{describe(error)}; nothing was promoted; {fix}") from None
    return Promotion(layout.final / name, origin, earlier)


def _copy(
    candidate: Candidate, target: Path, conceal: Callable[[str], str], read: Read | None
) -> dict[str, Any]:
    """Copy the content of a candidate; return the parts of its origin that describe it."""
    content = candidate.content
    if content is None:
        make_folder(target)
        content = Content(target, {})
    else:
        check = read or (lambda _: None)
        digests = copy_content(content, target, check)
    digests = {} if candidate.content is None else digests
    parts = {
        "kind": "folder" if content.is_folder else "file",
        "files": len(digests),
        "size": content.size,
        "sha256": digest_of(digests),
    }
    if candidate.result is None or not candidate.adds_result:
        return parts
    row = concealed(as_json(asdict(candidate.result)), conceal)
    data = json.dumps(row, indent=2).encode() + b"\n"
    write_once(target / RESULT, data)
    whole = digest_of({**digests, RESULT: hashlib.sha256(data).hexdigest()})
    return {
        **parts,
        "files": len(digests) + 1,
        "size": content.size + len(data),
        "sha256": whole,
        "origin_sha256": parts["sha256"] if candidate.content else None,
        "added": (RESULT,),
    }


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Create a folder for the copy, and remove it with everything that is in it."""
    make_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(layout: Layout, name: str, staging: Path, earlier: Path) -> Path | None:
    """Give the copy its name; return the folder to which what had that name was moved, if any.

    If something fails, everything is where it was.
    """
    replaced = [
        path
        for final in present(layout, name)
        for path in (final.path, final.record)
        if path is not None and os.path.lexists(path)
    ]
    moves = [(path, earlier / path.name) for path in replaced]
    moves += [(staging / own, layout.final / own) for own in (f"{name}{ENDING}", name)]
    if replaced:
        make_folder(earlier.parent)
        make_folder(earlier)
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            if os.path.lexists(target):  # it has arrived from another machine just now
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
            os.rename(source, target)  # noqa: PTH104 - Path.rename resolves nothing more
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            os.rename(target, source)  # noqa: PTH104 - never replaces a file
        if replaced:
            with suppress(OSError):
                earlier.rmdir()
        raise
    return earlier if replaced else None


def _lock(config: Config) -> AbstractContextManager[int]:
    """Return the lock to hold while names change: no two processes of this machine do that at once.

    On a coherent folder it also excludes those of other machines.
    """
    layout = config.layout
    if guard_for(layout.final, config.consistency, stored=config.stored).consistency == "coherent":
        make_folder(layout.records)
        return locked(layout.records / "promote.lock")
    digest = hashlib.sha256(str(layout.root.absolute()).encode()).hexdigest()[:16]
    name = f"colabctl-{slug(getpass.getuser())}-{digest}-promote.lock"
    return locked(Path(tempfile.gettempdir()) / name)


def _cut(text: str, most: int) -> str:
    """Return the start of a text, of at most some bytes of UTF-8."""
    return text.encode()[:most].decode(errors="ignore")
