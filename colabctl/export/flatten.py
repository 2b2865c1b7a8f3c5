"""What is left of a space when the branch of each choice is fixed: spaces as plain as W&B's."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from colabctl.search.space.discrete import Constant
from colabctl.search.space.space import Choice, Leaf, Nest, Parameter, Space, Values


class Plain(NamedTuple):
    """A space without choices.

    fixed  the branch of each choice that led to it, by the choice's name, nested ones with dots
    share  of the draws of the whole space, those that fall there
    """

    fixed: Values
    share: Fraction
    space: Space


def plain_spaces(space: Space) -> Iterator[Plain]:
    """Yield what is left for each combination of branches, each choice a constant."""
    for parts in product(*(list(_parts(parameter)) for parameter in space.parameters)):
        fixed = {name: branch for own, _, _ in parts for name, branch in own.items()}
        share = math.prod((share for _, share, _ in parts), start=Fraction(1))
        yield Plain(fixed, share, Space.of(left for _, _, own in parts for left in own))


def _parts(parameter: Parameter) -> Iterator[tuple[Values, Fraction, Sequence[Parameter]]]:
    match parameter:
        case Leaf():
            yield {}, Fraction(1), [parameter]
        case Nest(name, inner):
            for fixed, share, left in plain_spaces(inner):
                named = {f"{name}.{choice}": branch for choice, branch in fixed.items()}
                yield named, share, [Nest(name, left)]
        case Choice(name, branches):
            for branch, inner in branches.items():
                chosen = Leaf(name, Constant(branch))
                for fixed, share, left in plain_spaces(inner):
                    everything = [chosen, *left.parameters]
                    yield {name: branch, **fixed}, share / len(branches), everything


def count(space: Space) -> int:
    """Return how many plain spaces there are; they are not made."""
    found = 1
    for parameter in space.parameters:
        match parameter:
            case Nest(_, inner):
                found *= count(inner)
            case Choice(_, branches):
                found *= sum(count(branch) for branch in branches.values())
    return found
