"""The command by which a member looks at a sweep's code and approves it."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Json, Root, Sweep, answer, open_project, talk
from colabctl.cli.terminal import plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.ledger import Plan
    from colabctl.project.approvals import Approval


def trust(
    sweep: Sweep,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Approve without asking, after you have looked.")
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Show the code that a sweep runs, and approve it for you.

    `work` runs only what you have declared or approved. Approvals are kept outside the project.
    """
    from colabctl.ledger import read_plan
    from colabctl.project.approvals import Approval, approvals_for
    from colabctl.project.code import fetch
    from colabctl.project.sweeps import find_sweep

    layout, config = open_project(root)
    place = find_sweep(layout, sweep)
    plan = read_plan(place.plan)
    if plan.program is None:
        raise UserError(
            f"sweep {sweep} has no program: its tasks are run by the notebook that declares it"
        )
    approvals = approvals_for(layout.root, os.environ)
    approved = approvals.has(plan.run_digest)
    files = fetch(place.code, plan.code_digest).files
    new = Approval(
        digest=plan.run_digest,
        project=config.name,
        sweep=sweep,
        program=plan.program,
        command=plan.command or (),
        approved_at=time.time(),
        files=files,
    )
    if not as_json:
        _show(plan, new, None if approved else approvals.latest(config.name, plan.program))
    if not approved and (yes or (not as_json and _agreed(sweep))):
        approvals.add(new)
        approved = True
        talk(f"approved, in {approvals.folder}; run it: colabctl work {sweep}")
    elif not approved:
        talk("not approved")
    if as_json:
        answer({"sweep": sweep, "digest": plan.run_digest, "approved": approved})


def _show(plan: "Plan", new: "Approval", before: "Approval | None") -> None:
    """Print what runs; where an earlier version was approved, what has changed since."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    declared = time.strftime("%Y-%m-%d %H:%M", time.localtime(plan.declared_at))
    what = f"sweep {plan.sweep}: {plan.program}, declared by {plan.declared_by} on {declared}"
    print(plain(what))
    if plan.command:
        print(plain(f"command: {' '.join(plan.command)}"))
    print(f"digest:  {new.digest}")
    if before is None:
        for name, data in sorted(new.files.items()):
            console.print(f"\n--- {plain(name)}", style="bold", markup=False)
            print(_text(name, data))
        return
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(before.approved_at))
    print(f"changed since you approved it for {before.sweep} on {when}:")
    for line in _changes(before, new):
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        console.print(plain(line), style=style, markup=False)


def _changes(before: "Approval", new: "Approval") -> Iterator[str]:
    """Yield the lines of a unified diff of all that runs."""
    from difflib import unified_diff

    old_texts, new_texts = _texts(before), _texts(new)
    for name in sorted(old_texts.keys() | new_texts.keys()):
        old, now = old_texts.get(name, ""), new_texts.get(name, "")
        if old != now:
            yield from unified_diff(
                old.splitlines(), now.splitlines(), f"approved/{name}", f"now/{name}", lineterm=""
            )
        elif before.files.get(name) != new.files.get(name):
            yield f"{name}: its code is the same; outputs or metadata have changed"


def _texts(approval: "Approval") -> Mapping[str, str]:
    files = {name: _text(name, data) for name, data in approval.files.items()}
    return {"(command)": plain(" ".join(approval.command)), **files}


def _text(name: str, data: bytes) -> str:
    """Return a file as people read it, a notebook by its cells."""
    cells = None
    if name.endswith(".ipynb"):
        from colabctl.notebook import listing

        cells = listing(data)
    return plain(data.decode(errors="backslashreplace") if cells is None else cells)


def _agreed(sweep: str) -> bool:
    """Ask; without a terminal to ask at the answer is no."""
    if not sys.stdin.isatty():
        talk(f"to approve it: colabctl trust {sweep} --yes")
        return False
    return typer.confirm("run this code on your machines?", err=True)
