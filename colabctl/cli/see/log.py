"""The command that shows what a task printed, or prints while it runs."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.options import (
    Json,
    Member,
    Root,
    Sweep,
    open_project,
    print_json,
    tell,
    working_member,
)
from colabctl.cli.terminal import one_line, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.project.config import Config
    from colabctl.work.attempts import Attempt
    from colabctl.work.open_sweep import OpenSweep

_ERASE = "\x1b[K"  # to the end of the line


def log(
    sweep: Sweep,
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="Name of a task, such as t000017 or 17.")
    ],
    attempt: Annotated[
        int | None,
        typer.Option(
            "--attempt",
            min=1,
            metavar="N",
            help="Number of the attempt.",
            show_default="the one that counts, else the running one, else the last",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show new output until the task has ended.")
    ] = False,
    command: Annotated[
        bool, typer.Option("--command", help="Instead, print how the task is started.")
    ] = False,
    member: Member = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Print what a task printed; the middle of a long output is left out."""
    from colabctl.work.attempts import attempts_at, chosen
    from colabctl.work.open_sweep import OpenSweep
    from colabctl.work.outputs import following
    from colabctl.work.task_names import index_of

    if follow and as_json:
        raise UserError("--follow is for people and --json for scripts; use only one of them")
    if command and (follow or attempt is not None):
        raise UserError("--command shows no output; leave out --follow and --attempt")
    layout, config = open_project(root)
    open_sweep = OpenSweep.named(layout, sweep)
    index = index_of(task, open_sweep.plan)
    open_sweep.ledger.refresh()
    if command:
        _print_command(open_sweep, index, config, as_json=as_json)
        return
    one = chosen(attempts_at(open_sweep.ledger.state, index), attempt)
    runs = one is not None and one.ending == "running" and open_sweep.plan.kind != "loop"
    cancelled = open_sweep.ledger.state.tasks[index].status == "cancelled"
    if follow and (attempt is None or runs) and not cancelled:
        who = working_member(config, member)
        screen = _Screen()
        following.follow(open_sweep, index, who, screen.show, screen.say)
        return
    text = None
    if one is not None and runs:
        text = following.ask_once(open_sweep, one, working_member(config, member), _note)
    elif one is not None:
        text = following.printed(open_sweep, one, _note)
    if as_json:
        print_json(_object(open_sweep, index, one, text))
    else:
        _print(open_sweep, index, one, text)


def _print(sweep: "OpenSweep", index: int, attempt: "Attempt | None", text: str | None) -> None:
    from colabctl.work.attempts import heading, unstarted

    state = sweep.ledger.state
    if attempt is None or state.tasks[index].status == "cancelled":
        tell(one_line(unstarted(state, index)))
    if attempt is None:
        return
    tell(one_line(heading(attempt)))
    if text:
        screen = _Screen(live=False)
        screen.show(text)
        screen.end()
    else:
        tell(_why_nothing(sweep, attempt, text))


def _note(text: str) -> None:
    tell(one_line(text))


def _why_nothing(sweep: "OpenSweep", attempt: "Attempt", text: str | None) -> str:
    if sweep.plan.kind == "loop":
        return "its output is in the notebook or the terminal in which the loop ran"
    if attempt.ending == "running":
        if text is None:
            return "its worker has not answered; try again, or follow it with --follow"
        return "it has printed nothing yet"
    if attempt.ending in ("lost", "released"):
        return "its output was not kept, because the attempt did not end"
    if sweep.plan.consistency == "eventual":
        return "it printed nothing, or that has not arrived here yet"
    return "it printed nothing"


def _object(
    sweep: "OpenSweep", index: int, attempt: "Attempt | None", text: str | None
) -> dict[str, Any]:
    from colabctl.ledger import task_name

    is_cancelled = sweep.ledger.state.tasks[index].status == "cancelled"
    return {
        "sweep": sweep.plan.sweep,
        "task": task_name(index),
        "index": index,
        "attempt": attempt.number if attempt else None,
        "worker": attempt.worker if attempt else None,
        "status": attempt.ending if attempt else "cancelled" if is_cancelled else "pending",
        "error": (attempt.error or None) if attempt else None,
        "output": text,
    }


def _print_command(sweep: "OpenSweep", index: int, config: "Config", *, as_json: bool) -> None:
    from colabctl.cli.trust import check_trusted
    from colabctl.work.slots.start_command import start_command

    check_trusted(config, sweep.plan)
    command = start_command(sweep, index, config.secrets)
    if as_json:
        print_json(vars(command))
        return
    print(plain(command.line))
    tell(command.note)


class _Screen:
    """Prints output. On a terminal, a live text that begins with a carriage return replaces a line.

    Elsewhere, it begins a new line. No other character moves the cursor.
    """

    def __init__(self, *, live: bool = True) -> None:
        self._replaces = live and sys.stdout.isatty()
        self._in_line = False

    def show(self, text: str) -> None:
        """Print a text."""
        for number, line in enumerate(text.split("\n")):
            if number:
                self._write("\n")
            *before, latest = line.rstrip("\r").split("\r")
            if before and self._in_line:
                self._write(f"\r{_ERASE}" if self._replaces else "\n")
            self._write(plain(latest))
        sys.stdout.flush()

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        if text:
            self._in_line = not text.endswith("\n") and text != f"\r{_ERASE}"

    def say(self, sentence: str) -> None:
        """Print a message, in a line of its own."""
        self.end()
        tell(one_line(sentence))

    def end(self) -> None:
        """End the last line."""
        if self._in_line:
            self._write("\n")
