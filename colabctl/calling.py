"""Decides from a function's signature how it is called with the parameters of a task."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter, Signature
from itertools import takewhile
from typing import Any

from colabctl.errors import nearest

_PLAIN = frozenset(("param", "params", "parameter", "parameters", "p"))
_CONFIGS = frozenset((
    *("config", "configs", "configuration", "cfg", "conf", "settings", "c"),
    *("args", "arguments", "options", "opts", "opt", "namespace", "kwargs"),
    *("hparam", "hparams", "hyperparams", "hyperparameters", "hps", "hp"),
    *("parametrization", "parameterization", "space", "point"),
))  # fmt: skip
_ENDINGS = ("_params", "_parameters", "_hparams", "_config", "_cfg", "_args")
_TASKS = frozenset(("task", "t"))
_MAPPING_TYPES = frozenset((
    *("dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict"),
    *("DictConfig", "ConfigDict", "Namespace", "SimpleNamespace", "Config"),
))  # fmt: skip
_SCALAR_TYPES = frozenset(("int", "float", "str", "bool"))

PARAMS, CONFIG, TASK = "=params", "=config", "=task"
"""Sources of an argument that are not the name of a parameter."""


class Config(dict[str, Any]):
    """Parameters as `config.lr` and as `config["lr"]`; `vars(config)` works too.

    Maps among the values are of this class as well. A parameter hides a method of its name.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__({name: _opened(value) for name, value in params.items()})
        self.__dict__ = self

    def __reduce__(self) -> tuple[type["Config"], tuple[dict[str, Any]]]:
        return Config, (dict(self),)


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return Config(value)
    return [_opened(part) for part in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Call:
    """The arguments of a call: for each, the name of a parameter, or PARAMS, CONFIG or TASK.

    Attributes:
        positional: sources of the arguments that are passed by position.
        keywords: sources of the others, by the argument's name.
        rest: whether the other parameters go into `**kwargs`.
    """

    positional: tuple[str, ...] = ()
    keywords: Mapping[str, str] | None = None
    rest: bool = False

    def bound(self, function: Callable[..., Any]) -> Callable[[dict[str, Any], Any], Any]:
        """Return `function` as a function of a task's parameters and its Task."""
        keywords, taken = (
            dict(self.keywords or {}),
            {*self.positional, *(self.keywords or {}).values()},
        )
        if self == WHOLE:
            return function

        def run(params: dict[str, Any], task: Any) -> Any:
            def value(source: str) -> Any:
                if source == TASK:
                    return task
                return params if source == PARAMS else Config(params)

            values = {**params, **{name: value(name) for name in taken if name in _ROLES}}
            positional = [values[name] for name in takewhile(values.__contains__, self.positional)]
            named = {name: values[key] for name, key in keywords.items() if key in values}
            if self.rest:
                named |= {name: value for name, value in params.items() if name not in taken}
            return function(*positional, **named)

        return run


_ROLES = frozenset((PARAMS, CONFIG, TASK))
WHOLE = Call((PARAMS, TASK))
"""The call of `train(params, task)`."""


def call_of(signature: Signature, parameters: Mapping[str, bool], *, uses_wandb: bool) -> Call:
    """Return how a function with this signature is called.

    An argument that is named like a parameter gets its value. One that is named params, config or
    similar, or annotated as a map, gets all parameters; one that is named `task` gets the Task.
    With `uses_wandb`, wandb.config holds the parameters as well, so the function need not take
    them, and a `config=None` keeps its default, as under W&B's agent.

    `parameters` has the sweep's parameters, and whether every task has them. Raises ValueError
    with all reasons why the function cannot be called.
    """
    kinds = {each.kind for each in signature.parameters.values()}
    named = [each for each in signature.parameters.values() if each.kind not in _VARIABLE]
    rest = Parameter.VAR_KEYWORD in kinds
    if not named and Parameter.VAR_POSITIONAL in kinds:
        return WHOLE
    names = {re.sub(r"\W", "_", name): name for name in parameters} | {n: n for n in parameters}
    whole = _whole(named, names, rest=rest)
    sources: dict[str, str] = {}
    unknown, partial = [], []
    for argument in named:
        name, is_required = argument.name, argument.default is Parameter.empty
        if argument is whole:
            if is_required or not uses_wandb:
                sources[name] = PARAMS if name.strip("_").lower() in _PLAIN else CONFIG
        elif _is_task(argument, after=whole) and (whole is not None or name not in names):
            sources[name] = TASK
        elif name in names:
            sources[name] = names[name]
            if is_required and not parameters[names[name]]:
                partial.append(name)
        elif is_required:
            unknown.append(name)
    is_silent = uses_wandb and all(each.default is not Parameter.empty for each in named)
    takes_all = whole is not None or rest or is_silent
    missing = [] if takes_all else [n for n in parameters if n not in sources.values()]
    free = [each.name for each in named if each.name not in sources]
    problems = [
        *(f"the sweep has no parameter {n}{_hint(n, missing, unknown)}" for n in unknown),
        *(f"it does not take {n}{_hint(n, free, missing)}" for n in missing),
        *(f"only some tasks have {names[n]}, so {n} needs a default" for n in partial),
    ]
    if problems:
        raise ValueError("; ".join(problems))
    positional = {n.name for n in named if n.kind is Parameter.POSITIONAL_ONLY}
    if [*sources.values()] == [PARAMS, TASK] and not rest and _by_position(named[:2]):
        return WHOLE
    return Call(
        tuple(source for name, source in sources.items() if name in positional),
        {name: source for name, source in sources.items() if name not in positional},
        rest and whole is None,
    )


_VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function or module without the bodies of functions and classes in it."""
    for node in ast.iter_child_nodes(function):
        yield node
        if not isinstance(node, _WITH_OWN_BODY):
            yield from own_nodes(node)


_WITH_OWN_BODY = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def returned_names(function: ast.AST) -> set[tuple[str, ...]]:
    """Return the names in each `return loss, accuracy`; "" for a value without a name.

    The dict of `return loss, {"accuracy": 0.9}` has its names in it, so it counts as "{}".
    """
    return {
        tuple(map(_name, node.value.elts))
        for node in own_nodes(function)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple)
    }


def _name(value: ast.expr) -> str:
    match value:
        case ast.Name(id=name):
            return name
        case ast.Dict() | ast.DictComp() | ast.Call(func=ast.Name(id="dict")):
            return "{}"
    return ""


def shown(name: str, signature: Signature) -> str:
    """Return a function with its arguments, without their types: "train(lr, *, task=...)"."""
    bare = [
        each.replace(
            annotation=Parameter.empty,
            default=each.default if each.default is Parameter.empty else ...,
        )
        for each in signature.parameters.values()
    ]
    return name + str(Signature(bare)).replace("=Ellipsis", "=...")


COMMAND_LINE = "name the program without the function, as in `program: train.py`"
"""What to do about a function that reads the command line."""

UNNAMED = 'returns values without names; return a dict, such as {"loss": 0.1, "accuracy": 0.9}'


def advice(name: str, parameters: Iterable[str]) -> str:
    """Return what to write instead of a function that cannot be called."""
    names = ", ".join(parameters)
    return (
        f"write def {name}(params, task), where params is a dict, or name the arguments after the "
        f"parameters: {names}"
    )


def _whole(named: list[Parameter], names: Mapping[str, str], *, rest: bool) -> Parameter | None:
    """Return the argument that gets all parameters, if there is one.

    That is a required one, else one without which the function would not get every parameter.
    """
    maps = [each for i, each in enumerate(named) if _is_map(each, i)]
    others = [each for each in maps if each.name not in names]
    required = [each for each in others if each.default is Parameter.empty]
    takes = {names[each.name] for each in named if each.name in names}
    if required or rest or takes == {*names.values()}:
        return required[0] if required else None
    return next(iter([*others, *maps]), None)


def _is_map(argument: Parameter, index: int) -> bool:
    kind, word = _type(argument), argument.name.strip("_").lower()
    if kind in _SCALAR_TYPES or kind == "Task":
        return False
    is_unused = index == 0 and not word  # as in `train(_, task)`
    is_named = word in _PLAIN or word in _CONFIGS or word.endswith(_ENDINGS)
    return is_unused or is_named or kind in _MAPPING_TYPES


def _is_task(argument: Parameter, after: Parameter | None) -> bool:
    word = argument.name.strip("_").lower()
    return _type(argument) == "Task" or word in _TASKS or (not word and after is not None)


def _type(argument: Parameter) -> str:
    """Return the last word of an argument's type: "Mapping" of typing.Mapping[str, float]."""
    kind = argument.annotation
    text = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    return re.split(r"[\[| ]", text.strip("'\""))[0].rpartition(".")[2]


def _by_position(named: list[Parameter]) -> bool:
    return all(each.kind is not Parameter.KEYWORD_ONLY for each in named)


def _hint(name: str, others: list[str], like: list[str]) -> str:
    """Return a hint at the most similar of the others, or at the only one for the only `like`."""
    near = nearest(name, others) or (others[0] if len(others) == len(like) == 1 else None)
    return f" (did you mean {near}?)" if near else ""
