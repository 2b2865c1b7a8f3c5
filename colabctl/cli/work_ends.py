"""Says how a worker ended: what it did, why it ended, and what to do next."""

from typing import TYPE_CHECKING

import typer

from colabctl.cli.options import tell
from colabctl.cli.terminal import command_line, counted
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colabctl.signals import Interruption
    from colabctl.work.limits import Tally
    from colabctl.work.session import Worked


def end(worked: "list[Worked]", interrupted: "Interruption") -> None:
    """Say what was done and what to do next, and exit with what that means for a script."""
    if len(worked) > 1:
        for each in worked:
            if each.tally.ends or each.tally.ending in _PROBLEMS:
                tell(f"{each.sweep}: {_said(each)}")
        tell(_total(worked))
    elif worked:
        tell(_said(worked[0]))
    else:
        tell("ran 0 tasks: 0 done, 0 failed; no sweep has tasks to run")
    problems = []
    for each in worked:
        if each.tally.ending in _PROBLEMS:
            text = f"{each.sweep}: {_problem(each)}" if len(worked) > 1 else _problem(each)
            if each.tally.ending == "unfit" and any(other.tally.ends for other in worked):
                tell(f"note: {text}")  # what fits this machine has run
            else:
                problems.append(text)
    if problems:
        raise UserError("\n".join(problems))
    if worked and worked[-1].tally.ending == "interrupted":
        raise typer.Exit(128 + (interrupted.number or 0))
    if any(_has_failed(each) for each in worked):
        raise typer.Exit(1)


def _said(worked: "Worked") -> str:
    """Return what was done for a sweep, why that ended, and the next command."""
    reason, step = _END_REASONS[worked.tally.ending]
    if worked.tally.ending == "nothing to do" and worked.order == "pause":
        reason, step = "the sweep is paused", "resume"
    if worked.tally.ending == "unfit" and not worked.tally.ends:
        step = ""  # the reason that follows says more
    further = ""
    if _has_failed(worked):
        further = f"; to continue: {command_line(step, worked.sweep)}" if step == "work" else ""
        step = "failures"
    following = f"; next: {command_line(step, worked.sweep)}" if step else ""
    return f"{_counts([worked.tally])}; {reason}{following}{further}"


def _total(worked: "list[Worked]") -> str:
    last = worked[-1].tally.ending
    reason = f"; {_END_REASONS[last][0]}" if last in _STOPPING else ""
    return f"{len(worked)} sweeps: {_counts([each.tally for each in worked])}{reason}"


def _counts(tallies: "Sequence[Tally]") -> str:
    """Return how many tasks ran, and how they ended; one that ran again counts once."""
    ran, attempts = sum(len(each.ends) for each in tallies), sum(each.attempts for each in tallies)
    done, pruned, failed = (
        sum(each.number(end) for each in tallies) for end in ("done", "pruned", "failed")
    )
    for_good = sum(len(each.for_good) for each in tallies)
    counts = [f"{done} done"]
    if pruned:
        counts.append(f"{pruned} pruned")
    counts.append(f"{for_good} failed")
    cancelled = sum(len(each.cancelled) for each in tallies)
    if left := failed - for_good - cancelled:
        counts.append(f"{left} left for another attempt")
    if cancelled:
        counts.append(f"{cancelled} cancelled")
    more = f" ({attempts} attempts)" if attempts > ran else ""
    return f"ran {counted(ran, 'task')}: {', '.join(counts)}{more}"


def _has_failed(worked: "Worked") -> bool:
    """Whether a task failed for good: one that ran here, or one of a sweep that is finished."""
    return bool(worked.tally.for_good or (worked.tally.ending == "finished" and worked.failed))


def _problem(worked: "Worked") -> str:
    advice = _PROBLEMS[worked.tally.ending]
    return f"{worked.tally.reason}; {advice}" if advice else worked.tally.reason


_END_REASONS = {
    "finished": ("the sweep is finished", "results"),
    "nothing to do": ("no task is available", "status"),
    "max-tasks": ("reached --max-tasks", "work"),
    "max-time": ("reached --max-time", "work"),
    "target": ("the metric has reached its target", "results"),
    "budget": ("the budget of the sweep is used up", "results"),
    "patience": ("the search has stopped getting better", "results"),
    "stopped": ("the sweep is stopped", "resume"),
    "dismissed": ("this worker was stopped (colabctl stop --worker)", "work"),
    "interrupted": ("interrupted; claimed tasks are released", "work"),
    "left": ("the notebook left its loop before the sweep was finished", "work"),
    "failing": ("giving up", "failures"),
    "gone": ("the engine does not answer", ""),
    "full": ("the folder is full", ""),
    "unfit": ("no task that is left fits this machine", "status"),
    "unstaged": ("the data of its tasks is not staged on this machine", ""),
    "short": ("the folder is almost full", ""),
    "missing": ("a part of the sweep is missing", ""),
    "silent": ("the folder does not answer", ""),
    "unwritable": ("the folder cannot be written", ""),
}
"""Why a worker ended, and the command that usually comes next."""

_PROBLEMS = {
    "failing": "if the problem is on this machine, fix it and restart the worker; if it is in the "
    "program, fix that and declare it again: colabctl sweep FILE --replace",
    "full": "free space (a Drive's trash counts), then restart the worker",
    "gone": "",
    "unfit": "",
    "unstaged": "",
    "short": "see what can be deleted: colabctl space --tidy; then restart the worker",
    "missing": "",  # the reason says what to do
    "silent": "restart the worker once the folder answers",
    "unwritable": "check that you may edit the folder, then restart the worker",
}
"""What to do about an end that the user has to fix."""

_STOPPING = (
    "interrupted",
    "dismissed",
    "max-time",
    "max-tasks",
    "gone",
    "full",
    "short",
    "silent",
    "unwritable",
)
