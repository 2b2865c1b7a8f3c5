"""What `sweep.show()` and `sweep.report()` draw in a cell of a notebook: HTML without widgets.

Each element has its own style, because a notebook has one style sheet for all cells. Colours are
those of the notebook, light or dark, and some that both can show.
"""

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from colabctl.durations import format_duration
from colabctl.errors import UserError
from colabctl.report.columns import as_text, readable
from colabctl.views.columns import flat
from colabctl.views.status import Status, WorkerStatus

HEIGHT = 760
"""Pixels of the page's frame in a cell."""

_COLOURS = {
    "done": "#2a8fa2",
    "pruned": "#c98a04",
    "failed": "#d1483a",
    "running": "#6d84e8",
    "claimed": "#a9b6ee",
}
_MOST_CELLS = 40
_MOST_WORKERS = 20
_MOST_CAUSES = 5
_MOST_ON_FRONT = 10
_BOX = "font:13px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums;max-width:860px"
_DIM = "opacity:.68"
_CELL = "padding:1px 14px 1px 0;text-align:left;border:0;background:none"
_NUMBER = "padding:1px 14px 1px 0;text-align:right;border:0;background:none"


def framed(page: str) -> str:
    """Return a page in a frame of its own, so that its style and scripts stay inside.

    It is all ASCII: the digests of the page's scripts do not survive another encoding.
    """
    source = escape(page).encode("ascii", "xmlcharrefreplace").decode()
    return (
        f'<iframe srcdoc="{source}" title="report of sweeps" '
        f'style="width:100%;height:{HEIGHT}px;border:0" allow="clipboard-write"></iframe>'
    )


def drawn(seen: Status) -> str:
    """Return the status of a sweep as HTML."""
    return f'<div style="{_BOX}">{"".join(_parts(seen))}</div>'


def _parts(seen: Status) -> Iterator[str]:
    finished = seen.done + seen.pruned + seen.failed
    left = seen.seconds_left
    about = f", about {format_duration(left)} left" if left is not None else ""
    by = f" by {seen.ordered['member']}" if seen.ordered and seen.ordered["member"] else ""
    yield (
        f'<div><b style="font-size:15px">{_text(seen.sweep)}</b> '
        f'<span style="{_DIM}">{_text(seen.state + by)}, {finished:,} of {seen.total:,} '
        f"finished{about}</span></div>"
    )
    counts = [(name, getattr(seen, name)) for name in _COLOURS]
    yield _bar(counts, seen.total, "100%")
    named = [*counts, ("waiting", seen.pending), ("cancelled", seen.cancelled)]
    yield _line(", ".join(f"{count:,} {name}" for name, count in named if count))
    if seen.best:
        params = flat(seen.best["params"])
        shown = (f"{name}={_short(params[name])}" for name in seen.varying if name in params)
        yield (
            f"<div>best {_text(seen.best['metric'])} <b>{seen.best['value']:.6g}</b>"
            f"{_text(seen.best.get('in_words', ''))} in "
            f"{_text(seen.best['task'])}: {_text(', '.join(shown))}</div>"
        )
    if seen.front:
        names = ", ".join(each["name"] for each in seen.metrics)
        yield f"<div>Pareto front of {_text(names)}</div>"
        yield _table(map(_on_front, seen.front[:_MOST_ON_FRONT]))
    if len(seen.cells) > 1:
        yield _table(_cells(seen))
    live = [worker for worker in seen.workers if worker.state in ("running", "idle", "lost")]
    if live:
        yield _table(map(_worker, live[:_MOST_WORKERS]))
    for group in seen.failures[:_MOST_CAUSES]:
        tasks = group["tasks"]
        yield (
            f'<div><span style="color:{_COLOURS["failed"]}">{tasks} '
            f"{'task' if tasks == 1 else 'tasks'} failed</span>: {_text(group['error'])}</div>"
        )
    notes = [*seen.unseen, *filter(None, [seen.unreported]), *seen.waiting, *seen.damage]
    yield from map(_line, notes)


def _cells(seen: Status) -> Iterator[list[str]]:
    for cell in seen.cells[:_MOST_CELLS]:
        counts = [(name, getattr(cell, name)) for name in _COLOURS]
        best = "" if cell.best is None else f"{cell.best:.4g}"
        yield [
            f'<td style="{_CELL}">{_text(cell.title)}</td>',
            f'<td style="{_CELL};width:180px">{_bar(counts, cell.total, "180px")}</td>',
            f'<td style="{_NUMBER}">{cell.finished:,} of {cell.total:,}</td>',
            f'<td style="{_NUMBER}"><b>{best}</b></td>',
        ]
    if more := len(seen.cells[_MOST_CELLS:]):
        yield [f'<td style="{_CELL}">and {more:,} more cells</td>']


def _on_front(point: Mapping[str, Any]) -> list[str]:
    texts = [point["task"], *(f"{name} {value:.6g}" for name, value in point["values"].items())]
    params = ", ".join(f"{n}={_short(v)}" for n, v in flat(point["params"]).items())
    return [f'<td style="{_CELL}">{_text(text)}</td>' for text in (*texts, params)]


def _worker(worker: WorkerStatus) -> list[str]:
    runs = worker.task or ""
    if worker.task_seconds is not None:
        runs += f" for {format_duration(worker.task_seconds)}"
    ago = f"seen {format_duration(worker.last_seen_seconds)} ago"
    texts = (worker.member, worker.host, worker.accelerator or "", worker.state, runs, ago)
    return [f'<td style="{_CELL}">{_text(text)}</td>' for text in texts]


def _table(rows: Iterable[list[str]]) -> str:
    lines = "".join(f'<tr style="background:none">{"".join(row)}</tr>' for row in rows)
    return f'<table style="border-collapse:collapse;margin:6px 0;font-size:12.5px">{lines}</table>'


def _bar(counts: Iterable[tuple[str, int]], total: int, width: str) -> str:
    words = ", ".join(f"{count} {name}" for name, count in counts if count) or "nothing yet"
    parts = "".join(
        f'<span style="flex:{count};background:{_COLOURS[name]}"></span>'
        for name, count in counts
        if count
    )
    rest = total - sum(count for _, count in counts)
    return (
        f'<div role="img" aria-label="{words}" style="display:flex;gap:1px;height:8px;'
        f'width:{width};border-radius:4px;overflow:hidden;background:rgba(128,128,128,.22)">'
        f'{parts}<span style="flex:{rest}"></span></div>'
    )


def _line(text: str) -> str:
    return f'<div style="{_DIM}">{_text(text)}</div>'


def _text(text: str) -> str:
    return escape(readable(str(text)))


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else as_text(value)


def draw(html: str, what: str, instead: str) -> None:
    """Show HTML in the cell that runs; raise UserError if none does."""
    interactive = sys.modules.get("IPython")  # a notebook has imported it
    if interactive is None or interactive.get_ipython() is None:
        raise UserError(f"{what} draws in a cell of a notebook; elsewhere use {instead}")
    from IPython.display import HTML, display  # noqa: PLC0415 - notebooks only

    with warnings.catch_warnings(action="ignore"):  # it advises its own IFrame, for an address
        display(HTML(html))  # type: ignore[no-untyped-call]
