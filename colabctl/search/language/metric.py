"""What a sweep optimises, and by what it gives up a task early."""

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
    """The number that tasks report and the sweep optimises; reaching `target` ends the sweep."""

    name: str
    goal: Goal = "minimize"
    target: float | None = None


def read_metric(top: Fields) -> Metric | None:
    """Return the metric of a sweep file, or None if it has none or its problems are recorded."""
    metric = top.content.get("metric")
    if metric is None:
        return None
    if not isinstance(metric, dict):
        top.wrong("metric", "must be a map, as in {name: val_loss, goal: minimize}")
        return None
    fields = Fields(metric, (*top.path, "metric"), top.findings)
    fields.look_for_unknown(_METRIC_KEYS)
    for key in ("impute", "impute_while_running"):
        if fields.has(key):
            top.findings.note(f"metric.{key}", "means nothing here and is ignored")
    name, goal, target = fields.text("name"), _goal(fields), fields.number("target")
    if not fields.has("name"):
        top.wrong("metric", "needs name:, the name under which tasks report it")
    return Metric(name, goal, target) if name else None


def _goal(fields: Fields) -> Goal:
    written = fields.content.get("goal")
    if written is None:
        return "minimize"
    goal = _GOALS.get(str(written).lower())
    if goal is None:
        fields.wrong("goal", f"must be minimize or maximize, not {shown(written)}")
        return "minimize"
    if goal != written:
        text = f"{written!r} is read as {goal}; W&B would take it for minimize without a word"
        fields.findings.note("metric.goal", text)
    return goal
