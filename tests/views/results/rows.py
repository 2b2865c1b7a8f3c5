"""Results of a sweep, as the tests of their tables and files need them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from colabctl.ledger import Plan, TaskFiles
from colabctl.views.results import Result, text
from colabctl.views.results import write as files
from colabctl.views.results.content import Content
from colabctl.views.results.names import Names
from colabctl.views.results.table import Table
from colabctl.views.results.table import table as table_of

PLAN = Plan("first", 0, "loop", "grid", "coherent", 10.0, 30.0, "ana", 1.7e9, metric="y")


def row(index: int = 0, **parts: Any) -> Result:
    """Return a result with some parts of its own."""
    usual: dict[str, Any] = {
        "task": f"t{index:06d}",
        "index": index,
        "params": {},
        "metrics": {},
        "status": "done",
        "attempt": 1,
        "member": "ana",
        "worker": "ana-vm-1",
        "seconds": 0.5,
        "finished_at": "2026-01-01T00:00:00.000+00:00",
        "sweep": "first",
    }
    return Result(**{**usual, **parts})


def names(rows: Sequence[Result], plan: Plan = PLAN) -> Names:
    """Return the names in some results."""
    return Names(plan, TaskFiles(lambda _: Path("none"), plan), rows)


def table(rows: Sequence[Result]) -> Table:
    """Return the table of all columns of some results."""
    return table_of(rows, names(rows).columns())


def whole(rows: Sequence[Result], plan: Plan = PLAN) -> Content:
    """Return what is written of some results."""
    return Content(plan, len(rows), lambda: table(rows), partial(text.objects, rows))


def write(
    rows: Sequence[Result], file: Path, form: str, *, replace: bool = False, plan: Plan = PLAN
) -> None:
    """Write all columns of some results to a file."""
    files.write(whole(rows, plan), file, form, replace=replace)
