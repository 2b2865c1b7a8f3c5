"""How long `colabctl --help` takes, compared with the smallest Typer program.

    python -m tests.bench.help [--repeats 21]

The two take turns, so that a busy moment of the machine meets both. Both run from compiled files,
as installed programs do. Every figure is a median.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.bench.figures import print_figures
from tests.bench.processes import together

BARE_PROGRAM = """\
import typer

app = typer.Typer()

@app.command()
def greet(name: str) -> None:
    typer.echo(f"Hello {name}")

app()
"""

Row = tuple[str, str, str]  # what was measured, the figure, its target


def rows(repeats: int) -> list[Row]:
    """Time of `colabctl --help` over that of the smallest Typer program."""
    ours, bare = [], []
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        program = Path(scratch, "bare.py")
        program.write_text(BARE_PROGRAM)
        python = [sys.executable, "-X", f"pycache_prefix={scratch}"]
        for _ in range(repeats + 1):
            bare.append(together([[*python, str(program), "--help"]]).seconds)
            ours.append(together([[*python, "-m", "colabctl", "--help"]]).seconds)
    # The first of each only fills the caches.
    low, high = median(bare[1:]), median(ours[1:])
    return [
        ("--help of a bare Typer program", f"{low * 1e3:.0f} ms", ""),
        ("--help of colabctl", f"{high * 1e3:.0f} ms", ""),
        ("--help, colabctl over bare Typer", f"{high / low:.2f}", "1.3"),
    ]


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description="Time of `colabctl --help`.")
    parser.add_argument("--repeats", type=int, default=21)
    asked = parser.parse_args()
    print_figures(rows(asked.repeats), asked.repeats)


if __name__ == "__main__":
    main()
