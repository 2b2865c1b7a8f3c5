"""Checks that a notebook gets each parameter of its sweep and does not overwrite it."""

import keyword
import re
from collections.abc import Iterable, Iterator

from colabctl.errors import UserError, nearest
from colabctl.notebook.bindings import Binding, bindings
from colabctl.notebook.cells import CodeCell, asks_for_its_task
from colabctl.notebook.obstacles import Obstacle, obstacles
from colabctl.notebook.reading import Notebook

# What may record a result: a task's method, W&B, or code in a module that gets the task.
_RESULT = re.compile(r"\.(?:done|report)\s*\(|wandb|colabctl|WANDB", re.IGNORECASE)


def check(notebook: Notebook, names: Iterable[str], *, warm: bool = True) -> tuple[str, ...]:
    """Check a notebook against the names of a sweep's parameters; return notes for the user.

    With `warm`, the cells above the parameters cell run once for many tasks. Raises UserError
    with every problem: a name that Python cannot assign, one that the parameters cell does not
    assign, one that a later cell assigns again.
    """
    cell = notebook.parameters
    hurdles = list(obstacles(notebook.code, cell.index if cell else len(notebook.cells)))
    if cell is None:
        return _checked(notebook, hurdles, [], [])
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
    again = list(_overwritten(later, usable))
    problems += [text for certain, text in again if certain]
    if warm:
        problems += _early(other for other in notebook.code if other.index < cell.index)
    notes = [text for certain, text in again if not certain]
    notes += [*_derived(cell, usable, bound), *_star_imports(later), *_not_python(notebook)]
    notes += _no_result(notebook)
    return _checked(notebook, hurdles, problems, notes)


def _checked(
    notebook: Notebook, hurdles: Iterable[Obstacle], problems: list[str], notes: list[str]
) -> tuple[str, ...]:
    """Return the notes; raise UserError if there are problems."""
    for obstacle in hurdles:
        (problems if obstacle.certain else notes).append(str(obstacle))
    if problems:
        raise UserError("\n".join(f"{notebook.name}: {problem}" for problem in problems))
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


def _overwritten(later: list[CodeCell], names: list[str]) -> Iterator[tuple[bool, str]]:
    """Yield what assigns a parameter again, and whether it does so on every run."""
    texts: dict[tuple[str, bool], str] = {}
    for cell in later:
        for binding in bindings(cell.tree):
            if binding.name not in names or not binding.overwrites:
                continue
            name, line = binding.name, f"cell {cell.number}, line {binding.line}"
            shown = repr(cell.line(binding.line))
            text = (
                f"{line} assigns {name} again, so the sweep's value is lost: {shown}; "
                "delete that line or use another name there"
                if binding.certain
                else f"{line} may assign {name} again, and then the sweep's value is lost: {shown}"
            )
            texts.setdefault((name, binding.certain), text)
    certain = {name for name, is_certain in texts if is_certain}
    for (name, is_certain), text in texts.items():
        if is_certain or name not in certain:
            yield is_certain, text


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


def _no_result(notebook: Notebook) -> Iterator[str]:
    if not any(_RESULT.search(cell.source) for cell in notebook.code):
        yield (
            "no cell records a result, such as task.done(loss=loss); to get a proposal, run: "
            f"colabctl notebook prepare {notebook.name}"
        )
