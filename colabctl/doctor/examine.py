"""Checks a project: the order of the checks, and what an error in one of them means."""

import os
import time
from collections.abc import Callable, Iterable, Iterator

from colabctl.doctor import folder, sweeps
from colabctl.doctor.access import access
from colabctl.doctor.check import Check
from colabctl.doctor.copies import copies
from colabctl.doctor.finals import finals
from colabctl.doctor.names import names
from colabctl.doctor.notebooks import notebooks
from colabctl.doctor.places import places
from colabctl.doctor.raw import raw
from colabctl.doctor.space import space
from colabctl.doctor.strays import is_linked, links, strays
from colabctl.doctor.versions import versions
from colabctl.ledger.state.writer import Writer
from colabctl.project.config import Config
from colabctl.project.layout import Layout
from colabctl.project.notebooks.worker import TERMS
from colabctl.sharedfs.faults import describe
from colabctl.sharedfs.mounts import guard_for
from colabctl.sweeps import every_sweep
from colabctl.work.records.recovery import unsent_events


def examine(
    layout: Layout,
    config: Config,
    *,
    clock: Callable[[], float] = time.perf_counter,
    begin: Callable[[str], None] = lambda _: None,
) -> Iterator[Check]:
    """Yield the outcome of each check; the project stays unchanged.

    `begin` is called with the subject of each check that begins, because some take long.
    """
    yield from folder.mount(layout, config)
    try:
        yield from sweeps.guarded("folder", _each(_checks(layout, config, clock), begin))
    except OSError as error:
        yield Check(
            "folder", "wrong", f"{describe(error)}: the folder does not respond",
            "wait a minute and check again; if it persists, remount it (in Colab: start a new "
            "runtime, because a forced remount loses files that are not uploaded yet)",
        )  # fmt: skip
    yield from _unsent(layout)


def _checks(
    layout: Layout, config: Config, clock: Callable[[], float]
) -> Iterator[tuple[str, Iterator[Check]]]:
    """Yield the checks in their order, each with its subject; a check runs as it is read."""
    # A Drive mount has no owners and modes, and each look there takes time.
    coherent = (
        guard_for(layout.root, config.consistency, stored=config.stored).consistency == "coherent"
    )
    linked = _Noted(links(layout))
    yield "links", iter(linked)
    rights = _Noted(access(layout, thorough=coherent))
    yield "rights", iter(rights)
    if rights.is_wrong:
        return  # the other checks need these rights
    if not linked.any:
        yield "speed", folder.speed(layout, clock)
    yield "layout", places(layout, config, eventual=not coherent)
    yield "names", names(layout)
    yield "raw", raw(layout, config)
    yield "copies", copies(layout)
    yield "notebooks", notebooks(layout)
    workers: list[tuple[str, Writer]] = []
    for sweep in every_sweep(layout):
        if not is_linked(layout, sweep):
            yield "sweeps", sweeps.sweep(layout, sweep, workers)
    yield "sweeps", sweeps.unfinished(layout, eventual=not coherent)
    # They read the journals, so they come after the check of what was read before.
    yield "finals", finals(layout)
    yield "space", space(layout, config)
    yield "strays", strays(layout)
    yield "versions", versions(workers)
    yield "terms", _terms(layout)


def _each(
    checks: Iterable[tuple[str, Iterator[Check]]], begin: Callable[[str], None]
) -> Iterator[Check]:
    for subject, some in checks:
        begin(subject)
        yield from sweeps.guarded(subject, some)


class _Noted:
    """Checks, of which it is known afterwards how they ended."""

    def __init__(self, checks: Iterator[Check]) -> None:
        self._checks = checks
        self.any = self.is_wrong = False

    def __iter__(self) -> Iterator[Check]:
        for check in self._checks:
            self.any = True
            self.is_wrong = self.is_wrong or check.level == "wrong"
            yield check


def _terms(layout: Layout) -> Iterator[Check]:
    """Recall Colab's terms on Colab, and where there are worker notebooks to open there."""
    if "COLAB_RELEASE_TAG" in os.environ or any(layout.worker_notebooks.glob("*.ipynb")):
        what, _, fix = TERMS.partition(". Check ")
        yield Check("terms", "note", what, f"check {fix}")


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
