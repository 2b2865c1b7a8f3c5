"""Optuna objectives as people have them, and what runs one as a worker's process does."""

import json
import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import optuna

from colabctl.run.failures.failure import Pruned
from colabctl.run.optuna.objective import runner
from colabctl.run.optuna.trial_texts import TrialTexts
from colabctl.search.learn.trials import Report, State, Trial
from colabctl.task import Assignment, Task

Objective = Callable[[Any], Any]
Goal = Literal["minimize", "maximize"]


@dataclass
class Recorder:
    """A recorder that keeps a task's values, and stops the task at some steps.

    It has a lock, like the recorder of a worker's process, so it cannot be copied.
    """

    stops_at: frozenset[float] = frozenset()
    suggested_: list[tuple[str, Any, Any]] = field(default_factory=list)
    reports: list[tuple[float | None, dict[str, Any]]] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        self.reports.append((step, values))

    def should_stop(self) -> bool:
        return bool(self.reports) and self.reports[-1][0] in self.stops_at

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        self.suggested_.append((name, value, json.loads(json.dumps(distribution))))

    def done(self, metrics: dict[str, Any]) -> None:
        pass

    def failed(self, error: BaseException) -> None:
        raise error


@dataclass
class Ran:
    """The outcome of a task, and its values on the way."""

    number: int
    state: State
    value: float | None
    error: BaseException | None
    params: dict[str, Any]
    distributions: dict[str, Any]
    reports: tuple[Report, ...]
    attributes: dict[str, Any]

    @property
    def trial(self) -> Trial:
        """The task as other tasks see it."""
        return Trial(self.state, self.params, self.value, self.reports, self.distributions)


def run(
    objective: Objective,
    number: int = 0,
    trials: Mapping[int, Trial] | None = None,
    params: Mapping[str, Any] | None = None,
    sampler: str = "tpe",
    goal: Goal = "minimize",
    seed: int | None = None,
    stops_at: Iterable[float] = (),
) -> Ran:
    """Run an objective as a worker's process does, with input that came as JSON."""
    study = {
        "number": number,
        "goals": {"loss": goal},
        "sampler": sampler,
        "seed": number if seed is None else seed,
        **TrialTexts().write((trials or {}).items()),
    }
    recorder = Recorder(frozenset(stops_at))
    fixed = dict(params or {})
    task = Task(
        Assignment("sweep", "t", number, 1, fixed, "", study=json.loads(json.dumps(study))),
        recorder,
    )
    state: State = "failed"
    error: BaseException | None = None
    metrics: dict[str, Any] = {}
    try:
        metrics = runner(objective)(fixed, task)
        state = "done"
    except Pruned as pruned:
        metrics, error, state = task.metrics or {}, pruned, "pruned"
    except BaseException as raised:  # noqa: BLE001 - it is looked at
        error = raised
    return Ran(
        number,
        state,
        metrics.get("loss"),
        error,
        {name: value for name, value, _ in recorder.suggested_},
        {name: distribution for name, _, distribution in recorder.suggested_},
        tuple((step, values["loss"]) for step, values in recorder.reports),
        task.user_attributes,
    )


def run_all(objective: Objective, numbers: Iterable[int], **options: Any) -> dict[int, Trial]:
    """Run tasks one after the other, each of which sees those before."""
    trials: dict[int, Trial] = {}
    for number in numbers:
        trials[number] = run(objective, number, trials, **options).trial
    return trials


def float_of(low: float, high: float) -> dict[str, Any]:
    attributes = {"low": low, "high": high, "log": False, "step": None}
    return {"name": "FloatDistribution", "attributes": attributes}


def trial_at(x: float, value: float | None = None, state: State = "done") -> Trial:
    return Trial(state, {"x": x}, value, (), {"x": float_of(-10, 10)})


def seen(
    look: Callable[[Any], Any],
    number: int = 0,
    trials: Mapping[int, Trial] | None = None,
    **more: Any,
) -> Any:
    """Return what an objective sees when it looks at its trial."""
    looks = []

    def objective(trial: Any) -> float:
        looks.append(look(trial))
        return 0.0

    ran = run(objective, number, trials, **more)
    assert ran.error is None
    return looks[0]


class Tensor:
    """A scalar of another library."""

    def __float__(self) -> float:
        return 0.25


# -- objectives as they are -------------------------------------------------------------------


def classifier(trial: Any) -> Any:
    """Choose a model; each has parameters of its own, as in Optuna's first example."""
    name = trial.suggest_categorical("classifier", ["SVC", "RandomForest"])
    if name == "SVC":
        c = trial.suggest_float("svc_c", 1e-10, 1e10, log=True)
        return abs(math.log10(c) - 2) / 10 + 0.1
    depth = trial.suggest_int("rf_max_depth", 2, 32, log=True)
    return abs(depth - 8) / 32


def network(trial: Any) -> float:
    """Go through epochs, give up when asked to, and note the progress."""
    rate = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    layers = trial.suggest_int("n_layers", 1, 3)
    units = [trial.suggest_int(f"n_units_l{layer}", 4, 128, step=4) for layer in range(layers)]
    accuracy = 0.0
    for epoch in range(5):
        accuracy = (1 - 1 / (epoch + 2)) / (1 + abs(math.log10(rate) + 3)) + sum(units) * 1e-6
        trial.report(accuracy, epoch)
        trial.set_user_attr("epochs", epoch + 1)
        if trial.should_prune():
            raise optuna.TrialPruned
    trial.set_user_attr("n_params", sum(units))
    return accuracy


def boosting(trial: Any) -> Any:
    """Take parameters into a dictionary, in the forms of Optuna 2, and note them."""
    param = {
        "objective": "binary",
        "lambda_l1": trial.suggest_loguniform("lambda_l1", 1e-8, 10.0),
        "bagging_fraction": trial.suggest_uniform("bagging_fraction", 0.4, 1.0),
        "feature_fraction": trial.suggest_discrete_uniform("feature_fraction", 0.4, 1.0, 0.1),
        "num_leaves": trial.suggest_int("num_leaves", 2, 256),
    }
    trial.set_user_attr("param", param)
    return (
        (param["bagging_fraction"] - 0.7) ** 2
        + (param["feature_fraction"] - 0.8) ** 2
        + abs(math.log(param["lambda_l1"])) / 100
        + param["num_leaves"] / 1e4
    )


def looks_back(trial: Any) -> float:
    """Ask the study for its best trial, and narrow the search around it."""
    done = [each for each in trial.study.trials if each.state.name == "COMPLETE"]
    if not done:
        return float(trial.suggest_float("x", -10, 10) ** 2)
    width = min(5.0, math.sqrt(trial.study.best_value) + 0.1)
    centre = trial.study.best_trial.params["x"]
    x = trial.suggest_float("x", centre - width, centre + width)
    trial.set_user_attr("improves", x**2 < trial.study.best_value)
    return float(x**2)


def curve(trial: Any) -> float:
    x = trial.suggest_float("x", -5, 5)
    y = trial.suggest_float("y", 1e-3, 10, log=True)
    n = trial.suggest_int("n", 1, 9, step=2)
    return float((x - 1) ** 2 + math.log(y) ** 2 + n / 10)
