"""No-op tasks per second of jug, Optuna's JournalFileBackend and colabctl, side by side.

    pip install jug optuna
    python -m tests.bench.throughput [--tasks 1000] [--workers 1 2 6] [--repeats 3]
                                     [--folders DISK TMPFS] [--tools jug Optuna colabctl]

raw      tasks over the wall clock from starting the worker processes to the exit of the last
net      the same less the wall clock of as many workers started on the already finished tasks:
         starting the interpreter, imports, reading the state
repeated runs beyond one for each task

Each figure is of the median of the repeats. The tools take turns within a repeat, so that a slow
spell of the machine falls on all of them. A net figure after `~` is less sure than it looks: the
time it rests on is shorter than the spread of the repeats; `-` is no time left at all. Use more
tasks then.
"""

import argparse
import importlib.util
import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.bench.processes import together
from tests.bench.tools import COLABCTL, JUG, OPTUNA, Tool

TOOLS = (JUG, OPTUNA, COLABCTL)
TARGET = 10  # colabctl over the better peer, net
LINE = (
    b'{"task": 123456, "event": "done", "loss": 0.0, "writer": "ana-host-20250101T000000-abcdef"}\n'
)


@dataclass(frozen=True)
class Sample:
    """One run of one tool: wall clock in seconds with the tasks to do, and with all of them done."""

    raw: float
    idle: float
    repeated: int


@dataclass(frozen=True)
class Rates:
    """Tasks per second over several samples; `net` is None where nothing is left to divide by."""

    raw: float
    net: float | None
    sure: bool
    repeated: int


def measure(tool: Tool, place: Path, tasks: int, workers: int) -> Sample:
    """Declare `tasks` in the empty folder `place`, let `workers` processes do them, count them.

    Raises RuntimeError if a process fails or a task is left undone.
    """
    tool.prepare(place, tasks)
    os.sync()  # what an earlier run left to be written is not charged to this one
    workforce = [tool.work(place, tasks)] * workers
    raw = together(workforce)
    runs = tool.runs(place, tasks, raw.outputs)
    idle = together(workforce)
    return Sample(raw.seconds, idle.seconds, runs - tasks)


def rates(samples: Sequence[Sample], tasks: int) -> Rates:
    """Give the rates of the median times; repeated runs are added up over all samples."""
    raws = [sample.raw for sample in samples]
    idles = [sample.idle for sample in samples]
    raw, net = median(raws), median(raws) - median(idles)
    spread = max(max(raws) - min(raws), max(idles) - min(idles))
    return Rates(
        raw=tasks / raw,
        net=tasks / net if net > 0 else None,
        sure=net > spread,
        repeated=sum(sample.repeated for sample in samples),
    )


def append_rate(folder: Path, lines: int = 20_000) -> float:
    """Lines per second of the least a shared log can cost: open, append one line, close."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as scratch:
        log = Path(scratch, "log")
        start = time.perf_counter()
        for _ in range(lines):
            with log.open("ab") as file:
                file.write(LINE)
        return lines / (time.perf_counter() - start)


def filesystem(folder: Path) -> str:
    """Type of the file system that holds `folder`, by Linux's mount table; "" where there is none."""
    table = Path("/proc/mounts")
    if not table.exists():
        return ""
    mounts = [line.split()[1:3] for line in table.read_text().splitlines()]
    holding = [
        (len(at), kind) for at, kind in reversed(mounts) if folder.resolve().is_relative_to(at)
    ]
    return max(holding, key=lambda mount: mount[0], default=(0, ""))[1]


def default_folders() -> list[Path]:
    """Give a folder on disk, and one in memory where the system has one."""
    memory = Path("/dev/shm")
    return [Path("/var/tmp"), *([memory] if filesystem(memory) == "tmpfs" else [])]


def ratio(ours: Rates, peers: Sequence[Rates]) -> str:
    """Our net rate over the best of the peers', or a dash where one of them is not known."""
    known = [peer.net for peer in peers if peer.net is not None]
    if ours.net is None or len(known) < len(peers):
        return "-"
    sure = all(rates.sure for rates in (ours, *peers))
    return f"{'' if sure else '~'}{ours.net / max(known):.1f}"


def table(
    found: dict[tuple[Path, int, str], Rates], floor: dict[Path, float], tools: Sequence[Tool]
) -> Table:
    """One column for each folder and number of workers, one row for each figure."""
    columns = list(dict.fromkeys((folder, workers) for folder, workers, _ in found))
    result = Table("no-op tasks per second", box=box.MARKDOWN)
    for folder, workers in columns:
        heading = f"{folder} {filesystem(folder)} x{workers}"
        result.add_column(heading, justify="right")

    for tool in tools:
        cells = [found[(*column, tool.name)] for column in columns]
        result.add_row(f"{tool.name}, raw", *(f"{cell.raw:,.0f}" for cell in cells))
        nets = (
            "-" if cell.net is None else f"{'' if cell.sure else '~'}{cell.net:,.0f}"
            for cell in cells
        )
        result.add_row(f"{tool.name}, net", *nets)
        result.add_row(f"{tool.name}, repeated", *(str(cell.repeated) for cell in cells))

    peers = [tool.name for tool in tools if tool is not COLABCTL]
    if COLABCTL in tools and peers:
        raw, net = [], []
        for column in columns:
            ours, others = found[(*column, COLABCTL.name)], [found[(*column, p)] for p in peers]
            raw.append(f"{ours.raw / max(other.raw for other in others):.1f}")
            net.append(ratio(ours, others))
        result.add_row("colabctl / best peer, raw", *raw)
        result.add_row("colabctl / best peer, net", *net)
        result.add_row("target, net", *(str(TARGET) for _ in columns))
    result.add_row("floor: bare append", *(f"{floor[folder]:,.0f}" for folder, _ in columns))
    return result


def main() -> None:
    """Measure what the command line asks for and print the table."""
    parser = argparse.ArgumentParser(description="No-op tasks per second, beside jug and Optuna.")
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 6])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folders", type=Path, nargs="+", default=default_folders())
    names = [tool.name for tool in TOOLS]
    parser.add_argument("--tools", nargs="+", choices=names, default=names)
    asked = parser.parse_args()
    tools = [tool for tool in TOOLS if tool.name in asked.tools]
    for tool in tools:
        if importlib.util.find_spec(tool.package) is None:
            parser.error(f"{tool.package} is not installed: pip install jug optuna")

    def sample(tool: Tool, folder: Path, tasks: int, workers: int) -> Sample:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as scratch:
            return measure(tool, Path(scratch), tasks, workers)

    for tool in tools:  # once unmeasured, for bytecode and the page cache
        sample(tool, asked.folders[0], 10, 1)
    samples = defaultdict(list)
    cases = list(product(asked.folders, asked.workers, range(asked.repeats), tools))
    for folder, workers, _, tool in track(cases, "measuring", console=Console(stderr=True)):
        samples[folder, workers, tool.name].append(sample(tool, folder, asked.tasks, workers))

    found = {case: rates(several, asked.tasks) for case, several in samples.items()}
    floor = {
        folder: median(append_rate(folder) for _ in range(asked.repeats))
        for folder in asked.folders
    }
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(
        f"{asked.tasks:,} tasks, median of {asked.repeats}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {platform.system()}",
        highlight=False,
    )
    console.print(table(found, floor, tools))


if __name__ == "__main__":
    main()
