"""Staging beside what people do by hand: `python -m tests.bench.staging`.

First 2,000 small files on the local disk: `cp -r`, and `colabctl stage` with and without a manifest.
Then a simulated Drive, where each operation takes some milliseconds: the same by `cp -r`, and three
tasks that read all files, from the Drive and from the copy.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.drive import Drive
from tests.processes import clean

COST = (0.005, 0.015)  # seconds that an operation on the Drive takes
TASKS = 3
READ = """
from pathlib import Path
def read(params, task):
    return {"bytes": sum(len(file.read_bytes()) for file in Path("data/raw/images").iterdir())}
"""
SWEEP = (
    f"program: read.py:read\nmethod: grid\nparameters: {{x: {{values: {list(range(TASKS))}}}}}\n"
)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--on-drive", type=int, default=300, help="files on the Drive")
    parser.add_argument("--bytes", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "project")
        fill(root, options.files, options.bytes)
        rows = by_hand_and_staged(root, Path(folder, "disk"))
        show(f"{options.files} files of {options.bytes:,} bytes, local disk", rows)
    with (
        tempfile.TemporaryDirectory() as folder,
        Drive(Path(folder, "drive"), machines=1, median=0.1, worst=0.2, cost=COST) as drive,
    ):
        root = drive.machine(0).path / "project"
        fill(root, options.on_drive, options.bytes)
        title = f"{options.on_drive} files on a Drive, 5 to 15 ms an operation"
        disk = Path(folder, "disk")
        show(title, [*by_hand_and_staged(root, disk), *read_by_tasks(root, disk)])


def fill(root: Path, files: int, size: int) -> None:
    """Make a project with raw data."""
    command("init", str(root), "--member", "ana", cwd=root.parent)
    folder = root / "data/raw/images"
    folder.mkdir()
    for number in range(files):
        (folder / f"{number}.bin").write_bytes(os.urandom(size))


def by_hand_and_staged(root: Path, disk: Path) -> Iterator[tuple[str, float]]:
    """Copy raw data in each way, and yield the seconds that it took."""
    disk.mkdir()
    copy = ["cp", "-r", str(root / "data/raw/images"), str(disk / "by-hand")]
    yield "cp -r", seconds(lambda: subprocess.run(copy, check=True))
    environ = {"COLABCTL_STAGE": str(disk / "unchecked")}
    stage = ("stage", "data/raw/images")
    yield "stage, no manifest", seconds(lambda: command(*stage, cwd=root, **environ))
    command("protect", cwd=root)
    environ = {"COLABCTL_STAGE": str(disk / "checked")}
    yield "stage, checked", seconds(lambda: command(*stage, cwd=root, **environ))
    yield "stage again", seconds(lambda: command(*stage, cwd=root, **environ))
    yield "colabctl --version", seconds(lambda: command("--version", cwd=root))
    shutil.rmtree(disk / "by-hand")


def read_by_tasks(root: Path, disk: Path) -> Iterator[tuple[str, float]]:
    """Let tasks read all files, in each way, and yield the seconds that it took."""
    (root / "read.py").write_text(READ)
    for name, more in (("direct", ""), ("staged", "stage: data/raw/images\n")):
        (root / f"{name}.yaml").write_text(SWEEP + more)
        command("sweep", f"{name}.yaml", cwd=root)
        work = partial(command, "work", name, cwd=root, COLABCTL_STAGE=str(disk / "tasks"))
        yield f"{TASKS} tasks, {name}", seconds(work)


def seconds(act: Callable[[], object]) -> float:
    """Return how long something took."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def command(*arguments: str, cwd: Path, **environ: str) -> None:
    """Run colabctl."""
    own: Mapping[str, str] = {**clean(os.environ), "COLABCTL_MEMBER": "ana", **environ}
    subprocess.run(
        [sys.executable, "-m", "colabctl", *arguments],
        cwd=cwd, env=own, check=True, capture_output=True,
    )  # fmt: skip


def show(title: str, rows: Iterable[tuple[str, float]]) -> None:
    """Print a table."""
    table = Table("way", "seconds", title=title)
    for name, took in rows:
        table.add_row(name, f"{took:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
