"""How fast raw data is recorded and checked, next to `xargs -P2 sha256sum` on the same files.

    python -m tests.bench.raw [--repeats 5] [--files 2000] [--megabytes 2000]

The two take turns, so that a busy moment of the machine meets both, and all files are in memory
from the first round, which does not count. Every figure is a median.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

COLABCTL = [sys.executable, "-m", "colabctl"]


def seconds(act: Callable[[], object]) -> float:
    """Return how long a function takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def run(command: list[str], root: Path) -> None:
    """Run a command in a project, with a cache of its own, from compiled files, as installed ones."""
    environ = {
        **os.environ,
        "COLABCTL_CACHE": str(root.parent / "cache"),
        "COLABCTL_MEMBER": "ana",
        "PYTHONPYCACHEPREFIX": str(root.parent / "compiled"),
    }
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(command, cwd=root, env=environ, check=True, capture_output=True)


def project(folder: Path, files: int, size: int) -> Path:
    """Create a project with that many files of `size` bytes in raw data, a hundred to a folder."""
    root = folder / "churn"
    run([*COLABCTL, "init", str(root), "--member", "ana"], folder)
    for number in range(files):
        file = root / f"data/raw/{number // 100:03d}/{number:05d}.bin"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(os.urandom(size))
    return root


def forget(root: Path) -> None:
    """Remove what was recorded and remembered, so that all files are read again."""
    for file in (root / "data").glob("raw.*"):
        file.unlink()
    shutil.rmtree(root.parent / "cache", ignore_errors=True)


def large(repeats: int, files: int, megabytes: int) -> list[tuple[str, str, str]]:
    """Time of `protect` and of sha256sum on the same files."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        root = project(Path(scratch), files, megabytes * 1_000_000 // files)
        sums = "find data/raw -name '*.bin' -print0 | xargs -0 -P2 -n50 sha256sum > /dev/null"
        theirs, ours, again = [], [], []
        for _ in range(repeats + 1):
            theirs.append(seconds(lambda: run(["sh", "-c", sums], root)))
            forget(root)
            ours.append(seconds(lambda: run([*COLABCTL, "protect"], root)))
            again.append(seconds(lambda: run([*COLABCTL, "protect"], root)))
    low, high = median(theirs[1:]), median(ours[1:])
    return [
        (f"xargs -P2 sha256sum, {megabytes:,} MB in {files:,} files", f"{low:.2f} s", ""),
        ("colabctl protect, the same files", f"{high:.2f} s", ""),
        ("speed of protect over sha256sum", f"{low / high:.2f}", "at least 0.8"),
        ("colabctl protect again, nothing changed", f"{median(again[1:]):.2f} s", ""),
    ]


def quick(repeats: int, files: int = 20_000) -> list[tuple[str, str, str]]:
    """Time of `verify --quick` on many small files."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        root = project(Path(scratch), files, 1_000)
        run([*COLABCTL, "protect"], root)
        times = [
            seconds(lambda: run([*COLABCTL, "verify", "--quick"], root)) for _ in range(repeats + 1)
        ]
    return [
        (f"colabctl verify --quick, {files:,} files", f"{median(times[1:]):.2f} s", "under 1 s")
    ]


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description="Speed of protect and verify --quick.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--files", type=int, default=2_000, help="0 for verify --quick alone")
    parser.add_argument("--megabytes", type=int, default=2_000)
    asked = parser.parse_args()
    table = Table("figure", box=box.MARKDOWN)
    table.add_column("measured", justify="right")
    table.add_column("target", justify="right")
    rows = large(asked.repeats, asked.files, asked.megabytes) if asked.files else []
    for row in (*rows, *quick(asked.repeats)):
        table.add_row(*row)
    console = Console()
    console.print(f"median of {asked.repeats}, {os.cpu_count()} cores", highlight=False)
    console.print(table)


if __name__ == "__main__":
    main()
