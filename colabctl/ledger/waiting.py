"""Says why a worker has to wait: the sweep is paused, or other workers hold the tasks left."""

import shlex
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest

from colabctl.durations import format_duration
from colabctl.ledger.journals.events import Event
from colabctl.ledger.plan import Plan
from colabctl.ledger.state.writer import Writer
from colabctl.ledger.sweep_state import SweepState
from colabctl.ledger.tasks import task_name

_LONG_LEASE = 3600.0  # seconds; who waits for the end of such a lease should know how not to
_LONG_SILENCE = 600.0
_MOST = 5  # workers that are named
_MOST_HOLDERS = 3  # that are named in one sentence


@dataclass(frozen=True)
class Waiting:
    """Why a worker waits.

    Attributes:
        kind: paused, held (other workers hold the tasks that are left), or budget.
        cause: What has to be said again if it changes; equal as long as the reason is the same.
        text: The reason, such as "paused by ben since 14:02 UTC (3 min 20 s ago)".
        advice: What to do about it, or "".

    """

    kind: str
    cause: tuple[object, ...]
    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"waiting: {self.text}; {self.advice}" if self.advice else f"waiting: {self.text}"


def waiting(plan: Plan, state: SweepState, now: float, me: str = "") -> Waiting | None:
    """Return why worker `me` can claim no task at ledger time `now`; None if it can.

    It cannot be said of a sweep that is finished or stopped: there, no one waits.
    """
    if state.finished == state.total or state.order == "stop":
        return None
    order = state.orders.control
    if state.order == "pause" and order is not None:
        who = order.body.get("member") or order.writer
        resume = shlex.join(["colabctl", "resume", plan.sweep])
        return Waiting(
            "paused", (order.writer, order.n), f"paused by {who} {_since(order, now)}",
            f"resume it: {resume}",
        )  # fmt: skip
    holders = {
        name: len(held)
        for name, held in state.held.items()
        if held and name != me and state.lives_at(name, now)
    }
    if not holders or state.claimable(now) or state.held.get(me):
        return None
    if len(state.open):
        resume = shlex.join(["colabctl", "resume", plan.sweep])
        return Waiting(
            "budget", (), "the budget of the sweep covers no more tasks than those that run now",
            f"continue without it, once it has ended the sweep: {resume}",
        )  # fmt: skip
    number, first = sum(holders.values()), next(iter(holders))
    left = "the task left" if number == 1 else f"the {number:,} tasks left"
    who = ", ".join(_holder(state.writers[name], holders[name], now) for name in _most(holders))
    more = f" and {len(holders) - _MOST_HOLDERS:,} more" if len(holders) > _MOST_HOLDERS else ""
    worker = _part(state, first) if len(holders) == 1 else "NAME"
    free = shlex.join(["colabctl", "retry", plan.sweep, "--worker", worker])
    return Waiting(
        "held",
        tuple(sorted(long_leases(plan, state, now))),
        f"others hold {left}: {who}{more}",
        f"a worker that is gone loses its tasks when its lease ends, or at once: {free}",
    )


def _since(order: Event, now: float) -> str:
    ago = format_duration(max(0.0, now - order.t))
    return f"since {_clock(order.t)} ({ago} ago)"


def _clock(t: float) -> str:
    """Return a time of day on this machine's clock."""
    return f"{datetime.fromtimestamp(t).astimezone():%H:%M %Z}"


def _most(holders: dict[str, int]) -> list[str]:
    """Return the names of the workers with the most tasks."""
    return nlargest(_MOST_HOLDERS, holders, key=lambda name: (holders[name], name))


def _holder(writer: Writer, tasks: int, now: float) -> str:
    number = f"{tasks:,} task{'s' * (tasks > 1)}"
    ago = format_duration(max(0.0, now - writer.last_seen))
    left = format_duration(writer.last_seen + writer.lease - now)
    return f"{writer.name} ({number}, seen {ago} ago, lease ends in {left})"


def _part(state: SweepState, worker: str) -> str:
    """Return the part of a worker's name that `retry --worker` takes."""
    part = worker.rsplit("-", 1)[-1]
    unique = sum(part in name for name, held in state.held.items() if held) == 1
    return part if unique else worker


def long_leases(plan: Plan, state: SweepState, now: float) -> dict[str, str]:
    """Return a sentence, by name, for each worker whose tasks may have to wait for long.

    At ledger time `now`, these are workers that hold tasks by a lease of more than an hour, or
    have not been seen for longer than the sweep's own lease. At most five are named, those with the
    most tasks.
    """
    silence = min(plan.lease, _LONG_SILENCE)
    holders = [
        (len(held), name)
        for name, held in state.held.items()
        if held and _may_wait(state.writers[name], now, silence)
    ]
    return {
        name: _sentence(plan, state, state.writers[name], now)
        for _, name in nlargest(_MOST, holders)
    }


def _may_wait(writer: Writer, now: float, silence: float) -> bool:
    if not writer.lives_at(now):
        return False
    return writer.lease > _LONG_LEASE or now - writer.last_seen > silence


def _sentence(plan: Plan, state: SweepState, writer: Writer, now: float) -> str:
    held = state.held[writer.name]
    first, more = task_name(min(held)), len(held) - 1
    which = f"{first} and {more:,} more" if more else first
    ago = format_duration(max(0.0, now - writer.last_seen))
    left = format_duration(writer.last_seen + writer.lease - now)
    command = shlex.join(["colabctl", "retry", plan.sweep, "--worker", _part(state, writer.name)])
    return (
        f"{writer.name} holds {which}; it was last seen {ago} ago, and its lease ends in {left}; "
        f"if it is gone: {command}"
    )
