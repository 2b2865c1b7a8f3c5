"""Records orders for a sweep: pause, resume, stop and retry are events of a new writer."""

from collections.abc import Sequence
from typing import Any

from colabctl.errors import UserError, nearest
from colabctl.ledger import SweepState, task_name
from colabctl.work.identity import writer_name
from colabctl.work.open_sweep import OpenSweep

_MOST_LISTED = 10  # workers


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
    chosen = sorted({failed[name] for name in (names or failed)})
    if chosen:
        after = sweep.ledger.state.last_events(chosen)
        _write(sweep, member, "retry", {"member": member, "tasks": chosen, "after": after})
    return len(chosen)


def retry_lost(sweep: OpenSweep, member: str, part: str) -> tuple[str, int]:
    """Declare that a worker is lost, and free the tasks that it holds.

    Args:
        sweep: the sweep
        member: who says so
        part: the worker's name, or a part of it that no other worker with tasks has

    Returns the worker's name, and the number of tasks. Results that the worker has reported or
    reports later still count; if it is alive, it drops the tasks. Raises UserError if no worker
    with tasks, or more than one, has such a name.
    """
    sweep.ledger.refresh()
    state = sweep.ledger.state
    worker = _holder(state, part)
    tasks = sorted(state.held[worker])
    after = {**state.last_events(tasks), worker: state.writers[worker].last_number}
    parts = {"member": member, "tasks": tasks, "worker": worker, "after": after}
    _write(sweep, member, "retry", parts)
    return worker, len(tasks)


def _holder(state: SweepState, part: str) -> str:
    holders = {name: len(held) for name, held in state.held.items() if held}
    matches = [part] if part in holders else [name for name in holders if part in name]
    if len(matches) == 1:
        return matches[0]
    if not holders:
        raise UserError("no worker holds a task")
    listed = sorted(matches or holders)
    names = "".join(
        f"\n  {name} ({holders[name]} task{'s' * (holders[name] > 1)})"
        for name in listed[:_MOST_LISTED]
    )
    more = f"\n  and {len(listed) - _MOST_LISTED:,} more" if len(listed) > _MOST_LISTED else ""
    problem = "is part of several names" if matches else "is not the name of a worker with tasks"
    raise UserError(f"{part!r:.70} {problem}; give one of these:{names}{more}")


def _write(sweep: OpenSweep, member: str, kind: str, parts: dict[str, Any]) -> None:
    sweep.ledger.join(writer_name(member))
    sweep.ledger.record([(kind, parts)])
    sweep.ledger.sync(force=True)
