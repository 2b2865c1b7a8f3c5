"""Options that commands share, the project and the member that they select, and output."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl import interrupts
from colabctl.cli.terminal import can_ask, plain

if TYPE_CHECKING:
    from colabctl.project.config import Config
    from colabctl.project.layout import Layout
    from colabctl.remote.carrier import Carrier

_carriers: "list[Carrier]" = []  # of the command that runs; it has one at most

Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="DIR",
        help="Folder of the project.",
        show_default="COLABCTL_ROOT, the current folder or one above it, the Drive",
    ),
]
Member = Annotated[
    str | None,
    typer.Option(
        "--member",
        metavar="NAME",
        help="Which member you are.",
        show_default="COLABCTL_MEMBER, else `colabctl me`",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file, whatever it holds.")]


def output_option(metavar: str, text: str, default: str) -> Any:
    """Return the option `--output`: what it names, its help, and what happens without it."""
    return typer.Option("--output", "-o", metavar=metavar, help=text, show_default=default)


def names_in(text: str | None, option: str) -> list[str]:
    """Return the names in an option such as `--by model,dataset`; backticks keep a comma.

    Raises UserError for a text without names.
    """
    import re

    from colabctl.errors import UserError

    parts = re.findall(r"(?:`[^`]*`|[^,`])+", text or "")
    names = [name for part in parts if (name := part.strip().strip("`"))]
    if text is not None and not names:
        raise UserError(f"{option} has no names; give some, such as {option} model,dataset")
    return names


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def open_project(
    root: Path | None, *, carry: bool = True, patience: float = 0.0
) -> "tuple[Layout, Config]":
    """Find the project and read its configuration.

    If it has a store, its files are carried both ways until the command ends, unless `carry` is
    false; then it takes up to `patience` seconds more to carry what was made here.
    """
    from colabctl.project.config import load
    from colabctl.project.root import find_root, usual_drives
    from colabctl.remote.record import remote_of

    folder = find_root(root, os.environ, Path.cwd(), usual_drives(Path.home()))
    config = load(folder, os.environ)
    if carry and remote_of(folder) is not None:
        config = _carried(config, patience)
    return config.layout, config


def _carried(config: "Config", patience: float) -> "Config":
    from colabctl.remote.carrier import carrying

    config, carrier = carrying(config, tell, patience)
    if carrier is not None:
        _carriers.append(carrier)
    return config


def carrier_of_command() -> "Carrier | None":
    """Return what carries the project's files while this command runs; None without a store."""
    return _carriers[-1] if _carriers else None


def end_carrying() -> None:
    """Carry what is left, at the end of the command; raises as `Carrier.end`."""
    while _carriers:
        _carriers.pop().end()


def working_member(config: "Config", explicit: str | None) -> str:
    """Return the member who runs this command; on a terminal, ask and remember the answer.

    Raises UserError if the member is still unknown.
    """
    from colabctl.project.current_member import current_member

    interactive = can_ask()
    member = current_member(config, os.environ, explicit, _ask if interactive else None)
    if member.source == "answer":
        remember_member(config.root, member.name)
    return member.name


def _ask(members: Sequence[str], reason: str) -> str | None:
    tell(f"{reason}the members of this project are {', '.join(members)}")
    while True:
        print("Which one are you? ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
        if not answer:  # end of file
            tell("")
            return None
        name = answer.strip().casefold()
        if member := next((each for each in members if each.casefold() == name), None):
            return member
        names = ", ".join(members)
        tell(f"{answer.strip()!r:.70} is not one of {names}; type a name (Ctrl-C ends the command)")


def remember_member(root: Path, member: str) -> None:
    """Remember which member this user is in a project; print a note if that fails."""
    from colabctl.project.current_member import remember
    from colabctl.sharedfs.faults import describe

    try:
        remember(root, member)
    except OSError as error:
        tell(f"note: cannot remember this ({describe(error)}); the next command will ask again")
    else:
        tell(f"you are {member} in this project on this machine (change it: colabctl me NAME)")


def complete_sweep(incomplete: str) -> list[str]:
    """Return the sweeps whose names start with `incomplete`, for shell completion."""
    from colabctl.errors import UserError
    from colabctl.sweeps import sweep_names

    try:
        layout, _ = open_project(None, carry=False)
        return [name for name in sweep_names(layout) if name.startswith(incomplete)]
    except (UserError, OSError):
        return []


Sweep = Annotated[
    str, typer.Argument(metavar="SWEEP", help="Name of a sweep.", autocompletion=complete_sweep)
]
Sweeps = Annotated[
    list[str],
    typer.Argument(
        metavar="SWEEP", help="Names of one or more sweeps.", autocompletion=complete_sweep
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]


def confirm(question: str, *, yes: bool) -> None:
    """Ask a question and end the command unless the answer is yes; `yes` is the answer of --yes.

    Ctrl-C at the question ends it as a shell expects. Raises UserError if no one can be asked.
    """
    from colabctl.errors import UserError

    if yes:
        return
    if not can_ask():
        raise UserError("nothing was changed: there is no terminal to ask on; add --yes to do it")
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        tell("\nnothing was changed")  # below the question
        raise typer.Exit(interrupts.CODE) from None
    if not agreed:
        tell("nothing was changed")
        raise typer.Exit(1)


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout."""
    print(json.dumps(value, indent=2))


def tell(text: str) -> None:
    """Print a message on stderr, after everything that was printed on stdout."""
    sys.stdout.flush()  # in a log, both go to one file
    print(plain(text), file=sys.stderr, flush=True)
