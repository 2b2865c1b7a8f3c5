"""The scales of a sweep's parameters, from the distributions in its file."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger import proposal_of
from colabctl.report.columns import Scale
from colabctl.search.space.continuous import Logarithmic, LogNormal, Quantized
from colabctl.search.space.discrete import Categorical, Distribution, WeightedCategorical
from colabctl.search.space.space import Leaf
from colabctl.work.open_sweep import OpenSweep

_WIDE = 8.0  # listed numbers that span less than this factor have a linear axis
_MOST_LISTED = 24  # numbers that an axis names
_MOST_READ = 200  # proposals that are read for the distributions of an Optuna objective


def scales(sweep: OpenSweep) -> dict[str, Scale]:
    """Return the scale of each parameter by its name; dots join the names of nested maps.

    Raises UserError if sweep.yaml was changed.
    """
    logs: dict[str, Scale] = dict(_proposed(sweep))
    for cell in sweep.declared.cells():
        for path, parameter in cell.space.walk():
            if isinstance(parameter, Leaf) and _is_log(parameter.distribution):
                logs[".".join(path)] = "log"
    return logs


def listed(sweep: OpenSweep) -> dict[str, list[float]]:
    """Return the numbers that are listed for a parameter, in order, by its name.

    Raises UserError if sweep.yaml was changed.
    """
    numbers: dict[str, set[float]] = {}
    for cell in sweep.declared.cells():
        for path, parameter in cell.space.walk():
            match parameter:
                case Leaf(distribution=Categorical(values) | WeightedCategorical(values)):
                    if all(map(_is_number, values)):
                        numbers.setdefault(".".join(path), set()).update(values)
    return {name: sorted(values) for name, values in numbers.items() if len(values) <= _MOST_LISTED}


def axes_if_readable(
    sweep: OpenSweep,
) -> tuple[dict[str, Scale], dict[str, list[float]], str | None]:
    """Return `scales` and `listed`, and a sentence if they could not be read."""
    try:
        return scales(sweep), listed(sweep), None
    except (UserError, OSError) as error:
        return {}, {}, f"all axes are linear: {error}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_log(distribution: Distribution) -> bool:
    match distribution:
        case Quantized(base):
            return _is_log(base)
        case Logarithmic() | LogNormal():
            return True
        case Categorical(values) | WeightedCategorical(values):
            return _is_geometric(values)
    return False


def _is_geometric(values: Sequence[Any]) -> bool:
    """Whether listed numbers are spread more evenly by their logarithms."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values) or not all(0 < number < math.inf for number in numbers):
        return False
    ordered = sorted(set(numbers))
    if len(ordered) < 2 or ordered[-1] / ordered[0] < _WIDE:
        return False
    return _unevenness([math.log(number) for number in ordered]) <= _unevenness(ordered)


def _unevenness(ordered: Sequence[float]) -> float:
    """Return the largest distance between neighbours, as a multiple of the smallest."""
    distances = [after - before for before, after in pairwise(ordered)]
    return max(distances) / (min(distances) or math.inf)


def _proposed(sweep: OpenSweep) -> Iterator[tuple[str, Scale]]:
    """Yield the logarithmic parameters that an Optuna objective has asked for."""
    if sweep.plan.method != "optuna":
        return
    state = sweep.ledger.state
    for index in list(state.progress)[:_MOST_READ]:
        proposal = proposal_of(state, index)
        for name, distribution in ((proposal and proposal.distributions) or {}).items():
            if isinstance(distribution, Mapping) and _asks_for_log(distribution):
                yield name, "log"


def _asks_for_log(distribution: Mapping[str, Any]) -> bool:
    attributes = distribution.get("attributes")
    return isinstance(attributes, Mapping) and attributes.get("log") is True
