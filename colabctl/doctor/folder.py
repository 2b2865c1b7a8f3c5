"""Checks a project's folder: its mount and its speed."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from statistics import median

from colabctl.doctor.check import Check
from colabctl.project.config import Config
from colabctl.project.layout import Layout
from colabctl.sharedfs.files import write_once
from colabctl.sharedfs.mounts import PROMISES, guard_for, mount_of
from colabctl.sharedfs.rights import make_folder

_SAMPLES = 5
_SKEWED = 30.0  # seconds
_SLOW = 5.0  # seconds for one small file


def mount(layout: Layout, config: Config) -> Iterator[Check]:
    """Say which mount the project is on, and what guards its claims."""
    place = mount_of(layout.root)
    guard = guard_for(layout.root, config.consistency, stored=config.stored)
    where = f"on {place.point}, type {place.type}" if place else "on this machine"
    yield Check("mount", "ok", f"{layout.root} is {where}")
    promise = PROMISES[guard.consistency]
    yield Check("guard", "ok", f"{guard.consistency} ({guard.reason}); {promise}")
    auto = guard_for(layout.root, "auto", stored=config.stored)
    if guard.consistency == "coherent" != auto.consistency:
        yield Check(
            "guard", "wrong", f"the configuration says coherent, but {auto.reason}",
            "remove `consistency:` from colabctl.yaml (and COLABCTL_CONSISTENCY)",
        )  # fmt: skip


def speed(layout: Layout, clock: Callable[[], float]) -> Iterator[Check]:
    """Measure how long it takes to write, read and list small files; remove them afterwards.

    On a server's folder, the dates of these files also tell how far the two clocks differ.
    """
    folder = layout.probes / f"speed-{secrets.token_hex(6)}"
    data = os.urandom(1000)
    writes, reads, lists, ahead = [], [], [], []
    make_folder(folder, parents=True)
    try:
        for number in range(_SAMPLES):
            file = folder / f"{number}.bin"
            start = clock()
            write_once(file, data)
            writes.append(clock() - start)
            ahead.append(time.time() - file.stat().st_mtime)
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
    skew = min(ahead, key=abs)
    if abs(skew) > _SKEWED:
        yield Check(
            "clocks", "note",
            f"the clock of this machine is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'}"
            " that of the folder's server",
            "set this machine's clock, or lost workers are noticed late; results stay correct",
        )  # fmt: skip
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
