"""Resolves names that are both shared and in a branch of a choice: the branch overrides.

An overridden parameter moves from its level into the branches of that choice that do not define it.
After that, no two parameters of a task have the same name.
"""

from collections.abc import Collection, Iterable, Mapping

from colabctl.search.space.space import Choice, Parameter, Space

_MOST_MOVES = 1_000_000
_MOST_PARAMETERS = 200_000  # shared ones counted in every branch


class ClashError(ValueError):
    """Parameters that contradict each other; the message, for the user, says which and why."""


def resolved(parameters: Iterable[Parameter]) -> Space:
    """Return the space of the parameters of one level, whose branches are already resolved.

    Raises ClashError if two branches can define a name at the same time.
    """
    level = {parameter.name: parameter for parameter in parameters}
    while moved := _overridden_choice(level):
        shared, choice = moved
        del level[shared.name]
        level[choice.name] = _with_shared(choice, {shared.name: shared})
    choices = [p for p in level.values() if isinstance(p, Choice)]
    _check_apart(choices)
    for choice in choices:
        shared_here = {name: level.pop(name) for name in choice.below & level.keys()}
        level[choice.name] = _with_shared(choice, shared_here)
    space = Space.of(level.values())
    if space.size > _MOST_PARAMETERS:
        raise ClashError(
            "choices inside choices multiply to too many parameters; use fewer branches"
        )
    return space


def _overridden_choice(level: Mapping[str, Parameter]) -> tuple[Choice, Choice] | None:
    """Return a choice that exactly one other overrides, and that other; None if there is none.

    The choice overrides no choice itself, so nothing moves twice.
    """
    choices = {name: p for name, p in level.items() if isinstance(p, Choice)}
    for name, choice in choices.items():
        if name in choice.below:
            raise ClashError(f"{name} is defined again in a branch of {name} itself")
        overriding = [other for other in choices.values() if name in other.below]
        if len(overriding) == 1 and not choice.below & choices.keys():
            return choice, overriding[0]
    return None


def _check_apart(choices: Collection[Choice]) -> None:
    """Raise ClashError if branches of two choices define the same name, or each other."""
    first: dict[str, str] = {}
    for choice in choices:
        for name in sorted(choice.below):
            other = first.setdefault(name, choice.name)
            if other != choice.name:
                raise ClashError(_clash(name, other, choice.name))
    for choice in choices:
        if choice.name in first:
            other = first[choice.name]
            raise ClashError(f"branches of {choice.name} and of {other} define each other")


def _with_shared(choice: Choice, shared: Mapping[str, Parameter]) -> Choice:
    """Return the choice with `shared` in every branch that does not define it."""
    if not shared:
        return choice
    if choice.size * len(shared) > _MOST_MOVES:
        raise ClashError(f"the branches of {choice.name} override too many parameters")
    branches = {name: _with_defaults(space, shared) for name, space in choice.branches.items()}
    return Choice(choice.name, branches)


def _with_defaults(branch: Space, shared: Mapping[str, Parameter]) -> Space:
    missing = {name: p for name, p in shared.items() if name not in branch.by_name}
    level: list[Parameter] = []
    for parameter in branch.parameters:
        if isinstance(parameter, Choice):
            below = {name: missing.pop(name) for name in parameter.below & missing.keys()}
            level.append(_with_shared(parameter, below))
        else:
            level.append(parameter)
    for parameter in missing.values():
        both = parameter.below & branch.every_name if isinstance(parameter, Choice) else ()
        for name in sorted(both):
            raise ClashError(_clash(name, parameter.name, "another choice"))
    return Space.of([*level, *missing.values()])


def _clash(name: str, one: str, other: str) -> str:
    return (
        f"a branch of {one} and one of {other}, which can be chosen together, both define {name}; "
        "give them different names"
    )
