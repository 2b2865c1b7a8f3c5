"""Compares what a member declares with the sweep that has its name, and trusts nothing of that."""

import difflib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import yaml

from colabctl.code import frozen
from colabctl.code.frozen import Code
from colabctl.errors import UserError
from colabctl.ledger import Plan, TaskFiles, TaskLine, changed_keys, contents
from colabctl.project.layout import SweepLayout
from colabctl.search import Declaration, read_declared
from colabctl.sharedfs.files import read_file
from colabctl.yamlfile.problems import shown

_LARGEST = 1 << 28  # bytes of a sweep.yaml; a million values need less
_MOST = 10  # names in a list
# What depends on the machine that declares a sweep, and does not decide what runs.
_OF_MACHINE = ("consistency", "heartbeat", "lease", "code_origin")
_COMPARED_APART = ("declaration_digest", "task_digests")


@dataclass(frozen=True)
class Differences:
    """How a sweep in the folder differs from what a member declares now.

    Attributes:
        lines: what differs; empty if it is the same sweep.
        missing: the files that are not there, relative to the sweep, if nothing differs.
        notes: for the member.
    """

    lines: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find(
    sweep: SweepLayout,
    old: Plan,
    *,
    new: Plan,
    content: bytes,
    declaration: Declaration,
    code: Code,
    tasks: Callable[[range], Iterator[TaskLine]],
) -> Differences:
    """Compare a sweep with plan `old` with what its member declares: all the other arguments.

    `content` is the member's sweep.yaml, and `new` a plan without digests of task files.
    """
    missing: list[str] = []
    lines = _declarations(sweep, old, content, declaration, missing)
    taken = {key: getattr(old, key) for key in (*_OF_MACHINE, *_COMPARED_APART)}
    own = replace(new, **taken)
    lines += _keys(old, own, brief=bool(lines))
    lines += _files(sweep, old, code, missing)
    if lines:
        return Differences(tuple(lines))
    digests = tuple(
        hashlib.sha256(each).hexdigest() for each in contents(new, tasks(range(new.total)))
    )
    if digests != old.task_digests:
        files = [
            f"tasks/{sweep.task_file(number).name}"
            for number, pair in enumerate(zip(digests, old.task_digests, strict=True))
            if pair[0] != pair[1]
        ]
        return Differences((f"plan.json: the digests of {listed(files)} differ",))
    task_files = map(sweep.task_file, range(old.files))
    missing += [f"tasks/{file.name}" for file in task_files if not file.exists()]
    notes = [
        f"plan.json: {name} is {shown(getattr(old, name))}, and a sweep that you declare now would "
        f"have {shown(getattr(new, name))}"
        for name in _OF_MACHINE
        if getattr(old, name) != getattr(new, name)
    ]
    return Differences((), tuple(missing), tuple(notes))


def _declarations(
    sweep: SweepLayout, old: Plan, content: bytes, declaration: Declaration, missing: list[str]
) -> list[str]:
    """Compare the declarations by what they say, as line ends and comments do not matter."""
    file, same = sweep.declaration, _sha256(content) == old.declaration_digest
    try:
        before = read_file(file, _LARGEST)
    except FileNotFoundError:
        if same:
            missing.append(file.name)
            return []
        return [f"{file.name} is missing"]
    if _sha256(before) != old.declaration_digest:
        return [f"{file.name} is not the file that plan.json was made with"]
    if same:
        return []
    try:
        declared = read_declared(before, file.name)
    except UserError as error:
        return [f"{error}"]
    if _meaning(declared) == _meaning(declaration):
        return []
    old_text, text = (yaml.safe_dump(each.content) for each in (declared, declaration))
    return list(
        difflib.unified_diff(
            old_text.splitlines(), text.splitlines(), "declared", "new", n=1, lineterm=""
        )
    )


def _meaning(declaration: Declaration) -> str:
    content = {
        key: value
        for key, value in declaration.content.items()
        if key not in ("name", "description")
    }
    return json.dumps(content, sort_keys=True, default=str)


def _keys(old: Plan, new: Plan, *, brief: bool) -> list[str]:
    """Return a line for each key of the plans that differs, or one for all if that is enough."""
    names = changed_keys(old.covered, new.covered)
    lines = []
    if "total" in names:
        lines = [f"tasks: {old.total} declared, {new.total} new"]
        names = [name for name in names if name not in ("total", "cells")]
    names = [name for name in names if name != "code_digest"]  # the files say more
    if brief:
        return lines + ([f"plan.json: {listed(names)}"] if names else [])
    before, now = ({**asdict(plan), **plan.covered} for plan in (old, new))
    return lines + [
        f"plan.json: {name} is {shown(before[name])}, and yours is {shown(now[name])}"
        for name in names
    ]


def _files(sweep: SweepLayout, old: Plan, code: Code, missing: list[str]) -> list[str]:
    """Compare the frozen files with those that would be frozen now."""
    names = {*code.files, *(old.code_files or ())}
    files = frozen.files_in(sweep.code, tuple(names))
    lacking = [name for name in sorted(code.files) if name not in files]
    more = [name for name in sorted(files) if name not in code.files]
    changed = [name for name in sorted(files) if code.files.get(name, b"") != files[name]]
    if old.code_digest == code.digest:
        missing += [f"code/{name}" for name in lacking]
        lacking = []
    lines = [
        f"code: {listed(names)} {what}"
        for names, what in (
            ([name for name in changed if name not in more], "changed"),
            (lacking, "missing in the sweep"),
            (more, "only in the sweep"),
        )
        if names
    ]
    if not lines and old.code_digest != code.digest:
        lines.append("plan.json: code_digest is not that of the files in code/")
    return lines


def damage(
    sweep: SweepLayout, plan: Plan, tasks: Callable[[range], Iterator[TaskLine]]
) -> list[str]:
    """Return a sentence for each task file that is not as declared, if all have arrived."""
    files = TaskFiles(sweep.task_file, plan, tasks)
    late = plan.consistency == "eventual" and not files.arrived()
    return [] if late else files.all_damage()


def listed(names: Sequence[str]) -> str:
    """Return the names in a line, at most ten of them."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{', '.join(names[:_MOST])}{more}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
