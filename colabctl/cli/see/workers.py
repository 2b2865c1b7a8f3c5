"""Shows the workers of a sweep: who runs what, where and since when; sums of those that ended."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from colabctl.cli.see.line import NARROW, Line, aligned
from colabctl.cli.terminal import counted
from colabctl.durations import short_duration

if TYPE_CHECKING:
    from colabctl.views.status import Status, WorkerStatus

_MOST_LIVE = 100
_MOST_LOST = 5
_MOST_NAMES = 3
_GIB = 1 << 30
_TITLES = ("member", "machine", "accelerator", "runs", "for", "done", "failed", "last seen")


def worker_lines(seen: "Status", width: int | None) -> list[Line]:
    """Return the live workers and those lost last, and sums of all others."""
    live = [worker for worker in seen.workers if worker.state in ("running", "idle")]
    lost = _latest_first(seen, "lost")
    ended = _latest_first(seen, "ended")
    shown = [*live[:_MOST_LIVE], *lost[:_MOST_LOST]]
    lines: list[Line] = []
    if shown and width is not None and width < NARROW:
        lines += [line for worker in shown for line in _two_lines(worker, width)]
    elif shown:
        head = [Line(title, "dim") for title in _TITLES]
        if not any(worker.failed for worker in shown):
            head[6] = Line("")
        if not any(worker.accelerator for worker in shown):
            head[2] = Line("")
        if not any(worker.task for worker in shown):
            head[4] = Line("")
        rows = [head, *map(_texts, shown)]
        lines += aligned(rows, width, right=(4, 5, 6, 7), shorten=(2, 1, 0, 3))
    more_live, more_lost = live[_MOST_LIVE:], lost[_MOST_LOST:]
    if more_live:
        text = f"  and {counted(len(more_live), 'more live worker')}, which --json lists"
        lines += Line(text).paragraph(width)
    if more_lost:
        text = f"  and {counted(len(more_lost), 'more lost worker')}{_sum(more_lost)}"
        lines += Line(text).paragraph(width)
    if ended:
        noun = "worker of" if len(ended) == 1 else "workers of"
        has = "has" if len(ended) == 1 else "have"
        text = f"  {len(ended):,} {noun} {_members(ended)} {has} ended{_sum(ended)}"
        lines += Line(text, "dim").paragraph(width)
    return lines


def _latest_first(seen: "Status", state: str) -> "list[WorkerStatus]":
    workers = [worker for worker in seen.workers if worker.state == state]
    return sorted(workers, key=lambda worker: worker.last_seen_seconds)


def _texts(worker: "WorkerStatus") -> list[Line]:
    return [
        Line(worker.member),
        Line(worker.host),
        Line(accelerator(worker)),
        _runs(worker),
        Line("" if worker.task_seconds is None else short_duration(worker.task_seconds)),
        Line(f"{worker.done:,}"),
        Line(f"{worker.failed:,}" if worker.failed else "", "red"),
        Line(_ago(worker)),
    ]


def _two_lines(worker: "WorkerStatus", width: int) -> list[Line]:
    """Return the lines of a worker on a narrow terminal: who and where, then what."""
    chips = accelerator(worker)
    where = f"{worker.member} on {worker.host}{f', {chips}' if chips else ''}"
    what = Line("    ").add(_runs(worker))
    if worker.task_seconds is not None:
        what.add(f" for {short_duration(worker.task_seconds)}")
    what.add(f", {worker.done:,} done")
    if worker.failed:
        what.add(", ").add(f"{worker.failed:,} failed", "red")
    what.add(f", seen {_ago(worker)}")
    return [Line("  ").add(where).shortened(width), *what.paragraph(width, indent=0)]


def _runs(worker: "WorkerStatus") -> Line:
    if worker.state == "lost":
        return Line("lost", "yellow")
    if worker.task is None:
        return Line("idle", "dim")
    more = f" and {worker.running - 1:,} more" if worker.running > 1 else ""
    return Line(f"{worker.task}{more}")


def accelerator(worker: "WorkerStatus") -> str:
    """Return the GPUs or TPUs of a worker in words, such as "2 x Tesla T4 15 GB"; "" without."""
    if not worker.accelerator:
        return ""
    number = f"{worker.accelerators} x " if worker.accelerators > 1 else ""
    name, memory = worker.accelerator.removeprefix("NVIDIA "), worker.accelerator_memory
    if not memory or "GB" in name:  # as in A100-SXM4-40GB
        return f"{number}{name}"
    return f"{number}{name} {round(memory / _GIB):,} GB"


def _ago(worker: "WorkerStatus") -> str:
    return f"{short_duration(worker.last_seen_seconds)} ago"


def _sum(workers: "Sequence[WorkerStatus]") -> str:
    """Return what workers did together, and when the latest of them was seen."""
    done, failed = sum(each.done for each in workers), sum(each.failed for each in workers)
    failures = f", {counted(failed, 'failed attempt')}" if failed else ""
    last = "the last " if len(workers) > 1 else ""
    return f": {done:,} done{failures}, {last}{_ago(workers[0])}"


def _members(workers: "Sequence[WorkerStatus]") -> str:
    names = list(dict.fromkeys(worker.member for worker in workers))
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[:_MOST_NAMES])} and others"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
