"""Checks that a notebook gets each parameter of its sweep and does not overwrite it."""

import keyword
import re
from collections.abc import Iterable, Iterator

from colabctl.errors import UserError, nearest
from colabctl.notebook.cells import Binding, CodeCell, asks_for_its_task, bindings
from colabctl.notebook.reading import Notebook


def check(notebook: Notebook, names: Iterable[str], *, warm: bool = True) -> tuple[str, ...]:
    """Check a notebook against the names of a sweep's parameters; return notes for the user.

    With `warm`, the cells above the parameters cell run once for many tasks. Raises UserError
    with every problem: a name that Python cannot assign, one that the parameters cell does not
    assign, one that a later cell assigns again.
    """
    cell = notebook.parameters
    if cell is None:
        return ()
    names = list(names)
    usable = [name for name in names if name.isidentifier() and not keyword.iskeyword(name)]
    problems = [
        f"parameter {name!r} is not a Python name; rename it in the sweep, "
        f"for example to {_identifier(name)}"
        for name in names
        if name not in usable
    ]
    bound = bindings(cell.tree)
    problems += _unassigned(cell, usable, bound)
    later = [other for other in notebook.code if other.index > cell.index]
    problems += _overwritten(later, usable)
    if warm:
        problems += _early(other for other in notebook.code if other.index < cell.index)
    if problems:
        raise UserError("\n".join(f"{notebook.name}: {problem}" for problem in problems))
    notes = [*_derived(cell, usable, bound), *_star_imports(later), *_not_python(notebook)]
    return tuple(f"{notebook.name}: {note}" for note in notes)


def _identifier(name: str) -> str:
    plain = re.sub(r"\W", "_", name) or "_"
    return f"{plain}_" if keyword.iskeyword(plain) or not plain.isidentifier() else plain


def _unassigned(cell: CodeCell, names: list[str], bound: list[Binding]) -> Iterator[str]:
    assigned = list(dict.fromkeys(binding.name for binding in bound))
    for name in names:
        if name in assigned:
            continue
        near = nearest(name, assigned)
        hint = f"; did you mean {near}?" if near else f"; write its default there: {name} = ..."
        yield f"cell {cell.number}, the parameters cell, does not assign {name}{hint}"


def _overwritten(later: list[CodeCell], names: list[str]) -> Iterator[str]:
    remaining = set(names)
    for cell in later:
        for binding in bindings(cell.tree):
            if binding.name in remaining and binding.overwrites:
                remaining.remove(binding.name)
                yield (
                    f"cell {cell.number}, line {binding.line} assigns {binding.name} again, so "
                    f"the sweep's value is lost: {cell.line(binding.line)!r}; "
                    "delete that line or use another name there"
                )


def _early(above: Iterable[CodeCell]) -> Iterator[str]:
    for cell in above:
        line = asks_for_its_task(cell.tree)
        if line is not None:
            yield (
                f"cell {cell.number}, line {line} asks for its task above the parameters cell, "
                "where cells run once for many tasks; move it below, or set `kernel: fresh`"
            )


def _derived(cell: CodeCell, names: list[str], bound: list[Binding]) -> Iterator[str]:
    """Yield notes on names that the parameters cell computes from the parameters' defaults."""
    sources = {name: name for name in names}
    for binding in bound:
        source = next((sources[use] for use in sorted(binding.uses) if use in sources), None)
        if source is not None and binding.name not in sources:
            sources[binding.name] = source
            yield (
                f"cell {cell.number}, line {binding.line} computes {binding.name} from the default "
                f"of {source}, before the sweep's value is set; move it to a cell below"
            )


def _star_imports(later: list[CodeCell]) -> Iterator[str]:
    for cell in later:
        for binding in bindings(cell.tree):
            if binding.name == "*":
                yield (
                    f"cell {cell.number}, line {binding.line} imports every name of a module; "
                    "make sure that none of them is a parameter"
                )


def _not_python(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.code:
        for line in cell.unparsed[:1]:
            yield (
                f"cell {cell.number}, line {line} is not Python: {cell.line(line)!r}; "
                "unless IPython knows it, tasks will fail there"
            )
