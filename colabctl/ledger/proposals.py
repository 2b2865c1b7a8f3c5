"""Parameters that a worker proposes for tasks, with its claim."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class Proposal(NamedTuple):
    """Parameters that a worker proposed for a task.

    Attributes:
        distributions: those of an Optuna objective, in Optuna's JSON
        sampler: the name of the sampler that chose them; None for an objective, or if it is unknown
    """

    params: dict[str, Any]
    distributions: dict[str, Any] | None = None
    sampler: str | None = None


Propose = Callable[[Sequence[int]], Mapping[int, Proposal]]
"""Returns proposals for tasks that have no parameters yet, by index."""


def parts_of(proposed: Mapping[int, Proposal]) -> dict[str, Any]:
    """Return proposals as parts of a claim."""
    return {
        "params": {str(index): proposal.params for index, proposal in proposed.items()},
        "samplers": {str(index): proposal.sampler for index, proposal in proposed.items()},
    }


def part_of(claim: Mapping[str, Any], index: int) -> dict[str, Any]:
    """Return the proposal for one task as parts of a claim."""
    return parts_of({index: proposal_in(claim, index)})


def proposal_in(claim: Mapping[str, Any], index: int) -> Proposal:
    """Return the proposal for a task in a claim that has one."""
    key, samplers = str(index), claim.get("samplers", {})
    sampler = samplers.get(key)
    return Proposal(claim["params"][key], None, sampler if isinstance(sampler, str) else None)
