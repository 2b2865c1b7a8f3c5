"""Checks, in the source of a sweep's program, that a task can call its function."""

import ast
from collections.abc import Iterator, Mapping
from inspect import Parameter, Signature
from typing import Any, NamedTuple

from colabctl.calling import (
    COMMAND_LINE,
    UNNAMED,
    advice,
    call_of,
    own_nodes,
    returned_names,
    shown,
)
from colabctl.errors import UserError, nearest

_Function = ast.FunctionDef | ast.AsyncFunctionDef


# Decorators, mostly of torch, that leave the arguments as they are.
_TRANSPARENT = frozenset(
    ("no_grad", "inference_mode", "enable_grad", "set_grad_enabled", "record", "staticmethod")
)


class _Definition(NamedTuple):
    node: ast.AST
    signature: Signature | None
    """None if only running the code can tell."""


def check_defined(file: str, function: str, tree: ast.Module) -> None:
    """Raise UserError unless the file defines or imports the function at its top level."""
    names = set()
    for node in own_nodes(tree):
        if isinstance(node, _Function | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {each.asname or each.name for each in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    if function not in names and "*" not in names:
        near = nearest(function, names)
        hint = f"; did you mean {near}?" if near else ""
        raise UserError(f"program: {file} has no function {function!r}{hint}")


def check_function(
    program: str, tree: ast.Module, parameters: Mapping[str, bool], *, uses_wandb: bool
) -> None:
    """Raise UserError if a task cannot call the function of `program`, "file.py:function".

    `parameters` has the sweep's parameters, and whether every task has them. What only running
    the code can tell, such as the arguments of an imported or decorated function, is checked when
    a worker loads it.
    """
    file, _, name = program.partition(":")
    definition = _definition(tree, name)
    if definition is None:
        return
    node, signature = definition
    where = f"program: {file}, line {getattr(node, 'lineno', 1)}"
    problem = _not_a_function(node)
    if problem:
        raise UserError(f"{where}: {name} {problem}")
    if not uses_wandb and any(map(_lacks_a_name, returned_names(node))):
        raise UserError(f"{where}: {name} {UNNAMED}")
    if signature is None:
        return
    try:
        call_of(signature, parameters, uses_wandb=uses_wandb)
    except ValueError as error:
        raise UserError(
            f"{where}: {shown(name, signature)} does not fit the sweep: {error}; "
            f"{advice(name, parameters)}"
        ) from None


def _lacks_a_name(names: tuple[str, ...]) -> bool:
    """Whether a returned tuple is neither (value,), nor (value, dict), nor made of names."""
    return "" in names and len(names) > 1 and names[1:] != ("{}",)


def check_objective(program: str, tree: ast.Module) -> None:
    """Raise UserError if the objective of `program` cannot be called with a trial."""
    file, _, name = program.partition(":")
    definition = _definition(tree, name)
    if definition is not None and (fault := _fault_with_one(name, definition)):
        line, said, error = fault
        raise UserError(
            f"program: {file}, line {line}: {said} is not an objective ({error}); write def "
            f"{name}(trial)"
        )


def check_function_of_one(where: str, name: str, tree: ast.Module) -> None:
    """Raise UserError if a file has no function that can be called with one argument."""
    definition = _definition(tree, name)
    if definition is None:
        if {name, "*"} & _bound(tree):
            return
        near = nearest(name, [each.name for each in tree.body if isinstance(each, ast.FunctionDef)])
        hint = f"; did you mean {near}?" if near else ""
        raise UserError(f"{where} has no function {name}{hint}")
    if fault := _fault_with_one(name, definition):
        line, said, error = fault
        raise UserError(
            f"{where}, line {line}: {said} cannot be called with one argument ({error})"
        )


def _fault_with_one(name: str, definition: _Definition) -> tuple[int, str, TypeError] | None:
    """Return why a function cannot be called with one argument: its line, its text, the reason."""
    if definition.signature is None:
        return None
    try:
        definition.signature.bind(None)
    except TypeError as error:
        line = getattr(definition.node, "lineno", 1)
        return line, shown(name, definition.signature), error
    return None


def _bound(tree: ast.Module) -> set[str]:
    """Return the names that a file uses or imports."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    names = {each.asname or each.name for node in imports for each in node.names}
    return names | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _definition(tree: ast.Module, name: str) -> _Definition | None:
    """Return the last definition of a name at the top level; None if it is imported or unclear."""
    definition: _Definition | None = None
    for node in _statements(tree.body):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == name:
                definition = _Definition(node, _of_function(node))
            case ast.ClassDef() if node.name == name:
                definition = _Definition(node, _of_class(node))
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Lambda() as value):
                definition = (
                    _Definition(node, _signature(value.args)) if target == name else definition
                )
            case ast.Import() | ast.ImportFrom():
                if any((each.asname or each.name) in (name, "*") for each in node.names):
                    definition = None
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                if any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
                       for n in ast.walk(node)):  # fmt: skip
                    definition = None
    return definition


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, also those inside if, try and with."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for name in ("body", "handlers", "orelse", "finalbody"):
                inner = getattr(node, name, None)
                if isinstance(inner, list):
                    yield from _statements(inner)


def _of_function(node: _Function) -> Signature | None:
    """Return the signature of a function; None if a decorator may change it."""
    names = {ast.unparse(each).partition("(")[0].rpartition(".")[2] for each in node.decorator_list}
    return _signature(node.args) if names <= _TRANSPARENT else None


def _of_class(node: ast.ClassDef) -> Signature | None:
    """Return the signature of an instance; None if only running the code can tell."""
    methods = {each.name: each for each in node.body if isinstance(each, _Function)}
    call = methods.get("__call__")
    if call is None or call.decorator_list:
        return None
    signature = _signature(call.args)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _signature(arguments: ast.arguments) -> Signature:
    """Return a signature as `inspect.signature` would, with types as text."""
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    parameters = [
        _parameter(
            each,
            Parameter.POSITIONAL_ONLY
            if i < len(arguments.posonlyargs)
            else Parameter.POSITIONAL_OR_KEYWORD,
            None if i < required else arguments.defaults[i - required],
        )
        for i, each in enumerate(positional)
    ]
    if arguments.vararg:
        parameters.append(_parameter(arguments.vararg, Parameter.VAR_POSITIONAL))
    parameters += [
        _parameter(each, Parameter.KEYWORD_ONLY, default)
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg:
        parameters.append(_parameter(arguments.kwarg, Parameter.VAR_KEYWORD))
    return Signature(parameters)


def _parameter(argument: ast.arg, kind: Any, default: ast.expr | None = None) -> Parameter:
    return Parameter(
        argument.arg,
        kind,
        default=Parameter.empty if default is None else default,
        annotation=ast.unparse(argument.annotation) if argument.annotation else Parameter.empty,
    )


def _not_a_function(node: ast.AST) -> str:
    """Return why a task cannot call a definition, whatever its arguments; "" if it may."""
    if isinstance(node, ast.ClassDef):
        return _not_callable(node)
    if not isinstance(node, _Function):
        return ""
    for decorator in node.decorator_list:
        callee = ast.unparse(decorator).partition("(")[0]
        if callee in ("hydra.main", "hydra_main"):
            return f"is started by hydra, which reads the command line; {COMMAND_LINE}"
        if callee.rpartition(".")[2] in ("command", "group", "callback"):
            return f"is a command of {callee}, which reads the command line; {COMMAND_LINE}"
    defaults = (*node.args.defaults, *filter(None, node.args.kw_defaults))
    if any(ast.unparse(each).startswith(("typer.Option(", "typer.Argument(")) for each in defaults):
        return f"takes its arguments from typer, which reads the command line; {COMMAND_LINE}"
    if any(isinstance(each, ast.Yield | ast.YieldFrom) for each in own_nodes(node)):
        return "is a generator, so calling it runs nothing; return the metrics, do not yield them"
    return ""


def _not_callable(node: ast.ClassDef) -> str:
    methods = {each.name: each for each in node.body if isinstance(each, _Function)}
    if "__call__" not in methods and not node.bases and not node.decorator_list:
        return "is a class that cannot be called for a task; give it a method __call__"
    init = methods.get("__init__")
    if init is not None and _requires(init):
        return "is a class whose __init__ needs arguments; give them defaults"
    return ""


def _requires(method: _Function) -> bool:
    arguments = list(_signature(method.args).parameters.values())[1:]
    variable = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return any(a.default is Parameter.empty and a.kind not in variable for a in arguments)
