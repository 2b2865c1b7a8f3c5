"""Runs a notebook that loops over a sweep's tasks, and counts what its loops did."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from colabctl.ledger import SweepState, Writer
from colabctl.project.config import Config
from colabctl.run.notebook.loop_process import VARIABLE, Orders, run
from colabctl.run.settings import Settings
from colabctl.work.identity import is_marked, new_identity, new_mark
from colabctl.work.limits import Limits, Tally, why_stopped
from colabctl.work.open_sweep import OpenSweep


def run_notebook(
    sweep: OpenSweep,
    settings: Settings,
    environ: Mapping[str, str],
    limits: Limits,
    *,
    config: Config,
    member: str,
    interrupted: threading.Event,
    tell: Callable[[str], None],
) -> tuple[Tally, list[str]]:
    """Run the notebook; return what its loops did, and the names of their workers."""
    plan, mark = sweep.plan, new_mark()
    declared = plan.declared_as or plan.sweep  # as the notebook calls it
    name = new_identity(plan, config, member, mark=mark).name
    orders = json.dumps(Orders(mark, limits.max_tasks, declared, plan.run_digest))

    def late() -> bool:
        return limits.until is not None and time.monotonic() >= limits.until

    error = run(
        settings,
        sweep.layout.runs / name,
        {**environ, VARIABLE: orders},
        lambda: interrupted.is_set() or late(),
    )
    sweep.ledger.refresh()
    state = sweep.ledger.state
    loops = [writer for writer in state.writers.values() if is_marked(writer.name, mark)]
    names = [loop.name for loop in loops]
    tally = _tally(state, loops)
    if interrupted.is_set():
        tally.ending = "interrupted"
    elif late():
        tally.ending = "max-time"
    elif error:
        tally.ending, tally.reason = "failing", f"{plan.program}: {error}"
    elif state.finished == state.total:
        tally.ending = "finished"
    elif stopped := [why for each in names or [""] if (why := why_stopped(state, each))]:
        tally.ending = stopped[0]
    elif limits.max_tasks is not None and len(tally.ends) >= limits.max_tasks:
        tally.ending = "max-tasks"
    else:
        tally.ending = "left"
        if not loops:
            tell(f"note: {plan.program} has not asked for any task of sweep {plan.sweep}")
    held = sum(len(state.held.get(loop.name, ())) for loop in loops)
    if held:
        tell(f"{held} claimed tasks will be released after {plan.lease:g} s")
    return tally, names


def _tally(state: SweepState, loops: Sequence[Writer]) -> Tally:
    """Return how the tasks ended in these loops."""
    numbers, names = {loop.number for loop in loops}, {loop.name for loop in loops}
    outcomes, writers = state.columns.outcomes, state.log.writers
    tally = Tally(attempts=sum(loop.done + loop.failed for loop in loops))
    for index in state.others:  # a task that has failed is not simple
        if any(failure.writer in names for failure in state.failures_of(index)):
            tally.ends[index] = "failed"
    tally.for_good = frozenset(tally.ends) & frozenset(state.columns.having("failed"))
    for end in ("done", "pruned"):
        for index in state.columns.having(end):
            if writers[outcomes[index]] in numbers:
                tally.ends[index] = end
    return tally
