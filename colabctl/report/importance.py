"""How much each parameter decides the metric in each cell: Optuna's measure, or a correlation.

Optuna's is PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023): the share of the variance, among
good tasks, that a parameter explains.
"""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger import params_of, proposal_of, stretches
from colabctl.report.columns import MISSING, as_text
from colabctl.report.sample import spread
from colabctl.search import Cell
from colabctl.work.open_sweep import OpenSweep

_MOST_CELLS = 60
FEWEST = 6
"""Tasks with a value; of fewer, nothing can be said."""

_MOST = 4000  # tasks that are looked at, of all cells

OPTUNA = "PED-ANOVA, by Optuna"
RANKS = "rank correlation (Spearman's; for categories, the correlation ratio of ranks)"


def importance(sweep: OpenSweep, rows: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Return {"method", "cells": [{"cell", "tasks", "shares": {parameter: 0 to 1}, "lacks"}]}.

    A cell without shares says what it lacks: "tasks" (too few have a value), "parameters" (fewer
    than two are free), "differences" (nothing follows from its values) or "room" (there are very
    many cells); else "lacks" is None.

    Args:
        sweep: the sweep, whose ledger has been read.
        rows: the flat parameters of tasks, by index.

    """
    if sweep.plan.metric is None:
        return {"method": RANKS, "cells": []}
    if find_spec("optuna") is not None:
        try:
            return {"method": OPTUNA, "cells": list(_by_optuna(sweep))}
        except (UserError, OSError):  # sweep.yaml was changed
            pass
    return {"method": RANKS, "cells": list(_by_ranks(sweep, rows))}


def _by_optuna(sweep: OpenSweep) -> Iterator[dict[str, Any]]:
    import optuna  # noqa: PLC0415 - an extra
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances  # noqa: PLC0415

    plan, places = sweep.plan, stretches(sweep.plan)
    every = sweep.declared.cells()
    cells = every[:_MOST_CELLS]
    for number, cell in enumerate(cells):
        trials = _trials(sweep, cell, _done(sweep, places.tasks(number), _MOST // len(cells)))
        if len(trials) < FEWEST:
            yield _cell(cell.values, len(trials), lacks="tasks")
            continue
        with warnings.catch_warnings(action="ignore"), _quiet(optuna):
            study = optuna.create_study(direction=plan.goal)
            study.add_trials(trials)
            try:
                shares = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
            except (ValueError, RuntimeError):  # such as: all values are equal
                shares = {}
        if len(shares) == 1:  # the shares add up to 1, so it says nothing
            yield _cell(cell.values, len(trials), lacks="parameters")
        else:
            yield _cell(cell.values, len(trials), shares, lacks=None if shares else "differences")
    yield from (_cell(cell.values, cell.tasks, lacks="room") for cell in every[_MOST_CELLS:])


def _trials(sweep: OpenSweep, cell: Cell, done: Sequence[int]) -> list[Any]:
    """Return done tasks of a cell as Optuna's trials."""
    from optuna.trial import create_trial  # noqa: PLC0415 - an extra

    from colabctl.export.optuna_params import for_one_study, from_json, suggester  # noqa: PLC0415

    state = sweep.ledger.state
    if sweep.plan.method == "optuna":
        proposals = (proposal_of(state, index) for index in done)
        own = [from_json(p.params, p.distributions or {}) if p else {} for p in proposals]
    else:
        suggested = suggester(cell.space)
        own = [suggested(params_of(state, sweep.tasks, index)) for index in done]
    return [
        create_trial(
            value=state.columns.values[index],
            params={name: each.value for name, each in suggestions.items()},
            distributions={name: each.distribution for name, each in suggestions.items()},
        )
        for index, suggestions in zip(done, for_one_study(own), strict=True)
    ]


def _done(sweep: OpenSweep, indices: Sequence[int], most: int) -> list[int]:
    """Return tasks with a value, at most `most`, evenly spread."""
    values = sweep.ledger.state.columns.values
    return spread([index for index in indices if math.isfinite(values[index])], most)


class _quiet:  # noqa: N801 - a context manager
    """Silences Optuna's messages."""

    def __init__(self, optuna: Any) -> None:
        self._logging = optuna.logging

    def __enter__(self) -> None:
        self._before = self._logging.get_verbosity()
        self._logging.set_verbosity(self._logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._logging.set_verbosity(self._before)


def _by_ranks(sweep: OpenSweep, rows: Mapping[int, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    plan, values = sweep.plan, sweep.ledger.state.columns.values
    places = stretches(plan)
    for number, cell in enumerate(plan.cells or ({"values": {}, "tasks": plan.total},)):
        indices = [index for index in places.tasks(number) if index in rows]
        done = _done(sweep, indices, _MOST)
        if len(done) < FEWEST:
            yield _cell(cell["values"], len(done), lacks="tasks")
            continue
        ranks = _ranks([values[index] for index in done])
        names = dict.fromkeys(name for index in done for name in rows[index])
        shares = {}
        for name in names:
            own = [rows[index].get(name, MISSING) for index in done]
            if len(set(map(repr, own))) > 1:
                shares[name] = _strength(own, ranks)
        lacks = None if shares else "differences"
        yield _cell(cell["values"], len(done), shares, lacks=lacks)


def _cell(
    values: Mapping[str, Any],
    tasks: int,
    shares: Mapping[str, float] = MappingProxyType({}),
    *,
    lacks: str | None = None,
) -> dict[str, Any]:
    return {
        "cell": {name: as_text(value) for name, value in values.items()},
        "tasks": tasks,
        "shares": {
            name: round(float(share), 4) for name, share in shares.items() if math.isfinite(share)
        },
        "lacks": lacks,
    }


def _strength(values: Sequence[Any], ranks: Sequence[float]) -> float:
    """Return how strongly values go with ranks, 0 to 1."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return abs(_correlation(_ranks(values), ranks))
    groups: dict[str, list[float]] = {}
    for value, rank in zip(values, ranks, strict=True):
        groups.setdefault(repr(value), []).append(rank)
    mean = sum(ranks) / len(ranks)
    between = sum(len(g) * (sum(g) / len(g) - mean) ** 2 for g in groups.values())
    return math.sqrt(between / (sum((rank - mean) ** 2 for rank in ranks) or math.inf))


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value from 0; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=lambda position: values[position])
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for position in order[start : end + 1]:
            ranks[position] = (start + end) / 2
        start = end + 1
    return ranks


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    means = sum(first) / len(first), sum(second) / len(second)
    pairs = [(a - means[0], b - means[1]) for a, b in zip(first, second, strict=True)]
    spread = math.sqrt(sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs))
    return sum(a * b for a, b in pairs) / spread if spread else 0.0
