"""Checks that each parameter of a sweep reaches the notebook and is not lost on the way."""

import keyword
import re
from collections.abc import Iterable, Iterator

from colabctl.errors import UserError, nearest
from colabctl.notebook.cells import Binding, CodeCell, asks_for_its_task, bindings
from colabctl.notebook.reading import Notebook


def check(notebook: Notebook, names: Iterable[str], *, warm: bool = True) -> tuple[str, ...]:
    """Check a notebook against the names of the parameters that a sweep gives; return notes.

    warm  whether the cells above the parameters cell run once for many tasks
    Raises UserError that names every problem: a name that Python cannot assign, one that the
    parameters cell does not assign, one that a later cell assigns again.
    """
    cell = notebook.parameters
    if cell is None:
        return ()
    given = list(names)
    usable = [name for name in given if name.isidentifier() and not keyword.iskeyword(name)]
    problems = [
        f"parameter {name!r} is no Python name; rename it in the sweep, "
        f"for example to {_identifier(name)}"
        for name in given
        if name not in usable
    ]
    bound = bindings(cell.tree)
    problems += _unassigned(cell, usable, bound)
    later = [each for each in notebook.code if each.index > cell.index]
    problems += _overwritten(later, usable)
    if warm:
        problems += _early(each for each in notebook.code if each.index < cell.index)
    if problems:
        raise UserError("\n".join(f"{notebook.name}: {problem}" for problem in problems))
    notes = [*_derived(cell, usable, bound), *_star_imports(later), *_not_python(notebook)]
    return tuple(f"{notebook.name}: {note}" for note in notes)


def _identifier(name: str) -> str:
    plain = re.sub(r"\W", "_", name) or "_"
    return f"{plain}_" if keyword.iskeyword(plain) or not plain.isidentifier() else plain


def _unassigned(cell: CodeCell, names: list[str], bound: list[Binding]) -> Iterator[str]:
    assigned = list(dict.fromkeys(each.name for each in bound))
    for name in names:
        if name in assigned:
            continue
        near = nearest(name, assigned)
        hint = f"; did you mean {near}?" if near else f"; write its default there: {name} = ..."
        yield f"cell {cell.number}, the parameters cell, does not assign {name}{hint}"


def _overwritten(later: list[CodeCell], names: list[str]) -> Iterator[str]:
    wanted = dict.fromkeys(names)
    for cell in later:
        for binding in bindings(cell.tree):
            if binding.name in wanted and binding.overwrites:
                del wanted[binding.name]
                yield (
                    f"cell {cell.number}, line {binding.line} assigns {binding.name} again, so "
                    f"that the sweep's value is lost: {cell.line(binding.line)!r}; "
                    "delete it or use another name there"
                )


def _early(above: Iterable[CodeCell]) -> Iterator[str]:
    for cell in above:
        line = asks_for_its_task(cell.tree)
        if line is not None:
            yield (
                f"cell {cell.number}, line {line} asks for its task above the parameters cell, "
                "where cells run once for many tasks; move it below, or say `kernel: fresh`"
            )


def _derived(cell: CodeCell, names: list[str], bound: list[Binding]) -> Iterator[str]:
    """Give names that the parameters cell makes from parameters: they keep the defaults' value."""
    made_from = {name: name for name in names}
    for binding in bound:
        source = next((made_from[use] for use in sorted(binding.uses) if use in made_from), None)
        if source is not None and binding.name not in made_from:
            made_from[binding.name] = source
            yield (
                f"cell {cell.number}, line {binding.line} makes {binding.name} from the default "
                f"of {source}, before the sweep's value is put in; move it to a cell below"
            )


def _star_imports(later: list[CodeCell]) -> Iterator[str]:
    for cell in later:
        for binding in bindings(cell.tree):
            if binding.name == "*":
                yield (
                    f"cell {cell.number}, line {binding.line} imports every name of a module; "
                    "make sure that no parameter is among them"
                )


def _not_python(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.code:
        for line in cell.unread[:1]:
            yield (
                f"cell {cell.number}, line {line} is not Python: {cell.line(line)!r}; "
                "unless IPython knows it, tasks will fail there"
            )
