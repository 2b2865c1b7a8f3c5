"""The command that examines a project's folder."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Json, Root, open_project, print_json, tell
from colabctl.cli.terminal import counted, one_line, styled
from colabctl.durations import parse_duration
from colabctl.errors import UserError

if TYPE_CHECKING:
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
        str,
        typer.Option("--wait", metavar="TIME", help="How long to wait for the other machine."),
    ] = "5m",
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Check the project's folder: mount, speed, space, clocks, copies; exit 3 on a problem."""
    if probe and answer_:
        raise UserError("--probe and --answer are for two machines; give one here, one there")
    layout, config = open_project(root)
    if probe or answer_:
        patience = parse_duration(wait, "--wait")
        (_ask if probe else _reply)(layout, rounds, patience, as_json)
        return
    from rich.console import Console
    from rich.text import Text

    from colabctl.doctor.examine import examine

    console = Console()
    findings = []
    for finding in examine(layout, config):
        findings.append(finding)
        if not as_json:
            level = (f"{finding.level:5} ", _STYLES[finding.level])
            line = Text.assemble(level, styled(finding.what))
            console.print(line, soft_wrap=True)
            if finding.mend:
                console.print(styled(f"      mend: {finding.mend}"), soft_wrap=True)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    if any(finding.level == "wrong" for finding in findings):
        raise typer.Exit(3)


def _ask(layout: "Layout", rounds: int, patience: float, as_json: bool) -> None:
    from colabctl.doctor.probe import Time, ask, own_folder, summary

    clocks = Time(time.time, time.monotonic, time.sleep)
    seen = []
    tell("asking; on another machine run: colabctl doctor --answer")
    for each in ask(layout, own_folder(layout), rounds, patience, clocks):
        seen.append(each)
        tell(f"{one_line(each.host)} answered after {each.there_and_back:.1f} s, there and back")
    found = summary(seen)
    if as_json:
        print_json(found)
    else:
        print(
            f"a file takes about {found['one_way_seconds']:.1f} s one way (median of "
            f"{len(seen)}; {found['longest_seconds']:.1f} s there and back at worst); the other "
            f"clock is {found['clock_ahead_seconds']:+.1f} s ahead"
        )


def _reply(layout: "Layout", _rounds: int, patience: float, as_json: bool) -> None:
    from colabctl.doctor.probe import Time, own_folder
    from colabctl.doctor.probe import answer as reply

    clocks = Time(time.time, time.monotonic, time.sleep)
    tell(f"answering until no question comes for {patience:.0f} s; Ctrl-C ends it")
    delays = []
    try:
        for host, delay in reply(layout, own_folder(layout), patience, clocks):
            delays.append(delay)
            tell(f"a question of {one_line(host)} arrived after {delay:.1f} s (by both clocks)")
    except KeyboardInterrupt:
        tell("no longer answering")
    if as_json:
        print_json({"answered": len(delays), "arrived_after_seconds": delays})
    else:
        print(f"{counted(len(delays), 'question')} answered")
