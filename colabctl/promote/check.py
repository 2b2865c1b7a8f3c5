"""Checks final results against where they came from, each finding with what to do next."""

import os
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from colabctl.checkpoints.places import SAVES
from colabctl.errors import UserError
from colabctl.project.layout import EARLIER, Layout
from colabctl.promote.content import digest_of, list_content, listed, without_saves
from colabctl.promote.finals import Final, finals, interrupted
from colabctl.promote.origin import Origin, TaskOrigin
from colabctl.promote.tasks import best_result, index_now, refreshed, still_counts
from colabctl.sharedfs.faults import describe
from colabctl.sharedfs.links import check_inside, description, way_out
from colabctl.sizes import format_size
from colabctl.sweeps import find_sweep
from colabctl.work.open_sweep import OpenSweep

Still = Literal["same", "there", "changed", "gone", "outside", "unknown"]
"""What is known, from the size and time of a file, of what a result was copied from.

A folder is `there`; its files are not looked at.
"""

_ABANDONED = 3600.0  # seconds without a write after which no promotion is still running
_ALLOWANCE = 2.0  # seconds by which times of a file system are rounded


@dataclass(frozen=True)
class Finding:
    """Something that has changed since a result was promoted.

    Attributes:
        final: the name of the result.
        kind: changed, missing, origin-changed, origin-gone, discarded, better, record-changed,
            no-record, two-at-once, interrupted or linked.
        what: a sentence.
        fix: what to do.
        level: "wrong", or "note" where nothing needs to be done.

    """

    final: str
    kind: str
    what: str
    fix: str
    level: Literal["wrong", "note"] = "wrong"


def still(layout: Layout, origin: Origin) -> Still:
    """Return whether the origin of a result is the same, without reading files."""
    path = _source(layout, origin)
    if path is None:
        return "outside"
    try:
        check_inside(path, layout.root)
        status = path.stat()
    except FileNotFoundError:
        return "gone"
    except (OSError, UserError):
        return "unknown"
    if origin.kind == "folder":
        return "there"
    promoted_at = datetime.fromisoformat(origin.promoted_at).timestamp()
    unchanged = status.st_mtime <= promoted_at + _ALLOWANCE
    return "same" if unchanged and status.st_size == origin.size else "changed"


Begin = Callable[[str, int], None]
"""Called with the name of a result and its bytes before it is read."""


def check(layout: Layout, begin: Begin = lambda *_: None) -> Iterator[Finding]:
    """Yield what is found, result by result."""
    if link := way_out(layout.final, layout.root):
        yield Finding(
            "", "linked", description(link, layout.root),
            "ask who placed it, and remove the link (not what it leads to)",
        )  # fmt: skip
        return
    sweeps = lru_cache(lambda name, digest: _sweep(layout, name, digest))
    everything = finals(layout)
    for final in everything:
        yield from _check_record(layout, final, everything)
        if final.origin is not None and not final.origin.is_edited:
            begin(final.name, final.origin.size)
            yield from _check_files(layout, final, final.origin)
            if final.origin.task is not None:
                yield from _check_task(final, final.origin, final.origin.task, sweeps)
    yield from _interrupted(layout)


def glance(layout: Layout) -> Iterator[Finding]:
    """Yield what is found without reading what the files have; of an origin, its size and time."""
    sweeps = lru_cache(lambda name, digest: _sweep(layout, name, digest))
    everything = finals(layout)
    for final in everything:
        yield from _check_record(layout, final, everything)
        origin = final.origin
        if origin is None or origin.is_edited:
            continue
        yield from _glance_at(layout, final, origin)
        if origin.task is not None:
            yield from _check_task(final, origin, origin.task, sweeps, with_best=False)
    yield from _interrupted(layout)


def _glance_at(layout: Layout, final: Final, origin: Origin) -> Iterator[Finding]:
    name, look = final.name, "colabctl promote --check"
    if not final.is_present:
        what = f"{name} is not in {layout.relative(layout.final)}, but its record is"
        yield Finding(name, "missing", what, look)
        return
    try:
        size = list_content(final.path, layout.root).size
    except UserError as error:
        yield Finding(name, "changed", str(error), look)
        return
    if size != origin.size:
        what = (
            f"{name} has {format_size(size)}, and had {format_size(origin.size)} when "
            f"{origin.promoted_by} promoted it"
        )
        yield Finding(name, "changed", what, look)
    state = still(layout, origin)
    if state in ("changed", "gone"):
        has = "has changed" if state == "changed" else "is gone"
        what = f"{origin.path}, which {name} was copied from, {has}"
        yield Finding(name, f"origin-{state}", what, look, "note")


def _interrupted(layout: Layout) -> Iterator[Finding]:
    for folder in interrupted(layout):
        if time.time() - _last_write(folder) > _ABANDONED:
            yield Finding(
                "", "interrupted", f"{layout.relative(folder)} is left from an interrupted promote",
                f"delete it, and promote again: rm -r {shlex.quote(str(folder))}",
            )  # fmt: skip


def _check_record(layout: Layout, final: Final, everything: list[Final]) -> Iterator[Finding]:
    name = final.name
    if final.damage:
        yield Finding(name, "record-changed", final.damage, _promote_again(final))
    elif final.record is None:
        yield Finding(
            name, "no-record", f"{layout.relative(final.path)} has no record of where it came from",
            "restore its record from the folder's version history, or move it elsewhere and "
            "promote it from there",
        )  # fmt: skip
    elif final.origin is not None and final.origin.is_edited and final.record is not None:
        yield Finding(
            name, "record-changed",
            f"{layout.relative(final.record)} was edited after {final.origin.promoted_by} promoted "
            f"{name}",
            "do not rely on what it says; restore it from the folder's version history, or promote "
            "again",
        )  # fmt: skip
    twins = [each for each in everything if each.name == name]
    if len(twins) > 1 and twins[0] is final:
        who = ", ".join(
            f"{each.path.name} by {each.origin.promoted_by if each.origin else 'someone'}"
            for each in twins
        )
        yield Finding(
            name, "two-at-once", f"{name} was promoted several times at once: {who}",
            "promote the one that counts again; the others are kept in "
            f"{layout.relative(layout.final / EARLIER)}",
        )  # fmt: skip


def _check_files(layout: Layout, final: Final, origin: Origin) -> Iterator[Finding]:
    name = final.name
    if not final.is_present:
        digests = _files_of_origin(layout, origin)
        yield Finding(
            name, "missing", f"{name} is not in {layout.relative(layout.final)}, but its record is",
            "if it is on its way here, wait; otherwise "
            + _restore("restore it from the Drive's trash", final, digests),
        )  # fmt: skip
        return
    now: dict[str, str] = {}
    try:
        now = list_content(final.path, layout.root).digests()
    except (OSError, UserError) as error:
        yield Finding(name, "changed", _reason(error), "make it readable again, then check again")
        return
    is_same = digest_of(now) == origin.sha256
    digests = _files_of_origin(layout, origin)
    if not is_same:
        yield Finding(
            name, "changed",
            f"{layout.relative(final.path)} was changed after {origin.promoted_by} promoted it",
            _restore("restore it from the folder's version history", final, digests),
        )  # fmt: skip
    if origin.host is None and (origin.origin_sha256 is not None or not origin.added):
        before = {each: now[each] for each in now if each not in origin.added}
        yield from _compare(final, origin, before if is_same else None, digests)


_Digests = dict[str, str]


def _files_of_origin(layout: Layout, origin: Origin) -> _Digests | str | None:
    """Return the digests of the files that a result was copied from, as they are now.

    These are none if all have gone, None if it was outside of the project, and a sentence if they
    cannot be read.
    """
    source = _source(layout, origin)
    if source is None:
        return None
    try:
        content = list_content(source, layout.root)
        return (without_saves(content) if origin.without_saves else content).digests()
    except (OSError, UserError) as error:
        return _reason(error) if os.path.lexists(source) else {}


def _compare(
    final: Final, origin: Origin, before: _Digests | None, now: _Digests | str | None
) -> Iterator[Finding]:
    """Yield how an origin differs from the result; `before` is None if the result has changed."""
    name = final.name
    if now is None or (isinstance(now, dict) and _is_origin(origin, now)):
        return
    if isinstance(now, str):
        yield Finding(name, "origin-changed", now, "make it readable again")
        return
    gone = sorted(before.keys() - now.keys()) if before is not None else []
    others = sorted(n for n in now if before is not None and before.get(n) != now[n])
    keep = f"nothing, if that was intended: {name} is a complete copy"
    if not now:
        what = f"{origin.path}, which {name} was copied from, is gone"
        yield Finding(name, "origin-gone", what, keep, "note")
    elif before is None:
        what = f"{origin.path} has changed since {name} was copied from it"
        fix = f"restore {name} first, then check again"
        yield Finding(name, "origin-changed", what, fix)
    elif not others:
        what = f"files of {origin.path}, which {name} was copied from, are gone: {listed(gone)}"
        yield Finding(name, "origin-gone", what, keep, "note")
    else:
        what = f"{origin.path} has changed since {name} was copied from it"
        what += f": {listed(others)}" if origin.kind == "folder" else ""
        fix = f"if the new one should be final, {_promote_again(final)}"
        if gone:
            what += f"; and files of it are gone: {listed(gone)}"
            fix = (
                f"keep {name}, which has them all; to have the new files too, promote them under "
                "another name, with --name"
            )
        yield Finding(name, "origin-changed", what, fix)


def _is_origin(origin: Origin, now: _Digests) -> bool:
    return bool(now) and digest_of(now) == (origin.origin_sha256 or origin.sha256)


def _restore(how: str, final: Final, now: _Digests | str | None) -> str:
    """Say how to get a result back; from its origin only if that is what it was."""
    origin = final.origin
    is_whole = origin is not None and isinstance(now, dict) and _is_origin(origin, now)
    return f"{how}, or {_promote_again(final)}" if is_whole else how


def _last_write(folder: Path) -> float:
    """Return when something in a folder was last written; now, if that cannot be known."""
    try:
        return max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:
        return time.time()


_Sweeps = Callable[[str, str], OpenSweep | None]


def _check_task(
    final: Final, origin: Origin, task: TaskOrigin, sweeps: _Sweeps, *, with_best: bool = True
) -> Iterator[Finding]:
    name, sweep = final.name, sweeps(task.sweep, task.run_digest)
    if sweep is None:
        yield Finding(
            name, "origin-gone", f"sweep {task.sweep}, which {name} is from, is not in the project",
            f"nothing, if that was intended: {name} and its record are complete", "note",
        )  # fmt: skip
        return
    try:
        counts = task.status == "unfinished" or still_counts(sweep, task)
        if not counts:
            yield Finding(
                name, "discarded",
                f"{name} is from {task.task} of {task.sweep}, whose result was discarded since, or "
                "replaced by another attempt's",
                "ask the group if it should stay; to choose another one: colabctl results "
                + shlex.quote(task.sweep),
            )  # fmt: skip
        if with_best and counts and origin.best is not None and task.metrics is not None:
            yield from _check_best(final, origin, task, sweep)
    except UserError:  # the sweep has no such task, or no result that meets the condition any more
        return


def _check_best(
    final: Final, origin: Origin, task: TaskOrigin, sweep: OpenSweep
) -> Iterator[Finding]:
    by = origin.best
    assert by is not None
    best, value = best_result(sweep, by)
    repeats = sweep.plan.repeats.count
    if index_now(sweep, task) // repeats == best.index // repeats:
        return  # it, or another repeat of its configuration
    before = (task.metrics or {}).get(by.metric)
    if _is_number(before) and value != before:
        words = ["promote", task.sweep, "--best", "--name", final.name]
        words += ["--metric", by.metric] if by.metric != sweep.plan.metric else []
        words += ["--goal", by.goal] if (by.metric, by.goal) != _own(sweep) else []
        words += ["--where", by.where] if by.where is not None else []
        yield Finding(
            final.name, "better",
            f"{best.task} of {task.sweep} is better now: {by.metric} {value:g}, and {final.name} "
            f"has {before}",
            f"promote it: {shlex.join(['colabctl', *words])}",
        )  # fmt: skip


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _own(sweep: OpenSweep) -> tuple[str | None, str]:
    return sweep.plan.metric, sweep.plan.goal


def _sweep(layout: Layout, name: str, digest: str) -> OpenSweep | None:
    """Return a declared sweep, as of now; None if it is not there."""
    try:
        sweep = refreshed(OpenSweep.at(layout.root, find_sweep(layout, name, digest)))
    except UserError:
        return None
    return sweep if sweep.plan.run_digest == digest else None


def _source(layout: Layout, origin: Origin) -> Path | None:
    """Return what a result was copied from; None if it was outside of the project.

    A record is text that anyone may have written, so nothing outside is read because of it.
    """
    path = Path(os.path.normpath(layout.root / origin.path))
    return path if origin.host is None and path.is_relative_to(layout.root) else None


def _promote_again(final: Final) -> str:
    origin = final.origin
    if origin is None:
        return "promote the result again"
    words = ["promote", origin.path, "--name", final.name]
    if origin.task is not None and origin.added:
        words = ["promote", origin.task.sweep, origin.task.task, "--name", final.name]
    if origin.task is not None and not origin.without_saves and (final.path / SAVES).is_dir():
        words.append("--with-saves")
    return f"promote it again: {shlex.join(['colabctl', *words])}"


def _reason(error: OSError | UserError) -> str:
    return describe(error) if isinstance(error, OSError) else str(error)
