"""Says which workers hold tasks for long without a sign of life, and how to free the tasks."""

import shlex
from heapq import nlargest

from colabctl.durations import format_duration
from colabctl.ledger.plan import Plan
from colabctl.ledger.state.writer import Writer
from colabctl.ledger.sweep_state import SweepState
from colabctl.ledger.tasks import task_name

_LONG_LEASE = 3600.0  # seconds; who waits for the end of such a lease should know how not to
_LONG_SILENCE = 600.0
_MOST = 5  # workers that are named


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
    part = writer.name.rsplit("-", 1)[-1]
    unique = sum(part in name for name, held in state.held.items() if held) == 1
    part = part if unique else writer.name
    command = shlex.join(["colabctl", "retry", plan.sweep, "--worker", part])
    return (
        f"{writer.name} holds {which}; it was last seen {ago} ago, and its lease ends in {left}; "
        f"if it is gone: {command}"
    )
