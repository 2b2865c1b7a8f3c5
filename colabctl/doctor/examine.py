"""Examines a project: its mount, its speed, its clocks, its copies, its sweeps."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from colabctl.doctor.check import Finding
from colabctl.errors import UserError
from colabctl.ledger import Ledger
from colabctl.project.config import Config
from colabctl.project.layout import Layout, SweepLayout
from colabctl.project.sweeps import sweep_names
from colabctl.sharedfs.faults import describe
from colabctl.sharedfs.files import write_once
from colabctl.sharedfs.mounts import guard_for, mount_of
from colabctl.version import VERSION
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.recovery import unsent_events

_SAMPLES = 5
_SLOW = 5.0  # seconds for one small file
_LITTLE = 500_000_000  # bytes
_SKEWED = 30.0  # seconds
_MOST_ENTRIES = 50_000

# What Drive and its clients call the second of two files of one name, and what people's copies
# are called: "plan (1).json", "Copy of plan.json", "plan (conflicted copy 2026-01-01).json".
_COPY = re.compile(
    r"(?P<stem>.+) \((?:\d+|.*conflicted copy.*)\)(?P<ending>\.[^.]+)?$"
    r"|(?:Copy of |Kopie von )(?P<of>.+)$",
    re.IGNORECASE,
)


def examine(
    layout: Layout, config: Config, *, clock: Callable[[], float] = time.perf_counter
) -> Iterator[Finding]:
    """Give what is found, check by check; the folder is left as it was."""
    yield from _mount(layout, config)
    try:
        yield from _speed(layout, clock)
        yield from _room(layout)
        yield from _copies(layout)
        for name in sweep_names(layout):
            yield from _sweep(layout, layout.sweep(name))
        yield from _unfinished(layout)
    except OSError as error:
        yield Finding(
            "folder", "wrong", f"{describe(error)}: the folder does not answer",
            "wait a minute and look again; if it stays so, mount it anew (in Colab: take a new "
            "runtime, as a forced remount drops what is not uploaded yet)",
        )  # fmt: skip
    yield from _kept(layout)


def _mount(layout: Layout, config: Config) -> Iterator[Finding]:
    mount = mount_of(layout.root)
    guard = guard_for(layout.root, config.consistency)
    where = f"on {mount.point}, type {mount.type}" if mount else "on this machine"
    yield Finding("mount", "ok", f"{layout.root} is {where}")
    how = {
        "coherent": "claims are guarded by a lock: no task runs twice",
        "eventual": "claims are guarded by leases: a task may now and then run twice, its result "
        "counts once",
    }[guard.consistency]
    yield Finding("guard", "ok", f"{guard.consistency} ({guard.reason}); {how}")
    auto = guard_for(layout.root, "auto")
    if guard.consistency == "coherent" and auto.consistency == "eventual":
        yield Finding(
            "guard", "wrong", f"the configuration says coherent, but {auto.reason}",
            "remove `consistency:` from colabctl.yaml (and COLABCTL_CONSISTENCY)",
        )  # fmt: skip


def _speed(layout: Layout, clock: Callable[[], float]) -> Iterator[Finding]:
    """Write, read back and list some small files of this machine's own, and remove them."""
    place = layout.probes / f"speed-{secrets.token_hex(6)}"
    data = os.urandom(1000)
    writes, reads, lists = [], [], []
    place.mkdir(parents=True)
    try:
        for number in range(_SAMPLES):
            file = place / f"{number}.bin"
            begun = clock()
            write_once(file, data)
            writes.append(clock() - begun)
            begun = clock()
            same = file.read_bytes() == data
            reads.append(clock() - begun)
            begun = clock()
            listed = file.name in os.listdir(place)  # noqa: PTH208 - the call to be measured
            lists.append(clock() - begun)
            if not (same and listed):
                yield Finding(
                    "speed", "wrong", f"{file} was written, but reads or lists otherwise",
                    "mount the folder again; do not work in it until this is gone",
                )  # fmt: skip
    finally:
        shutil.rmtree(place, ignore_errors=True)
    times = ", ".join(
        f"{what} {median(values) * 1000:.1f} ms"
        for what, values in (("write", writes), ("read back", reads), ("list", lists))
    )
    if max(writes) > _SLOW:
        yield Finding(
            "speed", "wrong", f"a small file takes {max(writes):.1f} s to write ({times})",
            "look for another program that fills the same Drive, and try again later",
        )  # fmt: skip
    else:
        yield Finding("speed", "ok", f"{times} (median of {_SAMPLES} files of 1 kB)")


def _room(layout: Layout) -> Iterator[Finding]:
    room = shutil.disk_usage(layout.root).free
    if room < _LITTLE:
        yield Finding(
            "room", "wrong", f"only {room / 1e6:,.0f} MB are free",
            "delete what is not needed; on a Drive empty the Trash too, it counts",
        )  # fmt: skip
    else:
        yield Finding("room", "ok", f"{room / 1e9:,.1f} GB are free")


def _copies(layout: Layout) -> Iterator[Finding]:
    """Look for second copies of one file, which two machines made without seeing each other."""
    seen = found = 0
    for folder, folders, files in os.walk(layout.root):
        beside = {*folders, *files}
        seen += len(beside)
        for name in sorted(beside):
            match = _COPY.fullmatch(name)
            if match is None:
                continue
            of = match["of"] or f"{match['stem']}{match['ending'] or ''}"
            if of in beside:
                found += 1
                yield Finding(
                    "copies", "wrong",
                    f"{layout.relative(Path(folder, name))} is a second {of}, and colabctl reads "
                    "the first only",
                    "compare the two, keep what you need in the first, and delete the second",
                )  # fmt: skip
        if seen > _MOST_ENTRIES:
            yield Finding(
                "copies", "note", f"only the first {_MOST_ENTRIES:,} files were looked at"
            )
            break
    if not found:
        yield Finding("copies", "ok", f"no second copies among {seen:,} files and folders")


def _sweep(layout: Layout, place: SweepLayout) -> Iterator[Finding]:
    name = f"sweep {place.name}"
    try:
        opened = OpenSweep.at(layout.root, place)
        opened.ledger.refresh()
    except UserError as wrong:
        yield Finding("sweeps", "wrong", f"{name}: {wrong}", "declare it anew under another name")
        return
    ledger = opened.ledger
    for damage in ledger.damage:
        yield Finding(
            "sweeps", "wrong", f"{name}: {damage}",
            "restore the file from the folder's version history, or let it be: at worst a task "
            "runs again",
        )  # fmt: skip
    yield from _clocks(name, ledger)
    yield from _versions(name, ledger)
    if not ledger.damage:
        state = ledger.state
        yield Finding(
            "sweeps", "ok",
            f"{name}: {opened.plan.consistency} guard, {state.finished}/{state.total} finished, "
            f"{len(state.writers)} journals read",
        )  # fmt: skip


def _clocks(name: str, ledger: Ledger) -> Iterator[Finding]:
    """Compare the clocks of the sweep's machines, as far as their journals tell.

    Ledger time follows the fastest clock; a worker notes its own clock beside it when it starts.
    """
    leads: dict[str, float] = {}
    for writer in ledger.state.writers.values():
        if writer.started is not None and writer.wall is not None:
            leads[f"{writer.member}@{writer.host}"] = writer.started - writer.wall
    if leads:
        slowest = max(leads, key=lambda key: leads[key])
        spread = leads[slowest] - min(leads.values())
        if spread > _SKEWED:
            yield Finding(
                "clocks", "note", f"{name}: the clock of {slowest} runs {spread:.0f} s behind",
                "results are right all the same; set that clock, or dead workers are noticed late",
            )  # fmt: skip
    latest = max((writer.last_seen for writer in ledger.state.writers.values()), default=0.0)
    ahead = latest - time.time()
    if ahead > _SKEWED:
        yield Finding(
            "clocks", "note", f"{name}: somebody's clock is {ahead:.0f} s ahead of this one's",
            "set this machine's clock, or theirs; results are right all the same",
        )  # fmt: skip


def _versions(name: str, ledger: Ledger) -> Iterator[Finding]:
    now = ledger.clock.now()
    others = {
        writer.version
        for writer in ledger.state.writers.values()
        if writer.version and writer.version != VERSION and writer.lives_at(now)
    }
    if others:
        yield Finding(
            "versions", "note",
            f"{name}: workers run colabctl {', '.join(sorted(others))}, this is {VERSION}",
            "install one version everywhere",
        )  # fmt: skip


def _unfinished(layout: Layout) -> Iterator[Finding]:
    for folder in sorted(layout.sweeps.iterdir()):
        if folder.is_dir() and not SweepLayout(folder).plan.is_file():
            yield Finding(
                "sweeps", "note", f"{layout.relative(folder)} has no plan.json (yet)",
                "if nobody is declaring it right now: declare it again with colabctl sweep, or "
                "delete the folder",
            )  # fmt: skip


def _kept(layout: Layout) -> Iterator[Finding]:
    for kept in unsent_events(layout.root):
        yield Finding(
            "results", "wrong",
            f"{len(kept.results)} results of sweep {kept.sweep} are kept on this machine only",
            "bring them in: colabctl work --recover",
        )  # fmt: skip
