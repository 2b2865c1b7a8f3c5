"""What a sweep optimises, and by what it gives up a task early."""

from dataclasses import dataclass
from typing import Any, Literal

from colabctl.search.fields import Fields
from colabctl.search.problems import shown

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
_HYPERBAND_KEYS = ("type", "min_iter", "max_iter", "s", "eta", "strict")


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


def read_early_terminate(top: Fields, metric: Metric | None) -> dict[str, Any] | None:
    """Return the rule by which tasks are given up, with its defaults filled in, or None.

    W&B's hyperband: either `min_iter`, or `max_iter` and `s`, of which the latter two count if all
    are there; `eta` is 3 and `strict` true unless the file says otherwise (the reference engine's
    default; W&B's documentation says false).
    """
    fields = top.map("early_terminate")
    if fields is None:
        return None
    if fields.word("type", ("hyperband",)) is None:
        if not fields.has("type"):
            top.wrong("early_terminate", "needs type: hyperband")
        return None
    fields.look_for_unknown(_HYPERBAND_KEYS)
    before = len(top.findings.problems)
    rule: dict[str, Any] = {"type": "hyperband"}
    if fields.has("max_iter"):
        rule |= {"max_iter": fields.whole("max_iter", least=1), "s": fields.whole("s", least=1)}
        if not fields.has("s"):
            fields.wrong(
                "max_iter", "needs s: beside it, the number of times to cut; or use min_iter:"
            )
        if fields.has("min_iter"):
            top.findings.note("early_terminate.min_iter", "ignored, since max_iter counts first")
    elif fields.has("min_iter"):
        rule["min_iter"] = fields.whole("min_iter", least=1)
        if fields.has("s"):
            top.findings.note("early_terminate.s", "ignored, since it counts only with max_iter")
    else:
        top.wrong("early_terminate", "needs min_iter:, or max_iter: and s:")
    eta = fields.number("eta") if fields.has("eta") else 3
    if eta is not None and not eta > 1:
        fields.wrong("eta", f"must be above 1, not {eta}")
    strict = fields.flag("strict")
    rule |= {"eta": eta, "strict": True if strict is None else strict}
    if len(top.findings.problems) > before:
        return None
    if "max_iter" in rule and rule["max_iter"] < rule["eta"]:
        top.wrong("early_terminate", "never cuts: max_iter is below eta; use min_iter: 1")
    if metric is None:
        if not top.has("metric"):
            top.findings.note("early_terminate", "ignored, since there is no metric: to compare by")
        return None
    return rule
