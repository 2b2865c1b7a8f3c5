"""Puts a proposal together: the copy of a notebook with its parameters and result, and a sweep."""

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from colabctl.errors import UserError, nearest
from colabctl.notebook.cells import CodeCell, code_cell, loops_over_tasks
from colabctl.notebook.document import decode, encode
from colabctl.notebook.prepare.defaults import Default, applied, defaults
from colabctl.notebook.prepare.measures import Measure, chosen, measures, named
from colabctl.notebook.reading import code_cells, is_marked

_MARK = "# parameters"
_TASKS = 20  # of the proposed sweep
_DONE = (".done(", "wandb.log")


@dataclass(frozen=True)
class Proposal:
    """How a notebook becomes the program of a sweep.

    Attributes:
        content: the file of the copy.
        sweep: the text of the sweep file.
        defaults: the parameters, with their values in the notebook.
        measures: what the last cell reports, the sweep's metric first; empty if nothing was found.
        left: other constants that could be parameters.
    """

    content: bytes
    sweep: str
    defaults: tuple[Default, ...]
    measures: tuple[Measure, ...]
    left: tuple[str, ...]


def propose(
    content: bytes,
    name: str,
    copy: str,
    *,
    parameters: Sequence[str] = (),
    metric: str | None = None,
) -> Proposal:
    """Propose a copy of a notebook, and a sweep file for it.

    Args:
        content: the notebook's file.
        name: its name, for messages.
        copy: the name of the copy, for the sweep file.
        parameters: the names of the parameters; those that are recognized if there are none.
        metric: the name of the metric; the best that is found if it is None.

    Raises UserError if nothing is to be done, and for a name that is not in the notebook.
    """
    document = decode(content, name)
    code = code_cells(document, name)
    if any(loops_over_tasks(cell.tree) for cell in code):
        raise UserError(f"{name} loops over its tasks, so it needs no parameters cell and no copy")
    marked = [cell for cell in code if is_marked(cell)]
    reports = any(word in cell.source for cell in code for word in _DONE)
    if marked and reports and not (parameters or metric):
        raise UserError(
            f"{name} has a parameters cell (cell {marked[0].number}) and records a result; "
            "write a sweep file with its name as `program:`"
        )
    candidates = list(
        defaults(marked[:1] + [c for c in code if c not in marked] if marked else code)
    )
    if marked:
        candidates = [each for each in candidates if each.edits[0].cell == marked[0].index]
    selected = _selected(candidates, parameters, name, marked)
    reported = _reported(code, metric, name, reports=reports)
    parts = json.loads(content.decode("utf-8-sig"))
    if "cells" not in parts:  # format 3
        parts = json.loads(encode(document))
    _edit(parts, code, [] if marked else selected, reported)
    left = tuple(each.name for each in candidates if each not in selected)
    sweep = _sweep_file(copy, selected, reported)
    return Proposal(_written(parts), sweep, tuple(selected), tuple(reported), left)


def _selected(
    candidates: list[Default], names: Sequence[str], notebook: str, marked: list[CodeCell]
) -> list[Default]:
    by_name = {each.name: each for each in candidates}
    for name in names:
        if name not in by_name:
            near = nearest(name, by_name)
            hint = f"; did you mean {near}?" if near else f"; it has {', '.join(by_name) or 'none'}"
            raise UserError(
                f"{notebook} assigns no constant {name} that a sweep could change{hint}"
            )
    selected = [by_name[name] for name in dict.fromkeys(names)] or [
        each for each in candidates if each.is_usual or marked
    ]
    if not selected:
        others = f" (such as {', '.join(list(by_name)[:5])})" if by_name else ""
        raise UserError(
            f"{notebook} has no hyper-parameter that is known by its name, such as learning_rate, "
            f"batch_size or epochs; name the constants{others} to vary: --parameters NAME,NAME"
        )
    return selected


def _reported(
    code: Sequence[CodeCell], metric: str | None, notebook: str, *, reports: bool
) -> list[Measure]:
    ranked = measures(code)
    if metric is None:
        best = chosen(ranked)
        logged = [measure for measure in ranked if not measure.expression]
        return (logged or ranked)[:1] if reports else best
    measure = named(code, metric)
    if measure is None:
        names = [each.name for each in ranked]
        hint = f"; it measures {', '.join(names)}" if names else ""
        raise UserError(f"no cell of {notebook} assigns {metric}{hint}")
    return [measure]


# -- the copy -----------------------------------------------------------------------------------


def _edit(
    document: dict[str, Any],
    code: Sequence[CodeCell],
    selected: Sequence[Default],
    reported: Sequence[Measure],
) -> None:
    """Change a notebook's document: drop outputs, insert the parameters cell and the last cell."""
    cells = document["cells"]
    edits = [edit for default in selected for edit in default.edits]
    sources = applied({cell.index: cell.source for cell in code}, edits)
    for index in {edit.cell for edit in edits}:
        cells[index]["source"] = sources[index].strip("\n").splitlines(keepends=True)
    for cell in cells:
        if cell.get("cell_type") == "code":
            cell |= {"outputs": [], "execution_count": None}
    expressions = [measure for measure in reported if measure.expression]
    if expressions and not any(".done(" in cell.source for cell in code):
        cells.append(_cell(document, "colabctl-result", _result(expressions)))
    if selected:
        names = frozenset(default.name for default in selected)
        at = _first_use(sources, names)
        text = "\n".join([_MARK, *(default.line for default in selected)])
        cells.insert(at, _cell(document, "colabctl-parameters", text))
    document["cells"] = [cell for cell in cells if not _is_empty(cell)]


def _result(reported: Sequence[Measure]) -> str:
    plain = all(measure.name.isidentifier() for measure in reported)
    parts = [
        f"{measure.name}={measure.expression}"
        if plain
        else f"{measure.name!r}: {measure.expression}"
        for measure in reported
    ]
    values = ", ".join(parts) if plain else f"**{{{', '.join(parts)}}}"
    return f"import colabctl\n\ntask = colabctl.task()\ntask.done({values})"


def _cell(document: dict[str, Any], name: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [],
        "source": source.splitlines(keepends=True),
    }  # fmt: skip
    if (document.get("nbformat"), document.get("nbformat_minor", 0)) >= (4, 5):
        cell["id"] = name
    return cell


def _is_empty(cell: dict[str, Any]) -> bool:
    return cell.get("cell_type") == "code" and not "".join(cell.get("source") or "").strip()


def _written(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, indent=1, ensure_ascii=False)
    return f"{text}\n".encode(errors="backslashreplace")


def _first_use(sources: dict[int, str], names: frozenset[str]) -> int:
    """Return the index of the first cell that uses one of the names when it runs.

    What a function uses, it uses where it is called. So the cells above, which load data perhaps,
    can run once for all tasks.
    """
    later: dict[str, set[str]] = {}  # what each function or class uses
    for index in sorted(sources):
        tree = code_cell(index, sources[index], frozenset()).tree
        used = _used(tree, later)
        if used & names:
            return index
    return min(sources)


def _used(tree: ast.AST, later: dict[str, set[str]]) -> set[str]:
    """Return the names that a cell reads when it runs; note what its functions read in `later`."""
    used: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            later[node.name] = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            for now in (
                *node.decorator_list,
                *getattr(getattr(node, "args", None), "defaults", ()),
            ):
                used |= {part.id for part in ast.walk(now) if isinstance(part, ast.Name)}
            if isinstance(node, ast.ClassDef):  # its body runs now, its methods later
                for part in node.body:
                    used |= _used(ast.Module([part], []), dict(later))
            continue
        if isinstance(node, ast.Name):
            used.add(node.id)
        used |= _used(node, later)
    todo = [name for name in used if name in later]
    while todo:
        for name in later[todo.pop()] - used:
            used.add(name)
            if name in later:
                todo.append(name)
    return used


# -- the sweep file -----------------------------------------------------------------------------


def _sweep_file(copy: str, selected: Sequence[Default], reported: Sequence[Measure]) -> str:
    sweep = PurePosixPath(copy).stem
    lines = [
        "# Proposed by `colabctl notebook prepare`. Change what to vary, then run:",
        f"#   colabctl sweep {sweep}.yaml",
        f"program: {json.dumps(copy, ensure_ascii=False)}",
        "method: random",
        f"run_cap: {_TASKS}",
    ]
    if reported:
        name = json.dumps(reported[0].name, ensure_ascii=False)
        lines.append(f"metric: {{name: {name}, goal: {reported[0].goal}}}")
    else:
        lines.append("# metric: {name: ..., goal: maximize}")
    lines.append("parameters:")
    for default in selected:
        shown = " ".join(default.line.partition("=")[2].partition("#")[0].split())
        remark = "" if default.range.startswith("{value:") else f"  # {shown} in the notebook"
        lines.append(f"  {default.name}: {default.range}{remark}")
    return "\n".join(lines) + "\n"
