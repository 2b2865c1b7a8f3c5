"""Checks the sweeps of a project: their declarations, journals, clocks and versions."""

import time
from collections.abc import Iterator
from pathlib import Path

from colabctl.declare.written import LATE
from colabctl.doctor.check import Check
from colabctl.doctor.journals import missing_events
from colabctl.errors import UserError
from colabctl.ledger import Ledger, Plan
from colabctl.ledger.state.writer import Writer
from colabctl.notebook.installed import lacks
from colabctl.project.layout import Layout, SweepLayout
from colabctl.sharedfs.droppings import is_dropping
from colabctl.sharedfs.faults import FREE_SPACE, describe, does_not_answer, fault_of
from colabctl.sweeps import differing, journal_folders, plan_of
from colabctl.views.limits.needs import unmet
from colabctl.work.open_sweep import OpenSweep

_SKEWED = 30.0  # seconds
_RESTORE = "restore it from the trash or the version history of the folder"
_WAIT = "if it is still missing in an hour, " + _RESTORE


def guarded(check: str, checks: Iterator[Check]) -> Iterator[Check]:
    """Yield checks; an error that ends them is one more.

    Raises OSError if the folder does not answer, because then no other check can answer.
    """
    try:
        yield from checks
    except UserError as error:
        what, _, fix = f"{error}".rpartition("; ")
        yield Check(check, "wrong", what or fix, fix if what else _RESTORE)
    except OSError as error:
        if does_not_answer(error):
            raise
        yield failure(check, error)


def failure(check: str, error: OSError) -> Check:
    """Return the check that an error has ended."""
    if fault_of(error) == "full":
        return Check("space", "wrong", f"nothing can be written: {describe(error)}", FREE_SPACE)
    return Check(check, "wrong", describe(error), f"{_RESTORE}, or ask its owner to let you use it")


def sweep(layout: Layout, paths: SweepLayout, workers: list[tuple[str, Writer]]) -> Iterator[Check]:
    """Yield the checks of one sweep; what ends one of them does not end the others.

    Its writers are added to `workers`, each with the present name of the member.
    """
    problems = 0
    for each in (_twins, _plan, _declaration, _tasks, _code, _journal, _missing):
        for check in guarded("sweeps", each(layout, paths)):
            named = f"sweep {paths.name}: {check.what}"
            problems += check.level == "wrong"
            yield Check(check.check, check.level, named, check.fix)
        if each is _plan and problems:
            return
    yield from guarded("sweeps", _ledger(layout, paths, problems, workers))


def _twins(layout: Layout, paths: SweepLayout) -> Iterator[Check]:
    for twin in paths.twins:
        yield Check(
            "sweeps", "note",
            f"{layout.relative(twin)} is the same sweep as {layout.relative(paths.root)}, because "
            "several machines declared it at once; they count as one, with all results",
            "leave both folders as they are",
        )  # fmt: skip


def _plan(layout: Layout, paths: SweepLayout) -> Iterator[Check]:  # noqa: ARG001 - as the others
    plan = plan_of(paths)
    for sentence in differing(paths, plan):
        what, _, fix = sentence.rpartition("; ")
        is_wrong = "two different plans" in what
        if is_wrong or not plan.declared_as:  # the check of the first of them tells
            yield Check("sweeps", "wrong" if is_wrong else "note", what, fix)


def _declaration(layout: Layout, paths: SweepLayout) -> Iterator[Check]:
    declared = OpenSweep.at(layout.root, paths).declared
    if not declared.layout.declaration.exists():
        yield _missing_file(layout, declared.layout.declaration, declared.plan)
    else:
        declared.content()


def _tasks(layout: Layout, paths: SweepLayout) -> Iterator[Check]:
    open_sweep = OpenSweep.at(layout.root, paths)
    files = [
        open_sweep.declared.layout.task_file(number) for number in range(open_sweep.plan.files)
    ]
    missing = [file for file in files if not file.exists()]
    if missing and _may_be_late(open_sweep.plan):
        yield _missing_file(layout, missing[0], open_sweep.plan)
        return
    for sentence in open_sweep.tasks.all_damage():
        what, _, fix = sentence.rpartition("; ")
        yield Check("sweeps", "wrong", what, fix)


def _code(layout: Layout, paths: SweepLayout) -> Iterator[Check]:
    open_sweep = OpenSweep.at(layout.root, paths)
    code, plan = open_sweep.code_folder, open_sweep.plan
    missing = [name for name in plan.code_files or () if not (code / name).exists()]
    if missing and _may_be_late(plan):
        yield _missing_file(layout, code / missing[0], plan)
    else:
        open_sweep.code()


def _journal(layout: Layout, paths: SweepLayout) -> Iterator[Check]:
    plan = plan_of(paths)
    if not any(folder.is_dir() for folder in journal_folders(paths, plan)):
        yield _missing_file(layout, paths.journal, plan, "it holds the results, so ")


def _missing(layout: Layout, paths: SweepLayout) -> Iterator[Check]:
    open_sweep = OpenSweep.at(layout.root, paths)
    if any(folder.is_dir() for folder in journal_folders(paths, open_sweep.plan)):
        yield from missing_events(open_sweep, LATE)


def _missing_file(layout: Layout, path: Path, plan: Plan, why: str = "") -> Check:
    what = f"{layout.relative(path)} is missing"
    if _may_be_late(plan):
        return Check("sweeps", "note", f"{what}, perhaps because it is on its way", _WAIT)
    return Check("sweeps", "wrong", what, why + _RESTORE)


def _may_be_late(plan: Plan) -> bool:
    """Whether the files of a declaration may still be on their way."""
    return plan.consistency == "eventual" and time.time() - plan.declared_at < LATE


def _ledger(
    layout: Layout, paths: SweepLayout, problems: int, workers: list[tuple[str, Writer]]
) -> Iterator[Check]:
    open_sweep = OpenSweep.at(layout.root, paths)
    plan, ledger, name = open_sweep.plan, open_sweep.ledger, f"sweep {paths.name}"
    if not any(folder.is_dir() for folder in journal_folders(paths, plan)):
        return
    ledger.refresh()
    if plan.is_notebook and (lacking := lacks()):
        what, _, fix = lacking.partition("; ")
        yield Check(
            "notebooks", "note", f"{name}: {what}, which this machine does not have",
            fix.removeprefix("run: "),
        )  # fmt: skip
    for damage in ledger.damage:
        yield Check(
            "sweeps", "wrong", f"{name}: {damage}",
            "restore the file from the folder's version history, or ignore it: at worst, a task "
            "runs again",
        )  # fmt: skip
    for each in unmet(plan, ledger.state, open_sweep.tasks, ledger.clock.now()):
        yield Check("sweeps", "note", f"{name}: {each.why}", each.fix)
    yield from _clocks(name, ledger)
    workers += [(ledger.state.called(each.member), each) for each in ledger.state.writers.values()]
    if not ledger.damage and not problems:
        state = ledger.state
        yield Check(
            "sweeps", "ok",
            f"{name}: {plan.consistency} guard, {state.finished}/{state.total} finished, "
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


def unfinished(layout: Layout, *, eventual: bool) -> Iterator[Check]:
    """Yield a check for each folder without a plan; where there are tasks or journals, it is wrong.

    A plan is written last, so on an `eventual` folder it may be late.
    """
    late = LATE if eventual else 0.0
    if not layout.sweeps.is_dir():
        return  # the check of the layout says so
    for folder in sorted(layout.sweeps.iterdir()):
        paths = SweepLayout(folder)
        if is_dropping(folder.name) or not folder.is_dir() or paths.plan.exists():
            continue
        what = f"{layout.relative(folder)} has no plan.json"
        is_used = any(paths.journal.glob("*/*")) or paths.task_file(0).exists()
        if is_used and time.time() - folder.stat().st_mtime > late:
            yield Check(
                "sweeps", "wrong", what,
                f"{_RESTORE}; if it was never declared to the end, declare it again: colabctl "
                "sweep FILE",
            )  # fmt: skip
        else:
            yield Check(
                "sweeps", "note", f"{what} (yet)",
                "wait if someone is declaring it; otherwise declare it again with colabctl sweep, "
                "and leave the folder",
            )  # fmt: skip
