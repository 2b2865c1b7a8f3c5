"""Records what members decide about a sweep: each decision is one event of a new writer."""

from collections.abc import Collection, Sequence
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger import SweepState, view_of
from colabctl.work.identity import writer_name
from colabctl.work.open_sweep import OpenSweep

_MOST_LISTED = 10  # workers


def order(sweep: OpenSweep, member: str, kind: str) -> str:
    """Record an order for the sweep; `kind` is pause, resume or stop.

    Returns "", or why nothing was recorded: the order would change nothing.
    """
    sweep.ledger.refresh()
    state = sweep.ledger.state
    if kind == "pause" and (why := _why_not_to_pause(state)):
        return why
    parts: dict[str, Any] = {"member": member}
    if current := {event.writer: event.n for event in state.orders.current()}:
        parts["after"] = current
    if kind == "resume" and state.finished == state.total and state.order == "go":
        return "is finished, so there is nothing to continue"
    if kind == "resume" and continues_beyond(state):
        parts["beyond_end"] = True
    _write(sweep, member, kind, parts)
    return ""


def continues_beyond(state: SweepState) -> bool:
    """Whether a resume now continues beyond what has ended a sweep, or searches of a running one.

    That of a paused sweep ends the pause, and no more.
    """
    return state.ended is not None or (bool(state.ends.parked) and state.order == "go")


def _why_not_to_pause(state: SweepState) -> str:
    if state.finished == state.total:
        return "is finished, so there is nothing to pause"
    last = state.orders.control
    if last is None or last.kind != "pause" or state.order != "pause":
        return ""
    by = last.body.get("member")
    return f"is already paused by {by}" if by else "is already paused"


def retry(sweep: OpenSweep, member: str, tasks: Sequence[int]) -> None:
    """Let tasks run again that have failed or were cancelled."""
    _steer(sweep, member, "retry", tasks)


def cancel(sweep: OpenSweep, member: str, tasks: Sequence[int]) -> None:
    """Cancel tasks: they do not start, and attempts that run are ended where they run.

    A result that such an attempt records before it ends still counts.
    """
    _steer(sweep, member, "cancel", tasks)


def discard(sweep: OpenSweep, member: str, tasks: Sequence[int]) -> None:
    """Discard the results of tasks, as far as they are known here; the tasks may run again."""
    _steer(sweep, member, "discard", tasks)


def train_longer(sweep: OpenSweep, member: str, tasks: Sequence[int]) -> None:
    """Let finished tasks continue from their last saves; until then, they have no result."""
    _steer(sweep, member, "discard", tasks, continued=True)


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
    holders = [name for name, held in state.held.items() if held]
    if not holders:
        raise UserError("no worker holds a task")
    worker = _named(state, part, holders, "a worker with tasks")
    tasks = sorted(state.held[worker])
    after = {**state.last_events(tasks), worker: state.writers[worker].last_number}
    parts = {"member": member, "tasks": tasks, "worker": worker, "after": after}
    _write(sweep, member, "retry", parts)
    return worker, len(tasks)


def dismiss(sweep: OpenSweep, member: str, part: str) -> str:
    """Tell one worker to end: it finishes the tasks that run, and gives back the others.

    `part` is its name, or a part of it that no other live worker has. Returns the name. Raises
    UserError if no live worker, or more than one, has such a name.
    """
    sweep.ledger.refresh()
    state = sweep.ledger.state
    live = [worker.name for worker in state.live_workers(sweep.ledger.clock.now())]
    if not live:
        raise UserError(f"{sweep.plan.sweep} has no live worker")
    worker = _named(state, part, live, "a live worker")
    _write(sweep, member, "dismiss", {"member": member, "worker": worker})
    return worker


def _named(state: SweepState, part: str, names: Collection[str], what: str) -> str:
    """Return the one of these workers whose name is `part` or contains it."""
    matches = [part] if part in names else [name for name in names if part in name]
    if len(matches) == 1:
        return matches[0]
    tasks = {name: len(state.held.get(name, ())) for name in sorted(matches or names)}
    listed = "".join(
        f"\n  {name} ({number} task{'s' * (number != 1)})"
        for name, number in list(tasks.items())[:_MOST_LISTED]
    )
    more = f"\n  and {len(tasks) - _MOST_LISTED:,} more" if len(tasks) > _MOST_LISTED else ""
    problem = "is part of several names" if matches else f"is not the name of {what}"
    raise UserError(f"{part!r:.70} {problem}; give one of these:{listed}{more}")


def _steer(sweep: OpenSweep, member: str, kind: str, tasks: Sequence[int], **more: bool) -> None:
    parts: dict[str, Any] = {"member": member, "tasks": list(tasks), **more}
    if after := sweep.ledger.state.last_events(tasks):
        parts["after"] = after
    _write(sweep, member, kind, parts)


def _write(sweep: OpenSweep, member: str, kind: str, parts: dict[str, Any]) -> None:
    sweep.ledger.join(writer_name(member))
    sweep.ledger.record([(kind, {**parts, **view_of(sweep.plan)})])
    sweep.ledger.sync(force=True)
