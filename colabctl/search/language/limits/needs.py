"""The key `needs` of a sweep file: what a machine must have to run its tasks."""

from collections.abc import Collection
from typing import Any

from colabctl.conditions.parser import parse
from colabctl.conditions.tokens import ConditionError
from colabctl.conditions.tree import Name, comparisons, operands
from colabctl.errors import UserError, nearest
from colabctl.needs import MOST_BYTES, MOST_GPUS, MOST_RULES, Need, Rule
from colabctl.repeat import Repeat
from colabctl.search.language.fields import Fields, not_whole
from colabctl.search.language.links.where import Names
from colabctl.search.language.problems import listed
from colabctl.search.space.discrete import Categorical
from colabctl.search.space.space import Leaf, Space
from colabctl.sizes import parse_size
from colabctl.yamlfile.problems import Path, shown

_KEYS = ("gpu", "gpu_memory", "memory", "where")
_SYNONYMS = {
    "gpus": "gpu",
    "num_gpus": "gpu",
    "n_gpus": "gpu",
    "cuda": "gpu",
    "vram": "gpu_memory",
    "gpu_mem": "gpu_memory",
    "ram": "memory",
    "mem": "memory",
    "if": "where",
    "when": "where",
}
_EXAMPLE = "as in {gpu: 1, gpu_memory: 16GB, memory: 12GB}"


def read_needs(
    top: Fields, space: Space, repeat: Repeat | None, foreach: Collection[str], method: str | None
) -> tuple[Rule, ...]:
    """Return what tasks need; record problems.

    Where a `method` proposes parameters when a task is claimed, a condition may name only those
    that are fixed by then: those of `foreach` and `repeat`.
    """
    content = top.content.get("needs")
    if content is None:
        return ()
    items = content if isinstance(content, list) else [content]
    if not items:
        top.problem("needs", f"is empty; say what tasks need, {_EXAMPLE}")
    if len(items) > MOST_RULES:
        top.problem("needs", f"lists {len(items)} rules; {MOST_RULES} is the limit")
        return ()
    names = _names(space, repeat)
    own = repeat.params(0).keys() if repeat else ()
    fixed = {*foreach, *own} if method in ("bayes", "optuna") else None
    rules = []
    for i, item in enumerate(items):
        path: Path = ("needs", i) if items is content else ("needs",)
        if not isinstance(item, dict):
            message = f"must be a map, {_EXAMPLE}, not {shown(item)}"
            top.problems.add(path, message)
            continue
        rules.append(_rule(Fields(item, path, top.problems), names, fixed))
    return tuple(rules)


def _names(space: Space, repeat: Repeat | None) -> Names:
    names = Names.of(space)
    if repeat is None or repeat.name is None:
        return names
    leaf = Leaf(repeat.name, Categorical(repeat.values))
    return Names({**names.parameters, repeat.name: [((repeat.name,), leaf)]})


def _rule(fields: Fields, names: Names, fixed: Collection[str] | None) -> Rule:
    for key in fields.content:
        if key not in _KEYS:
            meant = _SYNONYMS.get(key) or nearest(key, _KEYS, cutoff=0.6)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(_KEYS)}"
            fields.problems.add((*fields.path, key), f"is not a key of needs; {hint}", key=True)
    gpu, gpu_memory, memory = _gpu(fields), _size(fields, "gpu_memory"), _size(fields, "memory")
    if not fields.content.keys() - {"where"}:
        fields.problems.add(fields.path, f"names nothing that tasks need; write it, {_EXAMPLE}")
    if fields.has("gpu_memory"):
        gpu = gpu or 1
    where = fields.text("where") if not isinstance(fields.content.get("where"), list) else None
    if isinstance(fields.content.get("where"), list):
        fields.problem("where", "is a list; join its conditions with and")
    if where is not None and (fault := _fault(where, names, fixed)):
        fields.problem("where", f"{shown(where)}: {fault}")
    return Rule(Need(gpu or 0, gpu_memory or 0, memory or 0), where)


def _gpu(fields: Fields) -> int | None:
    value = fields.content.get("gpu")
    if value is None:
        return None
    if fault := not_whole(value, 1):
        hint = ""
        if isinstance(value, str) or (isinstance(value, float) and value > 0):
            hint = "; to say how large a GPU must be, write gpu_memory: 16GB"
        elif value == 0:
            hint = "; tasks that need no GPU need no gpu:"
        fields.problem("gpu", f"{fault}{hint}")
        return None
    if value > MOST_GPUS:
        fields.problem("gpu", f"is {value:,}; {MOST_GPUS} is the limit")
        return None
    return int(value)


def _size(fields: Fields, key: str) -> int | None:
    value: Any = fields.content.get(key)
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(value, bool | list | dict) or not text:
        fields.problem(key, f"must be a size, as in 16GB, not {shown(value)}")
        return None
    if text.replace(".", "", 1).isdecimal():
        fields.problem(key, f"{text} has no unit; write {text}GB")
        return None
    try:
        size = parse_size(text, key)
    except UserError:
        fields.problem(key, f"{shown(value)} is not a size; write 16GB, 500MB or 1.5GB")
        return None
    if not 0 < size <= MOST_BYTES:
        limit = "must be more than 0" if size == 0 else "is more than any machine has"
        fields.problem(key, f"{shown(value)} {limit}; write what a task needs, as in 16GB")
        return None
    return size


def _fault(text: str, names: Names, fixed: Collection[str] | None) -> str | None:
    """Return what is wrong with a condition, on one line."""
    try:
        condition = parse(text)
    except ConditionError as error:
        return f"cannot be read: {error.reason} (character {error.start + 1})"
    except UserError as error:
        return str(error)
    values = [each for part in comparisons(condition) for each in operands(part)]
    used = [each.name for each in values if isinstance(each, Name)]
    for name in used:
        if name in names.parameters:
            heads = {path[0] for path in names.paths(name)}
            if fixed is not None and not heads <= set(fixed):
                return _proposed(name)
        elif name in names.words.texts:
            return f"{name} is a value of a parameter, and text goes in quotes: {name!r}"
    if not used:
        return "names no parameter; leave where: out for what all tasks need"
    near = next((name for name in used if name not in names.parameters), None)
    if near is not None:
        hint = nearest(near, names.parameters)
        if hint or names.parameters:
            meant = f"did you mean {hint}?" if hint else f"there are {listed(names.parameters)}"
        else:
            meant = "the sweep file lists none; where: needs parameters of foreach"
        return f"{near} is not a parameter that is listed here; {meant}"
    return names.fault(condition, of_objective=False)


def _proposed(name: str) -> str:
    return (
        f"the value of {name} is chosen only once a worker has taken the task, so it cannot decide "
        f"which worker does; name parameters of foreach, or list {name} there"
    )
