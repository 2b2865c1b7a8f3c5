"""The command that checks a project's folder."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Json, Root, open_project, print_json, tell
from colabctl.cli.terminal import counted, one_line, styled
from colabctl.durations import parse_duration
from colabctl.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from colabctl.project.config import Config
    from colabctl.project.layout import Layout

_STYLES = {"ok": "green", "note": "yellow", "wrong": "red"}


def doctor(
    probe: Annotated[
        bool,
        typer.Option(
            "--probe", help="Measure how long a file takes to reach another machine and come back."
        ),
    ] = False,
    answer_: Annotated[
        bool, typer.Option("--answer", help="Answer `--probe` on another machine.")
    ] = False,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, metavar="N", help="Number of files to send.")
    ] = 5,
    wait: Annotated[
        str, typer.Option("--wait", metavar="TIME", help="How long to wait for the other machine.")
    ] = "5m",
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Check the project, each problem with its fix; exit 3 on a problem.

    It looks at the mount, permissions, speed, space, folders, names, copies, clocks, sweeps and the
    members' versions.
    """
    if probe and answer_:
        raise UserError("--probe and --answer are for two machines; use one on each")
    layout, config = open_project(root)
    patience = parse_duration(wait, "--wait")
    if probe:
        _ask(layout, rounds, patience, as_json)
    elif answer_:
        _reply(layout, patience, as_json)
    else:
        _check(layout, config, as_json)


def _check(layout: "Layout", config: "Config", as_json: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from colabctl.doctor.examine import examine

    console = Console()
    checks = []
    with _status(console) as begin:
        for check in examine(layout, config, begin=begin):
            checks.append(check)
            if not as_json:
                level = (f"{check.level:5} ", _STYLES[check.level])
                line = Text.assemble(level, styled(check.what))
                console.print(line, soft_wrap=True)
                if check.fix:
                    console.print(styled(f"      fix: {check.fix}"), soft_wrap=True)
    if as_json:
        print_json([asdict(check) for check in checks])
    if any(check.level == "wrong" for check in checks):
        raise typer.Exit(3)


@contextmanager
def _status(console: "Console") -> Iterator[Callable[[str], None]]:
    """Yield a function that says on a terminal what is checked now; elsewhere it says nothing."""
    from rich.console import Console

    if not console.is_terminal:
        console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal or "JPY_PARENT_PID" in os.environ:
        yield lambda _: None
        return
    with console.status("checking") as status:
        yield lambda subject: status.update(f"checking: {subject}")


def _ask(layout: "Layout", rounds: int, patience: float, as_json: bool) -> None:
    from colabctl.doctor.probe import Time, ask, own_folder, summary

    clocks = Time(time.time, time.monotonic, time.sleep)
    answers = []
    tell("asking; on another machine run: colabctl doctor --answer")
    for answer in ask(layout, own_folder(layout), rounds, patience, clocks):
        answers.append(answer)
        tell(f"{one_line(answer.host)} answered; there and back took {answer.there_and_back:.1f} s")
    figures = summary(answers)
    if as_json:
        print_json(figures)
    else:
        print(
            f"a file takes about {figures['one_way_seconds']:.1f} s one way (median of "
            f"{len(answers)}; at worst {figures['longest_seconds']:.1f} s there and back); the "
            f"other machine's clock is {figures['clock_ahead_seconds']:+.1f} s ahead"
        )


def _reply(layout: "Layout", patience: float, as_json: bool) -> None:
    from colabctl.doctor.probe import Time, own_folder
    from colabctl.doctor.probe import answer as reply

    clocks = Time(time.time, time.monotonic, time.sleep)
    tell(f"answering until no question arrives for {patience:.0f} s; stop with Ctrl-C")
    delays = []
    try:
        for host, delay in reply(layout, own_folder(layout), patience, clocks):
            delays.append(delay)
            tell(f"a question from {one_line(host)} arrived after {delay:.1f} s (by both clocks)")
    except KeyboardInterrupt:
        tell("stopped")
    if as_json:
        print_json({"answered": len(delays), "arrived_after_seconds": delays})
    else:
        print(f"{counted(len(delays), 'question')} answered")
