"""The command that shows a member what a sweep runs, and records their approval."""

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Json, Root, Sweep, open_project, print_json, tell
from colabctl.cli.terminal import command_line, counted, one_line, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.ledger import Plan
    from colabctl.project.approvals import Approval
    from colabctl.project.config import Config

# Keys of the plan that the first lines, the command, the code or sweep.yaml show.
_SHOWN_OTHERWISE = (
    "sweep", "command", "code_digest", "code_files", "declaration_digest", "task_digests",
    "cells",
)  # fmt: skip
_KINDS = {
    "function": "a function, called for each task",
    "objective": "an Optuna objective, called for each task",
    "program": "a program, started for each task",
    "notebook": "a notebook, run once for each task",
    "loop": "a notebook with a loop, run once by each worker",
}


def trust(
    sweep: Sweep,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Approve without asking, if you have read the code.")
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Show what a sweep runs, and approve it to run on your machines.

    That is its code, its command and all that decides how they run, and the tasks that its sweep
    file gives. `work` runs only what you declared or approved. Approvals are kept outside the
    project.
    """
    from colabctl.declare.declare import approval_of
    from colabctl.ledger import program_of
    from colabctl.project.approvals import approvals_for
    from colabctl.work.open_sweep import OpenSweep

    layout, config = open_project(root)
    open_sweep = OpenSweep.named(layout, sweep)
    plan, declared = open_sweep.plan.approved, open_sweep.declared
    program = program_of(plan)
    approvals = approvals_for(layout.root, os.environ)
    approved = approvals.has(plan.run_digest)
    declared.check()
    new = approval_of(plan, open_sweep.code(), declared.content(), config, time.time())
    if not as_json:
        before = None if approved else approvals.latest(config.name, plan.sweep, program)
        _show(plan, new, before if before and before.plan else None, open_sweep.plan)
    if not approved and (yes or (not as_json and _agreed())):
        approvals.add(new)
        approved = True
        tell(f"approved (recorded in {approvals.folder}); run it: {command_line('work', sweep)}")
    if as_json:
        print_json({"sweep": plan.sweep, "digest": plan.run_digest, "approved": approved})
    elif not approved:
        raise UserError(f"not approved; to approve it: {command_line('trust', sweep, '--yes')}")


def check_trusted(config: "Config", plan: "Plan") -> None:
    """Raise UserError unless this member has declared or approved what a sweep runs."""
    from colabctl.ledger import check_approved
    from colabctl.project.approvals import approvals_for

    approvals = approvals_for(config.root, os.environ)
    check_approved(plan, approvals.has, lambda name: approvals.latest_plan(config.name, name))


def _version(plan: "Plan") -> str:
    """Return which version of the program a sweep runs, and who added it; "" for the first."""
    from colabctl.ledger import latest_version

    if (added := latest_version(plan)) is None:
        return ""
    number, extension = added
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(extension.at))
    return f"version {number} of the program, added by {extension.member} on {when}"


def _show(plan: "Plan", new: "Approval", before: "Approval | None", whole: "Plan") -> None:
    """Print the code, or the changes since the version that was approved `before`.

    `whole` is the plan with all extensions.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console()
    declared = time.strftime("%Y-%m-%d %H:%M", time.localtime(plan.declared_at))
    print(plain(one_line(f"sweep {plan.sweep}: {plan.program}, {_KINDS[plan.kind]}")))
    print(plain(one_line(f"declared by {plan.declared_by} on {declared}")))
    if version := _version(whole):
        print(plain(one_line(version)))
    if plan.command:
        print(plain(one_line(f"command: {shlex.join(plan.command)}")))
    for line in _keys(new, without=("kind", "program")):
        print(line)
    print(f"digest:  {new.digest}")
    for warning in _warnings(plan, new):
        print(plain(one_line(f"warning: {warning}")))
    # Only these two kinds run a notebook's cells; to a program it is a file like any other.
    notebook = plan.program if plan.kind in ("notebook", "loop") else None
    if before is None:
        more = whole.total - plan.total
        added = f"; {counted(more, 'task')} of extensions are not in it" if more else ""
        tasks = counted(plan.total, "task")
        print(plain(f"\n--- sweep.yaml, which gives the parameters of {tasks}{added}"))
        print(_text("sweep.yaml", new.declaration, notebook))
        for name, data in sorted(new.files.items()):
            text = _text(name, data, notebook, numbered=True)
            lines = counted(len(text.splitlines()), "line")
            console.print(Text(f"\n--- {plain(one_line(name))}, {lines}", "bold"), soft_wrap=True)
            print(text)
        return
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(before.approved_at))
    print(plain(one_line(f"changed since you approved it for {before.sweep} on {when}:")))
    changes = list(_changes(before, new, notebook))
    for line in changes:
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        console.print(Text(line, style), soft_wrap=True)
    if not changes:
        print("only the name of the sweep; all else is the same")


def _keys(approval: "Approval", without: tuple[str, ...] = ()) -> list[str]:
    """Return the keys of the plan that nothing else shows, cleaned for a terminal."""
    return [
        plain(one_line(f"{name}: {json.dumps(value)}"))
        for name, value in sorted(approval.plan.items())
        if name not in (*_SHOWN_OTHERWISE, *without)
    ]


def _warnings(plan: "Plan", new: "Approval") -> Iterator[str]:
    """Yield what to know about parameters in the command, and about files that programs read."""
    from colabctl.run.startup.settings_files import configures
    from colabctl.search.language.commands.code_places import code_places, is_value, shell_words
    from colabctl.search.language.commands.shell_text import MACRO

    command, parameters = plan.command or (), plan.parameters or {}
    places = code_places(command, parameters)
    for place in places:
        yield f"no task will run: command[{place.index}]: {place.fault}"
    texts = [command[i] for i in shell_words(command, parameters)]
    macros = (macro[1] for text in texts for macro in MACRO.finditer(text))
    if not places and any(is_value(name, parameters) for name in macros):
        yield (
            "the command puts parameters into shell text; each value is one word there, in quotes, "
            "but what the text calls may still read it as code"
        )
    configuring = [name for name in sorted(new.files) if any(map(configures, name.split("/")))]
    if configuring:
        yield f"read as code, because programs read them when they start: {', '.join(configuring)}"


def _changes(before: "Approval", new: "Approval", notebook: str | None) -> Iterator[str]:
    """Yield the lines of a unified diff of all that is approved, cleaned for a terminal."""
    old, now = (plain(shlex.join(each.command)).split("\n") for each in (before, new))
    yield from _diff("(command)", old, now)
    yield from _diff("(plan)", _keys(before), _keys(new))
    old, now = (
        _text("sweep.yaml", each.declaration, notebook).split("\n") for each in (before, new)
    )
    yield from _diff("sweep.yaml", old, now)
    for name in sorted(before.files.keys() | new.files.keys()):
        contents = before.files.get(name), new.files.get(name)
        if contents[0] == contents[1]:
            continue
        # Not splitlines, because a missing newline at the end is a difference too.
        old, now = (
            [] if data is None else _text(name, data, notebook).split("\n") for data in contents
        )
        shown = plain(one_line(name))
        if old != now:
            yield from _diff(shown, old, now)
        elif name == notebook:
            yield f"{shown}: only outputs or metadata changed; the cells are the same"
        else:
            yield f"{shown}: only bytes changed that look alike here"


def _diff(name: str, old: list[str], now: list[str]) -> Iterator[str]:
    from difflib import unified_diff

    return unified_diff(old, now, f"approved/{name}", f"now/{name}", lineterm="")


def _text(name: str, data: bytes, notebook: str | None, *, numbered: bool = False) -> str:
    """Return a file as readable text: the cells of `notebook`, the characters of other files."""
    if name == notebook:
        from colabctl.notebook.listing import listing

        cells = listing(data, numbered=numbered)
        if cells is not None:
            return plain(cells)
    note, encoding = _encoding(name, data)
    return plain(note + data.decode(encoding, errors="surrogateescape"))


def _encoding(name: str, data: bytes) -> tuple[str, str]:
    """Return a file's encoding, and a line to print above the file if that is not UTF-8.

    Python reads a file in the encoding that its first lines declare. In some encodings, text that
    looks like a comment is code.
    """
    import codecs
    import io
    import tokenize

    source = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")  # as Python splits lines
    try:
        declared, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        if codecs.lookup(declared).name in ("utf-8", "utf-8-sig", "ascii"):
            return "", "utf-8"
        data.decode(declared)
    except (SyntaxError, LookupError, ValueError) as error:
        if not name.endswith(".py"):
            return "", "utf-8"
        return (
            f"(shown as UTF-8, but Python may read it differently: {one_line(str(error))})\n",
            "utf-8",
        )
    if not name.endswith(".py"):
        return f"(shown as UTF-8, but Python would read it as {declared})\n", "utf-8"
    return f"(shown as {declared}, the encoding in which Python reads it)\n", declared


def _agreed() -> bool:
    """Ask for approval; without a terminal, the answer is no."""
    return sys.stdin.isatty() and typer.confirm("run this code on your machines?", err=True)
