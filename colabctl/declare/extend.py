"""Extends a declared sweep: adds tasks to it, and perhaps a new version of its program."""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from colabctl.code import frozen
from colabctl.code.frozen import Code
from colabctl.declare.declare import approval_of
from colabctl.declare.planned import planned
from colabctl.declare.preview import Draft, Preview, places_in, preview
from colabctl.declared_tasks import DeclaredTasks, code_folder, task_files
from colabctl.errors import UserError
from colabctl.ledger import (
    Extension,
    Plan,
    TaskFiles,
    TaskLine,
    extended,
    stretches,
    write_tasks,
)
from colabctl.ledger.extensions.record import LIMITS, RECORD, START, VERSION_KEYS, cells_of
from colabctl.project.approvals import Approvals
from colabctl.project.config import Config
from colabctl.project.layout import Layout, SweepLayout
from colabctl.repeat import Repeat
from colabctl.search import (
    Addition,
    Declaration,
    InvalidFileError,
    NewValue,
    additions,
    asked_for,
    read,
    with_additions,
)
from colabctl.search.growth import Growth, Had, Wanted, grown, key_of
from colabctl.search.language.document import from_python
from colabctl.sharedfs.files import write_new
from colabctl.sharedfs.rights import make_folder
from colabctl.sweeps import check_in_use, plan_of, whole_of

_APART = 1 << 20  # draws; more than a cell has tasks


@dataclass(frozen=True)
class Asked:
    """What should be added to a sweep.

    Attributes:
        trials: the new number of configurations for each combination of `foreach`, or None.
        more: or this many more for each.
        values: values of listed parameters, by name.
        python: whether messages use the words of Python.
        draft: or the changed sweep file; `file` is its path, and `here` the user's current folder.

    """

    trials: int | None = None
    more: int = 0
    values: Mapping[str, Sequence[NewValue]] | None = None
    python: bool = False
    draft: Draft | None = None
    file: Path | None = None
    here: Path | None = None


def read_trials(text: str | int | None, what: str) -> tuple[int | None, int]:
    """Return the new number of trials, or None and how many more: of 200, or "+50".

    Raises UserError, which names `what`, for anything else.
    """
    if text is None:
        return None, 0
    if not re.fullmatch(r"\+?[0-9]{1,30}", f"{text}") or not int(text):
        more = "+50" if what.startswith("-") else '"+50"'
        raise UserError(
            f"{what} is {text!r:.60}; write the new number, such as 200, or {more} for 50 more"
        )
    return (None, int(text)) if f"{text}".startswith("+") else (int(text), 0)


def asked_in_python(trials: int | str | None, values: Mapping[str, Any] | None) -> Asked:
    """Return what a call in Python asks for; raise UserError if it cannot be added to a sweep."""
    number, more = read_trials(trials, "trials")
    example = 'values={"dataset": ["covtype"]}'
    if values is not None and not isinstance(values, Mapping):
        raise UserError(f"values is {values!r:.60}; write each with its name, as in {example}")
    if trials is None and not values:
        raise UserError(f'say what to add: trials=200, trials="+50" or {example}')
    document, problems = from_python(values or {}, "values")
    if problems:
        raise InvalidFileError(problems)
    lists = {
        name: each if isinstance(each, list) else [each] for name, each in document.content.items()
    }
    if empty := next((name for name, each in lists.items() if not each), None):
        raise UserError(f"values has no value for {empty}; write values={{{empty!r}: [...]}}")
    by_name = {name: [NewValue(each) for each in some] for name, some in lists.items()}
    return Asked(number, more, by_name, python=True)


@dataclass(frozen=True)
class Addable:
    """What an extension would add: its record without digests, its tasks, and its program.

    Attributes:
        changed: the files of the program that are new or differ from the version before.
        notes: for the member.
        runs_each_point: whether the sweep is a grid that runs each of its points once.

    """

    sweep: SweepLayout
    plan: Plan
    record: Extension
    tasks: Sequence[TaskLine]
    code: Code | None = None
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    runs_each_point: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether the sweep has all of it already."""
        record = self.record
        return not (self.tasks or record.values or record.limits or self.code)

    @property
    def total(self) -> int:
        """How many tasks the sweep will have."""
        return self.plan.total + len(self.tasks)


def addable(
    layout: Layout,
    sweep: SweepLayout,
    asked: Asked,
    config: Config,
    *,
    writer: str,
    member: str,
    now: float,
) -> Addable:
    """Return what is asked for and the sweep lacks; nothing is written.

    `writer` is a name that no one had before, and `now` is in seconds since 1970. Raises UserError
    for an archived sweep, for what would change its tasks or take some away, and for more tasks
    than a sweep can have.
    """
    check_in_use(sweep)
    plan = plan_of(sweep)
    declared = DeclaredTasks(whole_of(sweep, plan) if sweep.twins else sweep, plan)
    tasks = task_files(declared, sweep)
    old = declared.declaration()
    if asked.draft is None:
        extra = asked_for(old.content, asked.values or {}, python=asked.python)
    else:
        extra = additions(old.content, asked.draft.declaration.content, str(asked.file))
        _check_numbers(plan, asked.draft)
    source = f"sweep {plan.sweep}"
    declaration = (
        read(with_additions(old.content, extra), source) if extra else replace(old, source=source)
    )
    growths = grown(
        declaration,
        dict(_had(plan, tasks)),
        _wanted(asked, plan, declaration, writer),
        asked.draft.expansion if asked.draft else None,
    )
    record = Extension(
        f"{START}{writer}",
        plan.run_digest,
        member,
        now,
        tuple(each.name for each in plan.extensions),
        tuple(extra),
        tuple(
            {
                "values": each.values,
                "tasks": len(each.trials) * plan.repeats.count,
                "first": each.first,
                **({"starts": each.starts} if each.starts else {}),
            }
            for each in growths
        ),
    )
    result = Addable(
        sweep, plan, record, tuple(_lines(growths, plan.repeats)),
        runs_each_point=_runs_each_point(declaration), notes=tuple(_notes(asked, extra)),
    )  # fmt: skip
    if asked.draft is None:
        return result
    program = preview(asked.draft, sweep.name, places_in(layout, asked.file, asked.here))
    return _with_version(result, declared, asked.draft, program, layout, config)


def _notes(asked: Asked, extra: Sequence[Addition]) -> Iterator[str]:
    """Yield what may surprise in how new values are read."""
    for name, some in (asked.values or {}).items():
        new = [value for path, values in extra if path[-1] == name for value in values]
        yield from (f"{name}: {each.note}" for each in some if each.note and each.value in new)


def _check_numbers(plan: Plan, draft: Draft) -> None:
    """Raise UserError for a file that gives a cell fewer tasks than were declared."""
    before = {key_of(cell["values"]): cell["tasks"] for cell in (plan.declared or plan).cells}
    for cell in draft.expansion.cells:
        if cell.tasks < before.get(key_of(cell.values), 0):
            of = ", ".join(f"{name}={value}" for name, value in cell.values.items())
            raise UserError(
                f"{draft.declaration.source} gives {cell.tasks} tasks{f' to {of}' if of else ''}, "
                f"and the sweep was declared with {before[key_of(cell.values)]}; an extension "
                "takes no tasks away: raise trials: or run_cap:"
            )


def _wanted(asked: Asked, plan: Plan, declaration: Declaration, writer: str) -> Wanted:
    """Return how many configurations each cell should have; raise UserError for fewer than now."""
    most = max(cell["tasks"] for cell in cells_of(plan)) // plan.repeats.count
    if _runs_each_point(declaration) and (asked.trials or asked.more):
        fix = 'values={"NAME": [VALUE]}' if asked.python else "--value NAME=VALUE"
        raise UserError(
            f"sweep {plan.sweep} is a grid, and runs each of its points once; add values to it: "
            f"{fix}"
        )
    if asked.trials is not None and asked.trials < most:
        number = asked.trials
        what, fix = "--trials", f"--trials +{number}"
        if asked.python:
            what, fix = "trials", f'trials="+{number}"'
        raise UserError(
            f"sweep {plan.sweep} has {most} trials already, and {what} is the new number; for "
            f"{number} more: {fix}"
        )
    apart = None
    if asked.more and plan.consistency != "coherent":  # another machine may add some now
        digest = hashlib.sha256(writer.encode()).digest()
        apart = _APART * (1 + int.from_bytes(digest[:4]))
    return Wanted(asked.trials, asked.more, apart)


def _runs_each_point(declaration: Declaration) -> bool:
    is_whole = declaration.trials is None and declaration.run_cap is None
    return declaration.method == "grid" and is_whole


def _had(plan: Plan, tasks: TaskFiles) -> Iterator[tuple[str, Had]]:
    """Yield what each cell has already."""
    places, count = stretches(plan), plan.repeats.count
    following = {
        key_of(cell["values"]): cell["tasks"] // count for cell in cells_of(plan.declared or plan)
    }
    for extension in plan.extensions:
        for each in extension.cells:
            key = key_of(each["values"])
            if each["first"] < _APART:
                end = each["first"] + each["tasks"] // count
                following[key] = max(following.get(key, 0), end)
    for number, cell in enumerate(cells_of(plan)):
        key = key_of(cell["values"])

        def params(number: int = number) -> Iterator[dict[str, Any] | None]:
            return (tasks[index].params for index in places.tasks(number))

        yield key, Had(cell["tasks"] // count, following.get(key, 0), params)


def _lines(growths: Sequence[Growth], repeat: Repeat) -> Iterator[TaskLine]:
    index = 0
    for cell, growth in enumerate(growths):
        for trial, params in growth.tasks(repeat):
            yield TaskLine(index, cell, trial, params)
            index += 1


def _with_version(  # noqa: PLR0917 - a program, and what it is compared with
    result: Addable,
    declared: DeclaredTasks,
    draft: Draft,
    program: Preview,
    layout: Layout,
    config: Config,
) -> Addable:
    """Return what is added, with what else a file changes: its budget, patience and program."""
    plan, record = result.plan, result.record
    new = planned(
        draft, program, layout, config, name=plan.sweep, member=record.member, now=record.at
    )
    limits = {key: value for key in LIMITS if (value := getattr(new, key)) != getattr(plan, key)}
    record = replace(record, limits=limits)
    result = replace(result, record=record)
    keys = [key for key in VERSION_KEYS if key != "code_origin"]
    if all(getattr(new, key) == getattr(plan, key) for key in keys):
        return replace(result, notes=program.notes)
    if new.kind != plan.kind:
        raise UserError(
            f"sweep {plan.sweep} runs a {plan.kind}, and {draft.declaration.source} has a "
            f"{new.kind}; declare another sweep: --name {plan.sweep}-2"
        )
    version = {key: getattr(new, key) for key in VERSION_KEYS}
    files = program.code.files
    before = frozen.files_in(
        code_folder(declared, result.sweep), tuple({*files, *(plan.code_files or ())})
    )
    changed = sorted(name for name in {*files, *before} if files.get(name) != before.get(name))
    return replace(
        result,
        record=replace(record, version=version),
        code=program.code,
        changed=tuple(changed),
        notes=(*program.how, *program.notes),
    )


def write(added: Addable, approvals: Approvals, config: Config, declaration: bytes = b"") -> Plan:
    """Write an extension and return the plan of the sweep with it; approve its program.

    Its record is written last, so readers see it as a whole or not at all. If Ctrl-C or an error
    comes before, nothing of it is left.
    """
    folder = SweepLayout(added.sweep.root / added.record.name)
    make_folder(folder.root)
    try:
        record = _write_files(added, folder)
    except BaseException:
        if not (folder.root / RECORD).exists():
            shutil.rmtree(folder.root, ignore_errors=True)
        raise
    plan = extended(added.plan.declared or added.plan, (*added.plan.extensions, record))
    # Of a plan that this member has not approved, the program alone says too little.
    if added.code is not None and approvals.has(added.plan.approved.run_digest):
        approvals.add(approval_of(plan.approved, added.code, declaration, config, record.at))
    return plan


def _write_files(added: Addable, folder: SweepLayout) -> Extension:
    """Write the tasks and the program of an extension, then its record, and return that."""
    own = added.record.plan(added.plan.declared or added.plan)
    make_folder(folder.tasks)
    record = replace(
        added.record, task_digests=write_tasks(folder.task_file, own, iter(added.tasks))
    )
    if added.code is not None:
        make_folder(folder.code)
        frozen.write(added.code, folder.code)
        frozen.fetch(folder.code, added.code.digest, names=tuple(added.code.files))
    write_new(folder.root / RECORD, record.encode())
    return record


def extend(
    find: Callable[[], Addable],
    config: Config,
    approvals: Approvals,
    *,
    lock: AbstractContextManager[Any],
    asked: Asked,
    agree: Callable[[Addable], None] = lambda _: None,
) -> tuple[Addable, Plan]:
    """Add to a sweep what is asked for, and return it with the plan; raises as `find` does.

    Args:
        find: calls `addable`; once more, if the sweep was extended meanwhile.
        config: the project's configuration.
        approvals: this member's.
        lock: excludes others on this machine, or on all where locks reach them.
        asked: what is asked for.
        agree: gets what would be added, and may raise an error.

    """
    added = find()
    agree(added)
    with lock:
        if plan_of(added.sweep) != added.plan:
            added = find()
        if added.is_empty:
            return added, added.plan
        content = asked.draft.content if asked.draft else b""
        return added, write(added, approvals, config, content)
