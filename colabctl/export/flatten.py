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
        fixed: the branch of each choice, by name; dots join the names of nested maps
        share: the share of the original space's draws that are in it
    """

    fixed: Values
    share: Fraction
    space: Space


def flat_spaces(space: Space) -> Iterator[FlatSpace]:
    """Yield the space of each combination of branches; choices are constants there."""
    for parts in product(*map(_parts, space.parameters)):
        fixed = {name: branch for choices, _, _ in parts for name, branch in choices.items()}
        share = math.prod((share for _, share, _ in parts), start=Fraction(1))
        yield FlatSpace(fixed, share, Space.of(p for _, _, parameters in parts for p in parameters))


def _parts(parameter: Parameter) -> Iterator[tuple[Values, Fraction, Sequence[Parameter]]]:
    match parameter:
        case Leaf():
            yield {}, Fraction(1), [parameter]
        case Nest(name, inner):
            for fixed, share, flat in flat_spaces(inner):
                named = {f"{name}.{choice}": branch for choice, branch in fixed.items()}
                yield named, share, [Nest(name, flat)]
        case Choice(name, branches):
            for branch, inner in branches.items():
                for fixed, share, flat in flat_spaces(inner):
                    parameters = [Leaf(name, Constant(branch)), *flat.parameters]
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
