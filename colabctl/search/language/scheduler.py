"""The key `scheduler` of a sweep file: W&B's external optimisers, for `method: custom`.

The keys and rules are those of W&B's schema (`sweeps` of August 2026) and of its scheduler
(`wandb` 0.31, `sdk/sweeps/scheduler/optuna.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from colabctl.search.language.fields import Fields
from colabctl.search.language.problems import did_you_mean
from colabctl.search.space.continuous import LogUniformValues, Quantized, Uniform
from colabctl.search.space.discrete import Categorical, Constant, Distribution, IntUniform
from colabctl.search.space.space import Leaf, Space
from colabctl.yamlfile.problems import shown

ENGINES = ("optuna", "ax", "wandb")
_KEYS = ("engine", "source", "optimizer", "search_space")
_LAUNCH = ("job", "num_workers", "resource", "resource_args", "settings", "name", "docker_image")
"""Keys of the schedulers of W&B Launch, which are jobs on a queue."""
_EXAMPLE = "{engine: optuna, source: space.py, search_space: suggest}"
_CONVERTED = (Constant, Categorical, IntUniform, Uniform, LogUniformValues)


@dataclass(frozen=True)
class Scheduler:
    """Functions of the user by which Optuna chooses parameters.

    Attributes:
        source: the Python file that defines them, as the sweep file names it.
        optimizer: takes the sweep and returns a study; None for Optuna's default.
        search_space: takes a trial and returns the parameters of a task; None if the sweep file
            lists them.
        parameters: those that the file lists for Optuna, by name: the distribution and its keys.
    """

    source: str
    optimizer: str | None = None
    search_space: str | None = None
    parameters: Mapping[str, Any] | None = None
    place: str = field(default="", compare=False)
    """Where the file names the source, for messages."""


def is_scheduled(top: Fields) -> bool:
    """Whether functions of the user choose the parameters, as `method: custom` says."""
    raw = top.content.get("scheduler")
    return (
        top.content.get("method") == "custom"
        and isinstance(raw, dict)
        and raw.get("engine") == "optuna"
        and bool(raw.get("search_space") or raw.get("optimizer"))
    )


def is_unclear(top: Fields) -> bool:
    """Whether `method: custom` does not say what chooses the parameters, which is a problem."""
    return top.content.get("method") == "custom" and (
        not top.has("scheduler")
        or any(problem.path[:1] == ("scheduler",) for problem in top.problems.items)
    )


def check_scheduler(top: Fields) -> None:
    """Record the problems of `scheduler`, and of `method: custom` without it."""
    custom, raw = top.content.get("method") == "custom", top.content.get("scheduler")
    if raw is None:
        if custom:
            top.problem("method", f"custom needs scheduler:, as in {_EXAMPLE}; or use bayes")
        return
    if not isinstance(raw, dict):
        top.problem("scheduler", f"must be a map, as in {_EXAMPLE}, not {shown(raw)}")
        return
    keys = Fields(raw, ("scheduler",), top.problems)
    if not keys.has("engine"):
        if custom:
            top.problem(
                "scheduler",
                f"needs engine:, as in {_EXAMPLE}; jobs of W&B Launch do not run here",
            )
        else:
            top.note("scheduler", "used by W&B only, has no effect here")
        return
    keys.look_for_unknown(_KEYS, _LAUNCH)
    engine = keys.content["engine"]
    if engine not in ENGINES:
        hint = did_you_mean(engine, ENGINES) if isinstance(engine, str) else ""
        keys.problem("engine", f"must be one of {', '.join(ENGINES)}, not {shown(engine)}{hint}")
    elif engine == "ax":
        keys.problem("engine", "colabctl has no Ax; use engine: optuna, or method: bayes")
    elif engine == "wandb":
        if custom:
            keys.problem("engine", "wandb is for method: grid, random or bayes, not for custom")
        else:
            top.note("scheduler", "colabctl's own search does what W&B's engine does")
    elif not custom:
        keys.problem("engine", "optuna needs method: custom")
    if custom and top.has("early_terminate"):
        message = "W&B refuses it with a scheduler; give the study a pruner in scheduler.optimizer"
        top.problem("early_terminate", message)
    for key in ("sampler", "zip", "where"):
        if is_scheduled(top) and top.has(key):
            top.problem(key, "has no effect with a scheduler, whose functions decide that")
    _check_functions(keys)


def _check_functions(keys: Fields) -> None:
    source = keys.text("source")
    if source and not source.endswith(".py"):
        keys.problem("source", f"{shown(source)} is not a Python file")
    for key in ("optimizer", "search_space"):
        name = keys.text(key)
        if name and not name.isidentifier():
            keys.problem(key, f"{shown(name)} is not the name of a function")
        elif name and not source:
            keys.problem(key, "needs source:, the Python file that defines it")


def read_scheduler(top: Fields, space: Space) -> Scheduler | None:
    """Return the user's functions; record listed parameters that Optuna cannot have.

    `space` is what `parameters:` lists. Without `search_space`, Optuna chooses them.
    """
    if not is_scheduled(top):
        return None
    keys = Fields(top.content["scheduler"], ("scheduler",), top.problems)
    source, search_space = keys.text("source") or "", keys.text("search_space")
    place = top.problems.document.where(("scheduler", "source"))
    foreach = top.texts("foreach") or ()
    listed = [each for each in space.parameters if each.name not in foreach]
    if search_space:
        for parameter in listed:
            top.note(f"parameters.{parameter.name}", "ignored, as scheduler.search_space decides")
        return Scheduler(source, keys.text("optimizer"), search_space, place=place)
    parameters = {}
    for parameter in listed:
        converted = _converted(parameter.distribution) if isinstance(parameter, Leaf) else None
        if converted is None:
            message = "Optuna has no such parameter; suggest it in scheduler.search_space"
            top.problems.add(("parameters", parameter.name), message)
        else:
            parameters[parameter.name] = converted
    return Scheduler(source, keys.text("optimizer"), None, parameters, place)


def _converted(distribution: Distribution) -> dict[str, Any] | None:
    """Return a distribution that Optuna has, too, as JSON values; None for others."""
    step = {}
    if isinstance(distribution, Quantized):
        step = {"q": distribution.q}
        distribution = distribution.base
        if not isinstance(distribution, Uniform | LogUniformValues):
            return None
    if not isinstance(distribution, _CONVERTED):
        return None
    keys = {each.name: getattr(distribution, each.name) for each in fields(distribution)}
    return {"distribution": distribution.kind, **keys, **step}
