"""Finds the hyper-parameters of a notebook: constants that its cells assign or pass on."""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from colabctl.notebook.bindings import bindings
from colabctl.notebook.cells import CodeCell
from colabctl.notebook.prepare.ranges import ARGUMENTS, around, between, choices, range_of

_FORM = re.compile(r"#\s*@param\b\s*(.*)")
_FIXED = re.compile(
    r"(.*_)?(seed|random_state|debug|verbose)|(n|num|number_of)_?(classes|labels|workers|gpus|samples)",
    re.IGNORECASE,
)
_NOT_A_VALUE = object()
_OPTION = re.compile(r"--?([A-Za-z][\w-]*)")


@dataclass(frozen=True)
class Edit:
    """A part of a cell's source to replace.

    Attributes:
        cell: index of the cell.
        start: line from 1 and column in characters where the part starts.
        end: where it ends.
        text: what replaces it.
    """

    cell: int
    start: tuple[int, int]
    end: tuple[int, int]
    text: str


@dataclass(frozen=True)
class Default:
    """A hyper-parameter and its value in the notebook.

    Attributes:
        name: its name in the parameters cell.
        value: its value.
        line: the line that assigns it there.
        origin: the cell and the line that give the value.
        range: the range to search, as YAML.
        is_usual: whether its name, or a form, says that it is a hyper-parameter.
        edits: what removes the value from its place.
    """

    name: str
    value: Any
    line: str
    origin: str
    range: str
    is_usual: bool
    edits: tuple[Edit, ...] = field(repr=False)


def defaults(code: Sequence[CodeCell]) -> Iterator[Default]:
    """Yield the hyper-parameters of a notebook, in the order of its cells."""
    bound = [binding.name for cell in code for binding in bindings(cell.tree)]
    read = {
        node.id
        for cell in code
        for node in ast.walk(cell.tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    taken: dict[str, Default] = {}
    for cell in code:
        for default in _assigned(cell):
            again = bound.count(default.name) > 1
            if default.name in read and not again and default.name not in taken:
                taken[default.name] = default
    for literal in _literals(code):
        twin = next((each for each in taken.values() if _are_twins(each.name, literal.name)), None)
        if twin is not None:
            if twin.value == literal.value:
                edits = (*twin.edits, *literal.edits(twin.name))
                taken[twin.name] = replace(twin, edits=edits)
            continue
        name = literal.name
        if name in bound:  # it means something else in this notebook
            name = f"{name}_value"
        if name not in bound:
            taken[name] = literal.default(name)
    yield from taken.values()


def _form(text: str) -> str | None:
    """Return the range that a form of Colab gives, as YAML.

    That is "" for a form without a range, and None for a line without a form.
    """
    match = _FORM.search(text)
    if match is None:
        return None
    options = re.match(r"\[.*?\]", match[1])
    try:
        if options:
            listed = json.loads(options[0].replace("'", '"'))
            return choices(listed) if listed else ""
        quoted = re.sub(r"([{,]\s*)(\w+)\s*:", r'\1"\2":', match[1]).replace("'", '"')
        fields = json.loads(quoted) if quoted.startswith("{") else {}
        return between(fields["min"], fields["max"]) if {"min", "max"} <= fields.keys() else ""
    except (ValueError, TypeError):
        return ""


def range_of_any(name: str, value: Any) -> str:
    """Return the range of a hyper-parameter that the user named."""
    return range_of(name, value) or around(value)


def _assigned(cell: CodeCell) -> Iterator[Default]:
    """Yield the constants that a cell assigns at its top level, each on a line of its own."""
    lines = cell.source.split("\n")
    starts: dict[int, int] = {}
    for node in cell.tree.body:
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            starts[line] = starts.get(line, 0) + 1
    for node in cell.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=expression):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as expression):
                pass
            case _:
                continue
        value = constant(expression)
        end = node.end_lineno or node.lineno
        if value is _NOT_A_VALUE or any(starts[line] > 1 for line in range(node.lineno, end + 1)):
            continue
        text = "\n".join(lines[node.lineno - 1 : end])
        form, usual = _form(text), range_of(name, value)
        if isinstance(value, str) and not form and usual is None:
            continue  # a path, a title, a column
        is_known = usual is not None or (form is not None and not isinstance(value, bool))
        yield Default(
            name,
            value,
            text,
            f"cell {cell.number}, line {node.lineno}",
            form or usual or around(value),
            is_known and not _FIXED.fullmatch(name),
            (Edit(cell.index, (node.lineno, 0), (end + 1, 0), ""),),
        )


# -- values inside expressions ------------------------------------------------------------------


@dataclass
class _Literal:
    """A constant in an expression: an entry of a dictionary, an argument, an attribute."""

    name: str
    value: Any
    cell: CodeCell
    nodes: list[tuple[CodeCell, ast.expr]]
    is_setting: bool  # in a dictionary, a class or an option, not in some call

    def edits(self, name: str) -> Iterator[Edit]:
        """Yield what replaces the constant by a name."""
        for cell, node in self.nodes:
            yield Edit(cell.index, *_place(cell, node), name)

    def default(self, name: str) -> Default:
        """Return the hyper-parameter with this name."""
        cell, node = self.nodes[0]
        text = ast.get_source_segment(cell.source, node) or repr(self.value)
        return Default(
            name,
            self.value,
            f"{name} = {text}",
            f"cell {cell.number}, line {node.lineno}",
            range_of_any(self.name, self.value),
            is_usual=True,
            edits=tuple(self.edits(name)),
        )


def _are_twins(one: str, other: str) -> bool:
    """Whether two names differ only in how they are written, such as BATCH_SIZE and batch_size."""
    return one.lower().replace("_", "") == other.lower().replace("_", "")


def _literals(code: Sequence[CodeCell]) -> Iterator[_Literal]:
    """Yield the constants with a name; those of one name and value together, and no other value."""
    literals: dict[str, _Literal] = {}
    for cell in code:
        for name, node, is_setting, local in _named_constants(cell.tree):
            value = constant(node)
            plain = name.replace("-", "_")
            if not plain.isidentifier() or isinstance(value, list) or plain in local:
                continue
            if value is _NOT_A_VALUE or range_of(plain, value) is None:
                continue
            if not is_setting and not ARGUMENTS.fullmatch(plain):
                continue
            literal = literals.setdefault(plain, _Literal(plain, value, cell, [], is_setting))
            if literal.value == value and type(literal.value) is type(value):
                literal.nodes.append((cell, node))
    yield from sorted(literals.values(), key=lambda literal: not literal.is_setting)


def _named_constants(
    tree: ast.AST, local: frozenset[str] = frozenset()
) -> Iterator[tuple[str, ast.expr, bool, frozenset[str]]]:
    """Yield names, expressions, whether each is a setting, and the names that are local there."""
    for node in ast.iter_child_nodes(tree):
        inner = local
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                inner = local | _locals(node)
            case ast.ClassDef(body=body):
                for part in body:
                    match part:
                        case ast.Assign(targets=[ast.Name(id=name)], value=value):
                            yield name, value, True, local
                        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                            yield name, value, True, local
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield key.value, value, True, local
            case ast.Call(func=ast.Attribute(attr="add_argument"), args=options, keywords=keywords):
                yield from ((*each, True, local) for each in _option(options, keywords))
            case ast.Call(func=function, keywords=keywords):
                setting = _last_name(function) in ("dict", "Namespace", "SimpleNamespace", "edict")
                for keyword in keywords:
                    if keyword.arg is not None:
                        yield keyword.arg, keyword.value, setting, local
        yield from _named_constants(node, inner)


def _option(
    options: Sequence[ast.expr], keywords: Sequence[ast.keyword]
) -> Iterator[tuple[str, ast.expr]]:
    names = [
        match[1]
        for option in options
        if isinstance(option, ast.Constant)
        and (match := _OPTION.fullmatch(str(option.value))) is not None
    ]
    for keyword in keywords:
        if keyword.arg == "default" and names:
            yield max(names, key=len), keyword.value


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _locals(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> frozenset[str]:
    names = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names.add(part.id)
    return frozenset(names)


def _place(cell: CodeCell, node: ast.expr) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where an expression starts and ends; Python counts the columns in bytes."""
    lines = cell.source.split("\n")

    def at(line: int, column: int) -> tuple[int, int]:
        return line, len(lines[line - 1].encode()[:column].decode())

    return at(node.lineno, node.col_offset), at(
        node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    )


def constant(node: ast.expr) -> Any:
    """Return the value of a constant, also of one such as 10**-3; _NOT_A_VALUE if it is none."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = constant(operand)
            return -value if isinstance(value, int | float) else _NOT_A_VALUE
        case ast.BinOp(left=left, op=operator, right=right):
            return _calculated(constant(left), operator, constant(right))
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            values = [constant(part) for part in parts]
            return _NOT_A_VALUE if _NOT_A_VALUE in values else values
    return _NOT_A_VALUE


def _calculated(left: Any, operator: ast.operator, right: Any) -> Any:
    numbers = all(isinstance(each, int | float) and abs(each) < 1e6 for each in (left, right))
    if not numbers:
        return _NOT_A_VALUE
    try:
        match operator:
            case ast.Mult():
                return left * right
            case ast.Div():
                return left / right
            case ast.Pow() if abs(right) < 20:
                return left**right
    except (ArithmeticError, ValueError):
        pass
    return _NOT_A_VALUE


def applied(code: Mapping[int, str], edits: Sequence[Edit]) -> dict[int, str]:
    """Return the sources of cells, by index, after edits that do not overlap."""
    result = dict(code)
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        lines = f"{result[edit.cell]}\n".split("\n")
        (first, start), (last, end) = edit.start, edit.end
        tail = lines[last - 1][end:] if last <= len(lines) else ""
        joined = f"{lines[first - 1][:start]}{edit.text}{tail}"
        lines[first - 1 : last] = [joined]
        result[edit.cell] = "\n".join(lines).removesuffix("\n")
    return result
