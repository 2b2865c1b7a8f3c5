"""The keys `repeat` and `aggregate` of a sweep file."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from colabctl.repeat import Aggregate, Repeat
from colabctl.search.language.fields import Fields, not_whole
from colabctl.search.space.discrete import grid_key
from colabctl.search.space.space import Space
from colabctl.yamlfile.problems import shown

MOST_REPEATS = 1000

_FORMS = "write repeat: 5, or the name of a parameter, as in repeat: {seed: [1, 2, 3]}"


def read_repeat(top: Fields, space: Space, method: str | None) -> Repeat | None:
    """Return how often each configuration runs; None for once, or if problems are recorded."""
    aggregate = top.word("aggregate", get_args(Aggregate))
    content = top.content.get("repeat")
    if content is None:
        if aggregate:
            top.problem("aggregate", "has no effect without repeat:; add one, as in repeat: 5")
        return None
    if method == "optuna":
        top.problem(
            "repeat",
            "an objective suggests its own parameters, so its tasks cannot share them; repeat "
            "inside the objective, and return the mean",
        )
        return None
    if isinstance(content, dict):
        named = _named(top, content, space)
    elif isinstance(content, list):
        top.problem("repeat", f"is a list without the name of a parameter; {_FORMS}")
        return None
    else:
        named = None, _values(top, "repeat", content)
    name, values = named
    if values is None:
        return None
    if name is None:
        top.note(
            "repeat",
            "the tasks of a configuration differ only in task.repeat; to give them a parameter, "
            f"write repeat: {{seed: {len(values)}}}",
        )
    return Repeat(name, values, aggregate or "mean")


def _named(
    top: Fields, content: Mapping[str, Any], space: Space
) -> tuple[str | None, tuple[Any, ...] | None]:
    """Return the parameter of the repeats and its values, None with a problem."""
    if len(content) != 1:
        names = ", ".join(map(str, content)) or "none"
        hint = "put aggregate: at the top of the file" if "aggregate" in content else _FORMS
        top.problem("repeat", f"must have the name of one parameter, not {names}; {hint}")
        return None, None
    ((name, raw),) = content.items()
    fields = Fields(content, (*top.path, "repeat"), top.problems)
    if not name.strip() or not name.isprintable():
        fields.problem(name, f"is not a name for a parameter; {_FORMS}")
    elif name in space.every_name:
        fields.problem(
            name,
            f"{name} is also a parameter; remove it under parameters:, or repeat over another name",
        )
    else:
        return name, _values(fields, name, raw)
    return None, None


def _values(fields: Fields, key: str, raw: Any) -> tuple[Any, ...] | None:
    """Return the values of the repeats; a number of them gives 0, 1, 2, ..."""
    if isinstance(raw, list):
        return _listed(fields, key, raw)
    if raw == 1 and type(raw) is int:
        fields.problem(key, _only_one(key if fields.path else None))
        return None
    if not_whole(raw, 1) is not None:
        fields.problem(key, f"must be a number of repeats or a list, not {shown(raw)}; {_FORMS}")
        return None
    return _listed(fields, key, range(min(raw, MOST_REPEATS + 1)))


def _only_one(name: str | None) -> str:
    """Return why repeats must be more than one; by 1, people mean a seed or fold."""
    what = "is a single run, as without repeat:" if name is None else f"is one run with {name} 0"
    name = name or "seed"
    return (
        f"{what}; for one run with {name} 1, write repeat: {{{name}: [1]}}; for several, write "
        f"repeat: {{{name}: 3}} or repeat: {{{name}: [1, 2, 3]}}"
    )


def _listed(fields: Fields, key: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
    if not values:
        fields.problem(key, "is empty; list a value for each repeat, as in [1, 2, 3]")
    elif len(values) > MOST_REPEATS:
        fields.problem(key, f"gives more than {MOST_REPEATS:,} repeats of each configuration")
    elif len({grid_key(value) for value in values}) < len(values):
        fields.problem(key, "lists a value twice; give each repeat a value of its own")
    elif any(isinstance(value, dict | list) for value in values):
        fields.problem(key, "must list numbers or texts, one for each repeat")
    else:
        return tuple(values)
    return None
