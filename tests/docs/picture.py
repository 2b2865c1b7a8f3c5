"""Draws the picture of the README: `colabctl status` of a sweep that real workers have half done.

    python -m tests.docs.picture

Names of machines and times are set here, as those of the machine that draws it say nothing; the
rest is what the command shows. The picture needs no font and nothing else from the network.
"""

import io
import os
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from colabctl.cli.see.overview import screen
from colabctl.cli.see.status import Seen
from colabctl.project.create import create
from colabctl.sweeps import find_sweep
from colabctl.work.open_sweep import OpenSweep
from tests.docs.reference import PAGE
from tests.processes import Project, end, until

PICTURE = PAGE.parent / "pictures" / "status.svg"
RERUN = "python -m tests.docs.picture"

_WIDTH = 92  # columns
_COLUMN = 12.2  # Rich's width of one, in the picture
_SWEEP = """\
method: random
metric: {name: accuracy, goal: maximize}
program: train.py:train
trials: 60
max_retries: 0
parameters:
  lr: {distribution: log_uniform_values, min: 1e-4, max: 0.1}
  layers: {min: 2, max: 8}
  dropout: {min: 0.0, max: 0.5}
"""
# Each member's worker stays in the task after its last quick one, so that the picture has one in it.
_TRAIN = """\
import math
import os
import time

QUICK = {"ana": 16, "ben": 11, "chloe": 7}
member = os.environ["COLABCTL_MEMBER"]
tasks = 0


def train(params, task):
    global tasks
    tasks += 1
    while tasks > QUICK[member]:
        time.sleep(0.1)
    if member == "ben" and tasks == 5:
        raise FloatingPointError("loss is nan after epoch 3")
    return {"accuracy": 0.96 - 0.02 * (math.log10(params["lr"]) + 2.5) ** 2 - params["dropout"] / 10}
"""
_MACHINES = {"ana": "laptop", "ben": "colab-1", "chloe": "colab-2"}
_LAST_SEEN = {"ana": 312.0, "ben": 3.2, "chloe": 1.4}  # seconds
_RUNNING = {"ben": 41.0, "chloe": 12.0}  # seconds
_ACCELERATORS: dict[str, dict[str, Any]] = {
    "ana": {},
    "ben": {"accelerator": "Tesla T4", "accelerators": 1, "accelerator_memory": 15 << 30},
    "chloe": {"accelerator": "NVIDIA L4", "accelerators": 1, "accelerator_memory": 22 << 30},
}
_LEFT = 260.0  # seconds
_RATE = 0.1  # tasks per second

_THEME = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [(72, 79, 88), (255, 123, 114), (126, 231, 135), (227, 179, 65),
     (121, 192, 255), (210, 168, 255), (118, 227, 234), (230, 237, 243)],
)  # fmt: skip
# Rich's own form loads a font from the network. Each piece of text has its width, so that columns
# are straight in any font.
_FORM = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img"
 aria-label="The output of colabctl status for a sweep that is half done">
<style>
.{unique_id}-matrix, .{unique_id}-title {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
  white-space: pre;
}}
.{unique_id}-title {{ font-size: 18px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def half_done(project: Project) -> None:
    """Run half of a sweep; two workers stay in a task until they are ended."""
    create(project.root, "churn", "ana", list(_MACHINES))
    project.declare("first", _SWEEP, _TRAIN, COLABCTL_CONSISTENCY="coherent")
    assert end(project.start("work", "first", "--max-tasks", "16", member="ana")).code == 0
    project.start("work", "first", "--max-tasks", "12", member="ben")
    _until_finished(project, 16 + 11)
    project.start("work", "first", "--max-tasks", "8", member="chloe")
    _until_finished(project, 16 + 11 + 7)


def _until_finished(project: Project, number: int) -> None:
    until(lambda: len(project.results("first")) == number, f"the end of {number} tasks")


def picture(project: Project) -> str:
    """Return the picture of that sweep, as SVG."""
    sweep = OpenSweep.at(project.root, find_sweep(project.config({}).layout, "first"))
    seen = Seen(sweep).look()
    workers = [
        replace(
            each,
            host=_MACHINES[each.member],
            last_seen_seconds=_LAST_SEEN[each.member],
            task_seconds=_RUNNING[each.member] if each.task else None,
            **_ACCELERATORS[each.member],
        )
        for each in seen.workers
    ]
    seen = replace(seen, workers=workers, seconds_left=_LEFT, rate=_RATE)
    console = Console(
        record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor",
        _environ={},
    )  # fmt: skip
    for line in screen(seen, _WIDTH):
        console.print(Text.from_ansi(line.coded()), soft_wrap=True)
    title = "colabctl status first"
    svg = console.export_svg(title=title, theme=_THEME, code_format=_FORM, unique_id="status")
    return "".join(f"{line.strip()}\n" for line in svg.splitlines() if line.strip())


def text(svg: str) -> list[str]:
    """Return the lines that a picture shows."""
    lines: defaultdict[float, str] = defaultdict(str)
    for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        if element.get("class") != "status-title":
            column = round(float(element.attrib["x"]) / _COLUMN)
            y = float(element.attrib["y"])
            words = "".join(element.itertext()).replace("\xa0", " ")
            lines[y] = f"{lines[y]:{column}}{words}"
    return [line.rstrip() for _, line in sorted(lines.items())]


def main() -> None:
    """Draw the picture again."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder  # leaves your own approvals alone
        project = Project(Path(folder, "churn"))
        try:
            half_done(project)
            PICTURE.write_text(picture(project), encoding="utf-8")
        finally:
            project.end_all()


if __name__ == "__main__":
    main()
