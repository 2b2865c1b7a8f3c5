"""Writes figures.json: what W&B's own engine draws, lists and stops, for tests to compare.

Run it in an environment of its own when the engine has a new release:

    python3.11 -m venv reference-engine
    reference-engine/bin/pip install "sweeps==0.3.0" "numpy<2"
    reference-engine/bin/python tests/search/reference/make_figures.py
"""

import json
import math
import random
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sweeps import SweepRun, next_runs, stop_runs  # type: ignore[import-not-found]  # only where this script is run
from sweeps.config.schema import (  # type: ignore[import-not-found]
    ParamValidationError,
    sweep_config_jsonschema,
)
from sweeps.params import HyperParameter  # type: ignore[import-not-found]

EVERY_VALUE = [1, "b", None, True, 2.5, [1, 2], {"c": 3}]
"""Values of every kind that a list can hold."""

DRAWN: list[dict[str, Any]] = [
    {"value": 3},
    {"value": None},
    {"value": [1, {"a": 2}]},
    {"values": [1, 2, 3]},
    {"values": EVERY_VALUE},
    {"values": ["only"]},
    {"values": list(range(10))},
    {"values": list(range(100))},
    {"values": ["a", "b", "c"], "probabilities": [0.5, 0.25, 0.25]},
    {"values": ["a", "b", "c"], "probabilities": [0.0, 0.1, 0.9]},
    {"values": list(range(10)), "probabilities": [0.1] * 10},
    {"values": ["a", "b", "c"], "probabilities": [0.33333, 0.33333, 0.33333]},
    {"min": 3, "max": 11},
    {"min": -7, "max": 6},
    {"min": 0, "max": 1},
    {"min": 1, "max": 1_000_000},
    {"min": 0.0, "max": 1.0},
    {"min": -3, "max": 0.3},
    {"distribution": "uniform", "min": 1, "max": 9},
    {"distribution": "uniform", "min": 1e-7, "max": 1e-3},
    {"distribution": "log_uniform", "min": -9.21034, "max": -2.3},
    {"distribution": "log_uniform", "min": 0, "max": 3},
    {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.7},
    {"distribution": "log_uniform_values", "min": 1, "max": 1000},
    {"distribution": "inv_log_uniform", "min": -2, "max": 3},
    {"distribution": "inv_log_uniform_values", "min": 1e-4, "max": 10},
    {"distribution": "normal"},
    {"distribution": "normal", "mu": 5, "sigma": 0.1},
    {"distribution": "log_normal"},
    {"distribution": "log_normal", "mu": -3, "sigma": 2.5},
    {"distribution": "beta"},
    {"distribution": "beta", "a": 2, "b": 5},
    {"distribution": "beta", "a": 0.5, "b": 0.5},
    {"distribution": "beta", "a": 30, "b": 1.5},
    {"distribution": "beta", "a": 0.05, "b": 12},
    {"distribution": "beta", "a": 4000, "b": 9000},
    {"distribution": "q_uniform", "min": 1, "max": 7, "q": 4},
    {"distribution": "q_uniform", "min": 0, "max": 10},
    {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.1},
    {"distribution": "q_uniform", "min": -2.5, "max": 2.5, "q": 1},
    {"distribution": "q_uniform", "min": 64, "max": 1024, "q": 64},
    {"distribution": "q_uniform", "min": 64, "max": 1024, "q": 64.0},
    {"distribution": "q_log_uniform", "min": 0, "max": 5},
    {"distribution": "q_log_uniform", "min": 0, "max": 5, "q": 2},
    {"distribution": "q_log_uniform_values", "min": 1, "max": 100, "q": 1},
    {"distribution": "q_log_uniform_values", "min": 0.01, "max": 100, "q": 0.05},
    {"distribution": "q_normal", "mu": 10, "sigma": 5, "q": 2},
    {"distribution": "q_normal", "q": 0.25},
    {"distribution": "q_log_normal", "mu": 2, "sigma": 1, "q": 1},
    {"distribution": "q_log_normal"},
    {"distribution": "q_beta", "a": 2, "b": 3, "q": 0.1},
    {"distribution": "q_beta", "a": 2, "b": 3, "q": 1},
]

UNDERSTOOD_OR_NOT: list[dict[str, Any]] = [
    {},
    {"mu": 0, "sigma": 1},
    {"a": 1, "b": 2},
    {"min": 1},
    {"min": 1, "max": 2},
    {"min": 1, "max": 2.0},
    {"min": 1.0, "max": 2},
    {"min": 1.0, "max": 2.0},
    {"min": 1, "max": 2, "q": 1},
    {"min": "1", "max": "2"},
    {"min": True, "max": 2},
    {"value": 1, "values": [1, 2]},
    {"value": 1, "distribution": "constant"},
    {"values": []},
    {"values": 5},
    {"values": [1, 2], "probabilities": [0.5, 0.5]},
    {"values": [1, 2], "probabilities": [0.5, -0.5]},
    {"values": [1, 2], "distribution": "categorical"},
    {"values": [1, 2], "probabilities": [0.5, 0.5], "distribution": "categorical"},
    {
        "values": [1, 2],
        "probabilities": [0.5, 0.5],
        "distribution": "categorical_w_probabilities",
    },
    {"values": [1, 2], "distribution": "categorical_w_probabilities"},
    {"min": 1, "max": 2, "distribution": "int_uniform"},
    {"min": 1.0, "max": 2.0, "distribution": "int_uniform"},
    {"min": 1, "max": 2, "distribution": "uniform"},
    {"min": 0, "max": 2, "distribution": "log_uniform_values"},
    {"min": 1, "max": 2, "distribution": "log_uniform_values"},
    {"min": 1, "max": 2, "q": 1, "distribution": "log_uniform_values"},
    {"min": 1, "max": 2, "q": 0, "distribution": "q_uniform"},
    {"min": 1, "max": 2, "distribution": "q_uniform"},
    {"distribution": "normal"},
    {"distribution": "normal", "sigma": -1},
    {"distribution": "normal", "mean": 1},
    {"distribution": "beta"},
    {"distribution": "gaussian"},
    {"min": 1, "max": 2, "step": 1},
    {"min": 2, "max": 1},
    {"min": 1, "max": 1},
]

GRIDS: list[dict[str, Any]] = [
    {"a": {"values": [1, 2, 3]}},
    {"b": {"values": ["x", "y"]}, "a": {"values": [1, 2, 3]}},
    {"only": {"value": 4}},
    {"Z": {"values": [1, 2]}, "a": {"values": [3, 4]}, "_": {"values": [5, 6]}},
    {"a.b": {"values": [1, 2]}, "a-b": {"values": [3, 4]}, "a_b": {"values": [5, 6]}},
    {"n": {"min": 1, "max": 4}, "q": {"distribution": "q_uniform", "min": 1, "max": 7, "q": 4}},
    {"q": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.1}},
    {"q": {"distribution": "q_uniform", "min": 0.3, "max": 3.1, "q": 0.7}},
    {"q": {"distribution": "q_uniform", "min": 0.7, "max": 2, "q": 0.001}},
    {"q": {"distribution": "q_uniform", "min": 0, "max": 5}},
    {"q": {"distribution": "q_uniform", "min": -1, "max": 2.5, "q": 1}},
    {"a": {"values": [1, 1.0, True, "1", [1], [1.0], None, "None", 1]}},
    {"a": {"values": [{"x": 1, "y": 2}, {"y": 2, "x": 1}, {"x": 1.0, "y": 2}]}},
    {"a": {"values": EVERY_VALUE}, "c": {"value": "constant"}},
    {
        "z": {"values": [1, 2]},
        "nest": {
            "parameters": {
                "y": {"values": [3, 4]},
                "deep": {"parameters": {"x": {"values": [5, 6]}, "c": {"value": 7}}},
            }
        },
        "a": {"values": [8, 9]},
    },
]

HYPERBANDS: list[dict[str, Any]] = [
    {"min_iter": 1},
    {"min_iter": 2, "eta": 2},
    {"min_iter": 2, "eta": 2, "strict": False},
    {"min_iter": 3, "eta": 3, "strict": True, "s": 2},
    {"min_iter": 1, "eta": 1.3, "strict": False},
    {"min_iter": 2, "eta": 2.5},
    {"min_iter": 1, "eta": 1.01},
    {"min_iter": 1, "eta": 10},
    {"min_iter": 40},
    {"max_iter": 27, "s": 2},
    {"max_iter": 27, "s": 9, "strict": False},
    {"max_iter": 10, "s": 2, "eta": 3},
    {"max_iter": 10, "s": 3, "eta": 1.2},
    {"max_iter": 9, "s": 4, "eta": 2.5, "min_iter": 1},
    {"max_iter": 7, "s": 1, "eta": 7, "strict": False},
]

STATES = ("running", "finished", "failed", "killed", "crashed", "preempted", "pending")


def main() -> None:
    """Write the figures next to this script."""
    shares = _shares()
    figures = {
        "made_with": {name: version(name) for name in ("sweeps", "numpy", "scipy")},
        "u": shares,
        "drawn": [
            {"parameter": parameter, "kind": _kind(parameter), "values": _quantiles(parameter)}
            for parameter in DRAWN
        ],
        "understood": [
            {"parameter": parameter, "kind": _kind(parameter)} for parameter in UNDERSTOOD_OR_NOT
        ],
        "grids": [{"parameters": grid, "points": _points(grid)} for grid in GRIDS],
        "stopped": list(_stopped()),
    }
    lines = json.dumps(figures, indent=None).replace('{"parameter', '\n{"parameter')
    lines = lines.replace('{"rule', '\n{"rule')
    Path(__file__).with_name("figures.json").write_text(lines + "\n", encoding="utf-8")


def _shares() -> list[float]:
    """Return shares in (0, 1): near the ends, on boundaries between values, and any others."""
    source = random.Random(20)
    ends = [2.0**-53, 1e-9, 1 - 2.0**-53, 1 - 1e-9]
    boundaries = [k / 20 for k in range(1, 20)] + [1 / 3, 2 / 3, 0.07, 0.14, 0.28, 0.29, 0.57, 0.58]
    return ends + boundaries + [source.random() for _ in range(30)]


def _quantiles(parameter: dict[str, Any]) -> list[Any]:
    distribution = HyperParameter("p", parameter)
    return [_plain(distribution.ppf(share)) for share in _shares()]


def _kind(parameter: dict[str, Any]) -> str | None:
    """Return the name of the distribution that the engine chooses, or None if it refuses."""
    try:
        schema = HyperParameter("p", parameter).type
    except (ParamValidationError, ValueError):
        return None
    except Exception as refused:
        if type(refused).__name__ != "ValidationError":
            raise
        return None
    properties = sweep_config_jsonschema["definitions"][schema]
    properties = properties.get("anyOf", [properties])[0]["properties"]
    return str(properties["distribution"]["enum"][0])


def _points(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    runs = next_runs({"method": "grid", "parameters": parameters}, [], n=100_000)
    return [
        {name: _plain(value["value"]) for name, value in run.config.items()}
        for run in runs
        if run is not None
    ]


def _stopped() -> Iterator[dict[str, Any]]:
    """Yield histories, each as the values that a run has logged, and which runs the engine stops.

    Half of the runs are "running"; the differences between other states have no effect.
    """
    source = random.Random(15)
    for case in range(450):
        rule = {"type": "hyperband", **HYPERBANDS[case % len(HYPERBANDS)]}
        goal = source.choice(["minimize", "maximize"])
        names = ["running", *(_state(source) for _ in range(source.choice([0, 1, 2, 5, 8, 13])))]
        histories = [_history(source, case) for _ in names]
        runs = [
            SweepRun(
                name=str(i),
                state=state,
                history=[{"other": 0.5}, *({"loss": value} for value in history)],
            )
            for i, (state, history) in enumerate(zip(names, histories, strict=True))
        ]
        metric = {"name": "loss", "goal": goal}
        stopped = stop_runs({"method": "random", "metric": metric, "early_terminate": rule}, runs)
        yield {
            "rule": rule,
            "goal": goal,
            "states": names,
            "histories": histories,
            "stopped": [int(run.name) for run in stopped],
        }


def _state(source: random.Random) -> str:
    return "running" if source.random() < 0.5 else source.choice(STATES)


def _history(source: random.Random, case: int) -> list[Any]:
    """Return values that fall and rise, many equal to another run's, and some not numbers."""
    level = source.randint(0, 9)
    odd = [math.nan, math.inf, -math.inf, None, "3", True] if case % 3 == 0 else [0, -0.0]
    values: list[Any] = []
    for _ in range(source.choice([0, 1, 2, 3, 4, 6, 9, 10, 14, 28])):
        level += source.choice([-1, 0, 0, 1])
        value = level if case % 2 else round(level + source.random(), 2)
        values.append(source.choice(odd) if source.random() < 0.08 else value)
    return values


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


if __name__ == "__main__":
    main()
