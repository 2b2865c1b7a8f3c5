"""Records orders for a sweep: pause, resume, stop and retry are events of a new writer."""

from collections.abc import Sequence
from typing import Any

from colabctl.errors import UserError, nearest
from colabctl.ledger import task_name
from colabctl.work.identity import writer_name
from colabctl.work.open_sweep import OpenSweep


def order(sweep: OpenSweep, member: str, kind: str) -> None:
    """Record an order for the sweep; `kind` is pause, resume or stop."""
    sweep.ledger.refresh()
    state = sweep.ledger.state
    parts: dict[str, Any] = {"member": member}
    if current := {event.writer: event.n for event in state.orders.current()}:
        parts["after"] = current
    if kind == "resume" and state.reached_target:
        parts["beyond_target"] = True
    _write(sweep, member, kind, parts)


def retry_failed(sweep: OpenSweep, member: str, names: Sequence[str] | None = None) -> int:
    """Let failed tasks run again, all or the named ones; return how many.

    Raises UserError for a task that has not failed.
    """
    sweep.ledger.refresh()
    failed = {task_name(index): index for index in sweep.ledger.state.columns.having("failed")}
    for name in names or ():
        if name not in failed:
            near = nearest(name, failed)
            hint = f"; did you mean {near}?" if near else ""
            raise UserError(f"{name} has not failed{hint}")
    chosen = sorted(failed[name] for name in (names or failed))
    if chosen:
        after = sweep.ledger.state.last_events(chosen)
        _write(sweep, member, "retry", {"member": member, "tasks": chosen, "after": after})
    return len(chosen)


def _write(sweep: OpenSweep, member: str, kind: str, parts: dict[str, Any]) -> None:
    sweep.ledger.join(writer_name(member))
    sweep.ledger.record([(kind, parts)])
    sweep.ledger.sync(force=True)
