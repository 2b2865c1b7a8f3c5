"""Finds journals that have gone or lost events, by what else refers to them.

On a coherent folder, nothing that is missing can be late. On an eventual one it counts as gone if
what refers to it is more than an hour old: by then, its file would have arrived too.
"""

import json
import re
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from colabctl.doctor.check import Check
from colabctl.ledger import open_journals
from colabctl.sharedfs.files import read_file
from colabctl.sweeps import journal_folders, run_folders
from colabctl.work.open_sweep import OpenSweep

_MOST = 5  # checks to show for one sweep
_LARGEST_LOG = 1 << 28  # bytes
_NAME = re.compile(r"[\w.-]+")
_WRITER = re.compile(r".+-\d{8}T\d{6}-\w+")


class Evidence(NamedTuple):
    """Why a journal must have more events: `number` from its start, known at the time `t`."""

    number: int
    t: float
    why: str


def missing_events(sweep: OpenSweep, late: float) -> Iterator[Check]:
    """Yield a check for each journal of a sweep that lacks events, at most five.

    On an eventual folder, what has been known for less than `late` seconds is only noted.
    """
    incomplete = _incomplete(sweep)
    for writer, read, evidence in islice(incomplete, _MOST):
        what = (
            f"{read} of at least {evidence.number} events of the journal of {writer} are there"
            if read
            else f"the journal of {writer} is gone"
        )
        fix = (
            f"restore journal/{writer} from the trash or the version history of the folder; "
            "otherwise its results are lost, and those tasks run again"
        )
        if sweep.plan.consistency == "eventual" and time.time() - evidence.t < late:
            yield Check(
                "sweeps", "note", f"{what} ({evidence.why}), perhaps because files are late",
                f"check again in an hour; if it stays so, {fix}",
            )  # fmt: skip
        else:
            yield Check("sweeps", "wrong", f"{what} ({evidence.why})", fix)


def _incomplete(sweep: OpenSweep) -> Iterator[tuple[str, int, Evidence]]:
    """Yield each writer with missing events, how many were read, and why there must be more."""
    plan, layout = sweep.plan, sweep.layout
    journals = open_journals(layout.journal, plan, partial(journal_folders, layout, plan))
    counts: dict[str, int] = {}
    needed: dict[str, Evidence] = {}
    latest: dict[str, tuple[int, float]] = {}
    decided: list[tuple[str, Evidence]] = []

    def need(writer: str, evidence: Evidence) -> None:
        if evidence.number > needed.get(writer, Evidence(0, 0.0, "")).number:
            needed[writer] = evidence

    for writer, (count, t) in sweep.ledger.read_before().items():
        need(writer, Evidence(count, t, "this machine has read them"))
    for writer, evidence in (*_claimed(sweep), *_ran(sweep)):
        need(writer, evidence)
    for event, _ in journals.new_events(skip=""):
        counts[event.writer] = counts.get(event.writer, 0) + 1
        if event.n >= latest.get(event.writer, (-1, 0.0))[0]:
            latest[event.writer] = event.n, event.t
        for writer, n in event.body.get("after", {}).items():
            if event.kind == "claim" and _NAME.fullmatch(writer):
                need(writer, Evidence(n + 1, event.t, f"{event.writer} has read them"))
            else:  # anyone can name any writer in a decision
                decided.append((writer, Evidence(n + 1, event.t, f"{event.writer} has read them")))
    for writer, evidence in decided:
        if writer in counts:
            need(writer, evidence)
    for writer, (n, t) in latest.items():
        need(writer, Evidence(n + 1, t, f"its last event has the number {n}"))
    for event, _ in journals.new_events(skip=""):  # what was written while the others were read
        counts[event.writer] = counts.get(event.writer, 0) + 1
    damaged = {each.file.relative_to(layout.root).parts[1] for each in journals.damage
               if each.file.is_relative_to(layout.root)}  # fmt: skip
    for writer, evidence in sorted(needed.items()):
        if counts.get(writer, 0) < evidence.number and writer not in damaged:
            yield writer, counts.get(writer, 0), evidence


def _claimed(sweep: OpenSweep) -> Iterator[tuple[str, Evidence]]:
    """Yield what the log of claims says, on a coherent folder."""
    try:
        lines = read_file(sweep.layout.lock, _LARGEST_LOG).splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            body = json.loads(line)
            writer, n = body["writer"], body["n"]
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        if isinstance(writer, str) and writer.isprintable() and isinstance(n, int):
            yield writer, Evidence(n + 1, 0.0, "the log of claims names them")


def _ran(sweep: OpenSweep) -> Iterator[tuple[str, Evidence]]:
    """Yield the writers whose tasks have files; the notebook of a loop has a folder of its own."""
    if sweep.plan.kind == "loop":
        return
    for folder in run_folders(sweep.layout, sweep.plan):
        for path in folder.iterdir() if folder.is_dir() else ():
            if _WRITER.fullmatch(path.name) and path.name.isprintable() and _has_tasks(path):
                why = f"its tasks have files in runs/{path.name}"
                yield path.name, Evidence(1, path.stat().st_mtime, why)


def _has_tasks(path: Path) -> bool:
    return path.is_dir() and any(path.glob("[0-9][0-9]/[0-9][0-9]/*"))
