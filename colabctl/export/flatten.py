"""Splits a space with choices into flat spaces, one for each combination of branches."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from colabctl.search.space.discrete import Constant
from colabctl.search.space.space import Choice, Leaf, Nest, Parameter, Space, Values


class FlatSpace(NamedTuple):
    """A space without choices.

    Attributes:
        fixed: the branch of each choice by the choice's name; dots join the names of nested maps
        share: the share of the original space's draws that are in it

    """

    fixed: Values
    share: Fraction
    space: Space


def flat_spaces(space: Space) -> Iterator[FlatSpace]:
    """Yield the space of each combination of branches; each choice is a constant there."""
    for parts in product(*(list(_parts(parameter)) for parameter in space.parameters)):
        fixed = {name: branch for own, _, _ in parts for name, branch in own.items()}
        share = math.prod((share for _, share, _ in parts), start=Fraction(1))
        yield FlatSpace(fixed, share, Space.of(left for _, _, own in parts for left in own))


def _parts(parameter: Parameter) -> Iterator[tuple[Values, Fraction, Sequence[Parameter]]]:
    match parameter:
        case Leaf():
            yield {}, Fraction(1), [parameter]
        case Nest(name, inner):
            for fixed, share, left in flat_spaces(inner):
                named = {f"{name}.{choice}": branch for choice, branch in fixed.items()}
                yield named, share, [Nest(name, left)]
        case Choice(name, branches):
            for branch, inner in branches.items():
                chosen = Leaf(name, Constant(branch))
                for fixed, share, left in flat_spaces(inner):
                    parameters = [chosen, *left.parameters]
                    yield {name: branch, **fixed}, share / len(branches), parameters


def count(space: Space) -> int:
    """Return the number of flat spaces without creating them."""
    number = 1
    for parameter in space.parameters:
        match parameter:
            case Nest(_, inner):
                number *= count(inner)
            case Choice(_, branches):
                number *= sum(count(branch) for branch in branches.values())
    return number
