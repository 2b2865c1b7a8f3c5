"""How much each parameter decides the metric, in each cell: Optuna's measure, or a rank correlation.

Optuna's is PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023): the share of the variance, among
good tasks, that a parameter explains.
"""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from colabctl.errors import UserError
from colabctl.report.columns import MISSING, as_text
from colabctl.work.open_sweep import OpenSweep

_MOST_CELLS = 60
_FEWEST = 6  # tasks with a value; of fewer, nothing can be said
_MOST = 3000  # tasks of a cell that are looked at

OPTUNA = "PED-ANOVA, by Optuna"
RANKS = "rank correlation with the metric (Spearman; for categories, the correlation ratio of ranks)"


def importance(sweep: OpenSweep, rows: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Return {"method", "cells": [{"cell", "tasks", "shares": {parameter: 0 to 1}}]}.

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

    from colabctl.export.optuna_studies import studies  # noqa: PLC0415 - needs Optuna

    plan, state = sweep.plan, sweep.ledger.state
    cells = sweep.declared.cells()
    exported = studies(plan, cells, state, sweep.tasks)
    for number, (cell, study) in enumerate(zip(cells, exported, strict=True)):
        if number == _MOST_CELLS:
            return
        trials = [t for t in study.trials if t.state.name == "COMPLETE" and t.params][-_MOST:]
        if len(trials) < _FEWEST:
            continue
        with warnings.catch_warnings(action="ignore"), _quiet(optuna):
            own = optuna.create_study(direction=plan.goal)
            own.add_trials(trials)
            try:
                shares = get_param_importances(own, evaluator=PedAnovaImportanceEvaluator())
            except (ValueError, RuntimeError):  # such as: all values are equal
                continue
        yield _cell(cell.values, len(trials), shares)


class _quiet:  # noqa: N801 - a context manager
    """Silences Optuna's messages."""

    def __init__(self, optuna: Any) -> None:
        self._logging = optuna.logging

    def __enter__(self) -> None:
        self._before = self._logging.get_verbosity()
        self._logging.set_verbosity(self._logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._logging.set_verbosity(self._before)


def _by_ranks(
    sweep: OpenSweep, rows: Mapping[int, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    plan, values = sweep.plan, sweep.ledger.state.columns.values
    start = 0
    for cell in plan.cells or ({"values": {}, "tasks": plan.total},):
        indices = range(start, start + cell["tasks"])
        start += cell["tasks"]
        done = [i for i in indices if i in rows and not math.isnan(values[i])][:_MOST]
        if len(done) < _FEWEST:
            continue
        ranks = _ranks([values[index] for index in done])
        names = dict.fromkeys(name for index in done for name in rows[index])
        shares = {}
        for name in names:
            own = [rows[index].get(name, MISSING) for index in done]
            if len(set(map(repr, own))) > 1:
                shares[name] = _strength(own, ranks)
        yield _cell(cell["values"], len(done), shares)


def _cell(values: Mapping[str, Any], tasks: int, shares: Mapping[str, float]) -> dict[str, Any]:
    return {
        "cell": {name: as_text(value) for name, value in values.items()},
        "tasks": tasks,
        "shares": {
            name: round(float(share), 4) for name, share in shares.items() if math.isfinite(share)
        },
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
