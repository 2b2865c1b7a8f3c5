"""Compares colabctl with its peers in one run, and writes one table.

    pip install -e '.[dev]' -r tests/bench/peers.txt
    python -m tests.bench [--quick] [--rounds 5] [--output FILE] [--peers PYTHON ...]

Peers that are not installed are named in the table. `--peers` gives interpreters of other
environments that have them. `--output colabctl/guide/performance.md` writes the guide's page anew
between its two marks; any other file gets the table alone. `--quick` has one round and fewer tasks,
and takes five minutes on two cores that do nothing else.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from colabctl.version import VERSION
from tests.bench import peers
from tests.bench.comparison import FIGURES, Measured, measure, pythons_of
from tests.bench.throughput import filesystem

START, END = "<!-- table: python -m tests.bench -->", "<!-- end of table -->"


def table(results: Sequence[Measured]) -> str:
    """Return the figures as a Markdown table."""
    rows = [
        "| what is done | colabctl | peers | times as fast | target | |",
        "|---|--:|---|--:|--:|---|",
    ]
    for result in results:
        others = [
            f"{peer} {_time(result.seconds[peer])}" if peer in result.seconds
            else f"{peer} not installed"
            for peer in result.figure.peers
        ]  # fmt: skip
        ratio = "-" if result.ratio is None else f"{result.ratio:.1f}"
        target = "" if result.figure.target is None else f"{result.figure.target:g}"
        rows.append(
            f"| {result.figure.name(result.tasks)} | {_time(result.seconds['colabctl'])} "
            f"| {', '.join(others)} | {ratio} | {target} | {result.verdict} |"
        )
    return "\n".join(rows)


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1e3:.2f} ms"


def about(found: Mapping[str, tuple[str, str]], folder: Path, loads: tuple[float, float]) -> str:
    """Return in one paragraph where and with what the figures were measured."""
    tools = ", ".join(
        f"{'W&B sweeps' if tool == 'W&B' else tool} {version}"
        for tool, (_, version) in found.items()
        if tool != "colabctl"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with colabctl {VERSION}, Python "
        f"{platform.python_version()}, {tools}; {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, {memory:.0f} GB, {filesystem(folder) or 'a local disk'}; "
        f"load {loads[0]:.1f} before and {loads[1]:.1f} after."
    )


def write(file: Path, text: str) -> None:
    """Write the text to a file, or between the marks of a page that has them."""
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if START in before and END in before:
        head, tail = before.split(START)[0], before.split(END)[1]
        text = f"{head}{START}\n\n{text}\n\n{END}{tail}"
    else:
        text += "\n"
    file.write_text(text, encoding="utf-8")


def main() -> None:
    """Measure what the command line asks for, and print and write the table."""
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round, fewer tasks")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured, at most")
    parser.add_argument("--output", type=Path, metavar="FILE")
    parser.add_argument("--peers", nargs="+", default=[], metavar="PYTHON")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"))
    asked = parser.parse_args()
    found = peers.owners([sys.executable, *asked.peers])
    pythons, progress = pythons_of(found), Console(stderr=True)
    before, results = os.getloadavg()[0], []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.folder) as folder:
        for figure in FIGURES:
            progress.print(f"measuring: {figure.name(figure.tasks)}", highlight=False)
            rounds = 1 if asked.quick else asked.rounds
            results.append(
                measure(figure, pythons, Path(folder), quick=asked.quick, rounds=rounds)
            )
    loads = before, os.getloadavg()[0]
    text = f"{table(results)}\n\n{about(found, asked.folder, loads)}"
    print(text)
    if asked.output:
        write(asked.output, text)


if __name__ == "__main__":
    main()
