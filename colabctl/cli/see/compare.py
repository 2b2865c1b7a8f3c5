"""The command that compares two sweeps."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.options import Json, Root, complete_sweep, open_project, print_json, tell
from colabctl.cli.see.line import NARROW, Line, aligned, print_lines
from colabctl.cli.terminal import counted, cut, line_width
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.project.layout import Layout
    from colabctl.views.comparison import Comparison, FileChange, Score, Side

_MOST_LINES = 30  # of the diff of one file; --code shows all
_MOST_CELLS = 30
_ABSENT = "-"
_MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}

First = Annotated[
    str, typer.Argument(metavar="A", help="Name of a sweep.", autocompletion=complete_sweep)
]
Second = Annotated[
    str, typer.Argument(metavar="B", help="Name of another.", autocompletion=complete_sweep)
]


def compare(
    first: First,
    second: Second,
    code: Annotated[
        bool, typer.Option("--code", help="Show all lines of the code that differ.")
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Compare two sweeps: their best tasks, cells, parameters and code."""
    from colabctl.views.comparison import compare as compared

    layout, _ = open_project(root)
    sides = [_side(layout, name) for name in (first, second)]
    comparison = compared(*sides)
    if as_json:
        from colabctl.views.results import as_json as strict

        print_json(strict(asdict(comparison)))
        return
    print_lines(_lines(comparison, line_width(), all_code=code))


def _side(layout: "Layout", name: str) -> "Side":
    from colabctl.views.comparison import Side
    from colabctl.work.open_sweep import OpenSweep

    sweep = OpenSweep.named(layout, name)
    sweep.ledger.refresh()
    files = {}
    if sweep.plan.code_digest:
        try:
            files = dict(sweep.code().files)
        except UserError as error:
            tell(f"note: the code of {name} is not compared: {error}")
    content = sweep.declared.declaration().content
    return Side(sweep.plan, sweep.ledger.state, sweep.tasks, content, files)


def _lines(seen: "Comparison", width: int | None, *, all_code: bool) -> Iterator[Line]:
    head = [Line(), *(Line(name, "bold") for name in seen.sweeps)]
    yield from _table([head, *_summary(seen)], width)
    if len(seen.cells) > 1:
        yield from _section("cells: best, mean ± sd (tasks)")
        pairs = seen.cells[:_MOST_CELLS]
        rows = [
            [
                Line(_cell(pair.values)),
                _score(pair.first),
                _score(pair.second),
            ]
            for pair in pairs
        ]
        yield from _table(rows, width)
        if len(pairs) < len(seen.cells):
            yield Line(f"  and {counted(len(seen.cells) - len(pairs), 'more cell')}; see --json")
    for title, changes in (("parameters", seen.parameters), ("keys", seen.declaration)):
        if changes:
            yield from _section(f"{title} that differ")
            yield from _table(
                [[Line(each.name), *map(_value, (each.first, each.second))] for each in changes],
                width,
            )
    if seen.code:
        yield from _section("code that differs")
    for file in seen.code:
        yield from _file(file, all_code=all_code)
    if not (seen.parameters or seen.declaration or seen.code):
        yield from _section("parameters, declaration and code are the same")


def _section(title: str) -> Iterator[Line]:
    yield Line()
    yield Line(title, "bold")


def _table(rows: Sequence[Sequence[Line]], width: int | None) -> list[Line]:
    """Return a line for each row; on a narrow terminal, one for each of its cells."""
    if width is None or width >= NARROW:
        return aligned(rows, width, shorten=(1, 2, 0))
    lines = []
    for label, *values in rows:
        lines += Line("  ").add(label).paragraph(width) if label.width else []
        lines += [line for each in values for line in Line("    ").add(each).paragraph(width)]
    return lines


def _cell(values: Mapping[str, Any]) -> str:
    """Return the label of a cell; a sweep that is not divided has one, of all tasks."""
    return ", ".join(f"{name}={value}" for name, value in values.items()) or "all tasks"


def _summary(seen: "Comparison") -> Iterator[list[Line]]:
    tasks = zip(seen.done, seen.totals, strict=True)
    yield [Line("done"), *(Line(f"{done} of {total}") for done, total in tasks)]
    one = len(set(seen.metrics)) == 1
    title = f"best {seen.metrics[0]}" if one and seen.metrics[0] else "best"
    if any(seen.best):
        yield [
            Line(title),
            *(
                Line(_ABSENT)
                if best is None
                else Line(
                    f"{'' if one else f'{metric} '}{best.value:.6g}{best.repeats}, {best.task}",
                    "green" if number == _better(seen) else "",
                )
                for number, (best, metric) in enumerate(zip(seen.best, seen.metrics, strict=True))
            ),
        ]
        names = dict.fromkeys(name for best in seen.best if best for name in best.params)
        for name in names:
            values = [best.params.get(name) if best else None for best in seen.best]
            if len(set(map(repr, values))) > 1:
                yield [Line(f"  {name}"), *map(_value, values)]


def _better(seen: "Comparison") -> int | None:
    """Return which sweep has the better task; None if that cannot be said."""
    first, second = seen.best
    if not (first and second) or len(set(seen.metrics)) > 1 or len(set(seen.goals)) > 1:
        return None
    if first.value == second.value:
        return None
    return int((second.value < first.value) == (seen.goals[0] == "minimize"))


def _score(score: "Score | None") -> Line:
    if score is None or score.best is None:
        return Line(_ABSENT)
    sd = "" if score.sd is None else f" ± {score.sd:.2g}"
    return Line(f"{score.best:.6g}, {score.mean:.6g}{sd} ({score.count})")


def _value(value: Any) -> Line:
    if value is None:
        return Line(_ABSENT)
    if isinstance(value, dict):
        return Line(", ".join(f"{key}: {_plain(part)}" for key, part in value.items()))
    return Line(_plain(value))


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    text = f"{value:.6g}" if isinstance(value, float) else json.dumps(value, default=str)
    return cut(text.replace('"', ""))


def _file(file: "FileChange", *, all_code: bool) -> Iterator[Line]:
    mark, style = _MARKS[file.change]
    lines = [sum(line.startswith(sign) for line in file.diff) for sign in "+-"]
    size = f"  +{lines[0]} -{lines[1]}" if file.diff else ""
    yield Line(f"  {mark} {file.file}", style).add(size, "dim")
    shown = file.diff if all_code else file.diff[:_MOST_LINES] if file.change == "changed" else []
    for line in shown:
        yield Line(f"    {line}", {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], ""))
    if len(shown) < len(file.diff) and file.change == "changed":
        yield Line(f"    ... {counted(len(file.diff) - len(shown), 'more line')}: --code", "dim")
