"""Checks a project: its mount, speed, free space, duplicate files, sweeps and clocks."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from colabctl.doctor.access import access
from colabctl.doctor.check import Check
from colabctl.doctor.strays import is_linked, links, strays
from colabctl.errors import UserError
from colabctl.ledger import Ledger
from colabctl.notebook.installed import lacks
from colabctl.project.config import Config
from colabctl.project.layout import Layout, SweepLayout
from colabctl.sharedfs.droppings import is_dropping, original_of
from colabctl.sharedfs.faults import describe
from colabctl.sharedfs.files import write_once
from colabctl.sharedfs.mounts import PROMISES, guard_for, mount_of
from colabctl.sharedfs.rights import make_folder
from colabctl.sweeps import sweep_names
from colabctl.version import VERSION
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.recovery import unsent_events

_SAMPLES = 5
_SLOW = 5.0  # seconds for one small file
_LOW_SPACE = 500_000_000  # bytes
_SKEWED = 30.0  # seconds
_MOST_ENTRIES = 50_000


def examine(
    layout: Layout, config: Config, *, clock: Callable[[], float] = time.perf_counter
) -> Iterator[Check]:
    """Yield the outcome of each check; the project stays unchanged."""
    yield from _mount(layout, config)
    try:
        linked = list(links(layout))
        yield from linked
        # A Drive mount has no owners and modes, and each look there takes time.
        coherent = guard_for(layout.root, config.consistency).consistency == "coherent"
        rights = list(access(layout, thorough=coherent))
        yield from rights
        if any(check.level == "wrong" for check in rights):
            return  # the other checks need these rights
        if not linked:
            yield from _speed(layout, clock)
        yield from _space(layout)
        yield from _copies(layout)
        for name in sweep_names(layout):
            if not is_linked(layout, layout.sweep(name)):
                yield from _sweep(layout, layout.sweep(name))
        yield from _unfinished(layout)
        yield from strays(layout)
    except OSError as error:
        yield Check(
            "folder", "wrong", f"{describe(error)}: the folder does not respond",
            "wait a minute and check again; if it persists, remount it (in Colab: start a new "
            "runtime, because a forced remount loses files that are not uploaded yet)",
        )  # fmt: skip
    yield from _unsent(layout)


def _mount(layout: Layout, config: Config) -> Iterator[Check]:
    mount = mount_of(layout.root)
    guard = guard_for(layout.root, config.consistency)
    where = f"on {mount.point}, type {mount.type}" if mount else "on this machine"
    yield Check("mount", "ok", f"{layout.root} is {where}")
    promise = PROMISES[guard.consistency]
    yield Check("guard", "ok", f"{guard.consistency} ({guard.reason}); {promise}")
    auto = guard_for(layout.root, "auto")
    if guard.consistency == "coherent" and auto.consistency == "eventual":
        yield Check(
            "guard", "wrong", f"the configuration says coherent, but {auto.reason}",
            "remove `consistency:` from colabctl.yaml (and COLABCTL_CONSISTENCY)",
        )  # fmt: skip


def _speed(layout: Layout, clock: Callable[[], float]) -> Iterator[Check]:
    """Measure how long it takes to write, read and list small files; remove them afterwards."""
    folder = layout.probes / f"speed-{secrets.token_hex(6)}"
    data = os.urandom(1000)
    writes, reads, lists = [], [], []
    make_folder(folder, parents=True)
    try:
        for number in range(_SAMPLES):
            file = folder / f"{number}.bin"
            start = clock()
            write_once(file, data)
            writes.append(clock() - start)
            start = clock()
            same = file.read_bytes() == data
            reads.append(clock() - start)
            start = clock()
            listed = file.name in os.listdir(folder)  # noqa: PTH208 - the call to measure
            lists.append(clock() - start)
            if not (same and listed):
                yield Check(
                    "speed", "wrong", f"{file} was written, but does not read or list correctly",
                    "remount the folder; do not work in it until this check passes",
                )  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    times = ", ".join(
        f"{action} {median(values) * 1000:.1f} ms"
        for action, values in (("write", writes), ("read back", reads), ("list", lists))
    )
    if max(writes) > _SLOW:
        yield Check(
            "speed", "wrong", f"writing a small file took {max(writes):.1f} s ({times})",
            "check whether another program is filling this Drive, and try again later",
        )  # fmt: skip
    else:
        yield Check("speed", "ok", f"{times} (median of {_SAMPLES} files of 1 kB)")


def _space(layout: Layout) -> Iterator[Check]:
    free = shutil.disk_usage(layout.root).free
    if free < _LOW_SPACE:
        yield Check(
            "space", "wrong", f"only {free / 1e6:,.0f} MB free",
            "delete files that are not needed; on a Drive, empty the trash too, because it counts",
        )  # fmt: skip
    else:
        yield Check("space", "ok", f"{free / 1e9:,.1f} GB free")


def _copies(layout: Layout) -> Iterator[Check]:
    """Look for copies, which Drive creates when two machines write the same file at once."""
    seen = copies = 0
    for folder, folders, files in os.walk(layout.root):
        names = {*folders, *files}
        seen += len(names)
        for name in sorted(names):
            of = original_of(name)
            if of in names:
                copies += 1
                yield Check(
                    "copies", "wrong",
                    f"{layout.relative(Path(folder, name))} is a second {of}, and colabctl reads "
                    "only the first",
                    "compare the two, keep what you need in the first, and delete the second",
                )  # fmt: skip
        if seen > _MOST_ENTRIES:
            yield Check("copies", "note", f"only the first {_MOST_ENTRIES:,} files were checked")
            break
    if not copies:
        yield Check("copies", "ok", f"no copies among {seen:,} files and folders")


def _sweep(layout: Layout, sweep_layout: SweepLayout) -> Iterator[Check]:
    name = f"sweep {sweep_layout.name}"
    try:
        sweep = OpenSweep.at(layout.root, sweep_layout)
        sweep.ledger.refresh()
        sweep.code()
    except UserError as error:
        yield Check("sweeps", "wrong", f"{name}: {error}", "declare it again under another name")
        return
    if sweep.plan.is_notebook and (lacking := lacks()):
        what, _, fix = lacking.partition("; ")
        yield Check(
            "notebooks",
            "note",
            f"{name}: {what}, which this machine does not have",
            fix.removeprefix("run: "),
        )
    ledger = sweep.ledger
    for damage in ledger.damage:
        yield Check(
            "sweeps", "wrong", f"{name}: {damage}",
            "restore the file from the folder's version history, or ignore it: at worst, a task "
            "runs again",
        )  # fmt: skip
    damaged = sweep.tasks.all_damage()
    for sentence in damaged:
        what, _, fix = sentence.rpartition("; ")
        yield Check("sweeps", "wrong", f"{name}: {what}", fix)
    yield from _clocks(name, ledger)
    yield from _versions(name, ledger)
    if not ledger.damage and not damaged:
        state = ledger.state
        yield Check(
            "sweeps", "ok",
            f"{name}: {sweep.plan.consistency} guard, {state.finished}/{state.total} finished, "
            f"journals read: {len(state.writers)}",
        )  # fmt: skip


def _clocks(name: str, ledger: Ledger) -> Iterator[Check]:
    """Compare the clocks of the sweep's machines, as far as their journals show them.

    Ledger time follows the fastest clock, by up to an hour. A worker that starts also records its
    own clock.
    """
    behind = {
        f"{writer.member}@{writer.host}": writer.started - writer.wall
        for writer in ledger.state.writers.values()
        if writer.started is not None and writer.wall is not None
    }
    if behind:
        slowest = max(behind, key=lambda machine: behind[machine])
        spread = behind[slowest] - min(behind.values())
        if spread > _SKEWED:
            yield Check(
                "clocks", "note", f"{name}: the clock of {slowest} is {spread:.0f} s behind",
                "set that clock, or lost workers are noticed late; results are correct anyway",
            )  # fmt: skip
    writers = ledger.state.writers.values()
    first = max(writers, key=lambda writer: writer.latest, default=None)
    ahead = first.latest - time.time() if first else 0.0
    if first and ahead > _SKEWED:
        yield Check(
            "clocks", "note", f"{name}: the clock of {first.name} is {ahead:.0f} s ahead",
            "set this machine's clock, or that one's; results are correct anyway",
        )  # fmt: skip


def _versions(name: str, ledger: Ledger) -> Iterator[Check]:
    now = ledger.clock.now()
    others = {
        writer.version
        for writer in ledger.state.writers.values()
        if writer.version and writer.version != VERSION and writer.lives_at(now)
    }
    if others:
        yield Check(
            "versions", "note",
            f"{name}: workers run colabctl {', '.join(sorted(others))}, this is {VERSION}",
            "install one version everywhere",
        )  # fmt: skip


def _unfinished(layout: Layout) -> Iterator[Check]:
    for folder in sorted(layout.sweeps.iterdir()):
        if is_dropping(folder.name):
            continue
        if folder.is_dir() and not SweepLayout(folder).plan.is_file():
            yield Check(
                "sweeps", "note", f"{layout.relative(folder)} has no plan.json (yet)",
                "if no one is declaring it right now, declare it again with colabctl sweep, or "
                "delete the folder",
            )  # fmt: skip


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
