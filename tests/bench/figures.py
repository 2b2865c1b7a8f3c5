"""The table that benches print: each figure next to its target."""

import os
import platform
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table


def print_figures(rows: Iterable[tuple[str, str, str]], repeats: int) -> None:
    """Print rows of a figure, its median and its target, and the machine they are from."""
    table = Table("figure", box=box.MARKDOWN)
    table.add_column("measured", justify="right")
    table.add_column("target, at most", justify="right")
    for row in rows:
        table.add_row(*row)
    console = Console()
    console.print(
        f"median of {repeats}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {platform.system()}",
        highlight=False,
    )
    console.print(table)
