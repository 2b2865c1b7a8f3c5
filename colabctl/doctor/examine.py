"""Checks a project: the order of the checks, and what an error in one of them means."""

import time
from collections.abc import Callable, Iterator

from colabctl.doctor import folder, sweeps
from colabctl.doctor.access import access
from colabctl.doctor.check import Check
from colabctl.doctor.copies import copies
from colabctl.doctor.raw import raw
from colabctl.doctor.strays import is_linked, links, strays
from colabctl.project.config import Config
from colabctl.project.layout import Layout
from colabctl.sharedfs.faults import describe
from colabctl.sharedfs.mounts import guard_for
from colabctl.sweeps import every_sweep
from colabctl.work.records.recovery import unsent_events


def examine(
    layout: Layout, config: Config, *, clock: Callable[[], float] = time.perf_counter
) -> Iterator[Check]:
    """Yield the outcome of each check; the project stays unchanged."""
    yield from folder.mount(layout, config)
    try:
        yield from sweeps.guarded("folder", _checks(layout, config, clock))
    except OSError as error:
        yield Check(
            "folder", "wrong", f"{describe(error)}: the folder does not respond",
            "wait a minute and check again; if it persists, remount it (in Colab: start a new "
            "runtime, because a forced remount loses files that are not uploaded yet)",
        )  # fmt: skip
    yield from _unsent(layout)


def _checks(layout: Layout, config: Config, clock: Callable[[], float]) -> Iterator[Check]:
    linked = list(links(layout))
    yield from linked
    # A Drive mount has no owners and modes, and each look there takes time.
    coherent = guard_for(layout.root, config.consistency).consistency == "coherent"
    rights = list(access(layout, thorough=coherent))
    yield from rights
    if any(check.level == "wrong" for check in rights):
        return  # the other checks need these rights
    if not linked:
        yield from sweeps.guarded("speed", folder.speed(layout, clock))
    yield from sweeps.guarded("space", folder.space(layout))
    yield from sweeps.guarded("raw", raw(layout, config))
    yield from sweeps.guarded("copies", copies(layout))
    for sweep in every_sweep(layout):
        if not is_linked(layout, sweep):
            yield from sweeps.sweep(layout, sweep)
    yield from sweeps.guarded("sweeps", sweeps.unfinished(layout, eventual=not coherent))
    yield from sweeps.guarded("strays", strays(layout))


def _unsent(layout: Layout) -> Iterator[Check]:
    problems: list[str] = []
    for unsent in unsent_events(layout.root, problems.append):
        yield Check(
            "results", "wrong",
            f"sweep {unsent.sweep}: results that are only on this machine: {len(unsent.results)}",
            "recover them with colabctl work --recover",
        )  # fmt: skip
    for problem in problems:
        yield Check("results", "wrong", problem, "keep that file until its results are recovered")
