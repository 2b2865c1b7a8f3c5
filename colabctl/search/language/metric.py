"""The keys `metric` and `metrics` of a sweep file."""

from dataclasses import dataclass
from typing import Literal

from colabctl.search.language.fields import Fields
from colabctl.yamlfile.problems import shown

Goal = Literal["minimize", "maximize"]

_GOALS: dict[str, Goal] = {
    "minimize": "minimize",
    "minimise": "minimize",
    "minimum": "minimize",
    "min": "minimize",
    "maximize": "maximize",
    "maximise": "maximize",
    "maximum": "maximize",
    "max": "maximize",
}
_METRIC_KEYS = ("name", "goal", "target", "impute", "impute_while_running")


@dataclass(frozen=True)
class Metric:
    """The number that tasks report and the sweep optimises; the sweep stops at the `target`."""

    name: str
    goal: Goal = "minimize"
    target: float | None = None


def read_metric(top: Fields) -> Metric | None:
    """Return the metric of a sweep file; None if it has none or its problems are recorded."""
    metric = top.content.get("metric")
    if metric is None:
        return None
    if not isinstance(metric, dict):
        name = metric if isinstance(metric, str) and metric.isidentifier() else "val_loss"
        hint = "; list several under metrics:" if isinstance(metric, list) else ""
        top.problem("metric", f"must be a map, as in {{name: {name}, goal: minimize}}{hint}")
        return None
    fields = Fields(metric, (*top.path, "metric"), top.problems)
    return _read(fields)


def read_metrics(top: Fields) -> tuple[Metric, ...]:
    """Return the metrics of a sweep file with several; none if problems are recorded."""
    content = top.content.get("metrics")
    if content is None:
        return ()
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        form = "[{name: accuracy, goal: maximize}, {name: latency, goal: minimize}]"
        top.problem("metrics", f"must be a list of maps, as in {form}")
        return ()
    if top.has("metric"):
        top.problem("metrics", "cannot be combined with metric:; list all metrics here")
        return ()
    if len(content) < 2:
        top.problem("metrics", "lists the metrics of a sweep with several; write one as metric:")
        return ()
    path = (*top.path, "metrics")
    each_fields = [Fields(each, (*path, i), top.problems) for i, each in enumerate(content)]
    metrics = [_read(fields) for fields in each_fields]
    names: list[str | None] = []
    for fields, metric in zip(each_fields, metrics, strict=True):
        name = metric.name if metric else None
        if name and not fields.has("goal"):
            top.problems.add(
                fields.path, f"{name} has no goal; add goal: minimize or goal: maximize"
            )
        if fields.has("target"):
            fields.problem(
                "target",
                "a target ends a sweep with one metric, and this one has several; remove it",
            )
        if name and name in names:
            fields.problem("name", f"{name} is listed twice")
        names.append(name)
    return tuple(metric for metric in metrics if metric)


def _read(fields: Fields) -> Metric | None:
    fields.look_for_unknown(_METRIC_KEYS)
    for key in ("impute", "impute_while_running"):
        if fields.has(key):
            fields.note(key, "has no effect here, ignored")
    name, goal, target = fields.text("name"), _goal(fields), fields.number("target")
    if not fields.has("name"):
        message = "needs name:, the name under which tasks report it"
        for key, word in fields.content.items():
            if key not in _METRIC_KEYS and isinstance(word, str) and word.lower() in _GOALS:
                message = f"needs name: and goal:, as in {{name: {key}, goal: {word}}}"
        fields.problems.add(fields.path, message)
    return Metric(name, goal, target) if name else None


def _goal(fields: Fields) -> Goal:
    word = fields.content.get("goal")
    if word is None:
        return "minimize"
    goal = _GOALS.get(str(word).lower())
    if goal is None:
        fields.problem("goal", f"must be minimize or maximize, not {shown(word)}")
        return "minimize"
    if goal != word:
        fields.note(
            "goal", f"{word!r} is read as {goal}; W&B reads any word but maximize as minimize"
        )
    return goal
