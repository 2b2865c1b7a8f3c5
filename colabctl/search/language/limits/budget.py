"""The keys `budget` and `patience` of a sweep file, which end it before all its tasks have run."""

from typing import Any

from colabctl.budget import MOST, Budget, Patience
from colabctl.durations import parse_duration
from colabctl.errors import UserError
from colabctl.search.language.fields import Fields, not_whole
from colabctl.yamlfile.problems import shown

_SYNONYMS = {
    "duration": "time",
    "max_time": "time",
    "timeout": "time",
    "hours": "time",
    "trials": "tasks",
    "runs": "tasks",
    "max_tasks": "tasks",
}


def read_budget(top: Fields) -> Budget | None:
    """Return what all workers together may use; record problems."""
    value = top.content.get("budget")
    if value is None:
        return None
    if not isinstance(value, dict):
        meant = _meant(value)
        top.problem("budget", f"must be a map, as in {meant}, not {shown(value)}")
        return None
    fields = Fields(value, ("budget",), top.problems)
    fields.look_for_unknown(("tasks", "time"), synonyms=_SYNONYMS)
    if all(each is None for each in value.values()):
        top.problem("budget", "has no limit; write it as in {time: 20h, tasks: 500}")
    return Budget(_limited(fields, "tasks"), _limited(fields, "time"))


def _limited(fields: Fields, key: str) -> Any:
    """Return a part of a budget; record a problem with one that is none, or limits nothing."""
    value = fields.whole(key, least=1) if key == "tasks" else duration(fields, key)
    if value is not None and value > MOST:
        fields.problem(key, f"is {value:,.4g}, which limits nothing; leave it out")
        return None
    return value


def _meant(value: Any) -> str:
    """Return the map that a plain value seems to mean."""
    if type(value) is int and value > 0:
        return f"{{tasks: {value}}}"
    try:
        parse_duration(value if isinstance(value, str) else "")
    except UserError:
        return "{time: 20h, tasks: 500}"
    return f"{{time: {value}}}"


def duration(fields: Fields, key: str) -> float | None:
    """Return a duration in seconds; record a problem with one that is none."""
    value = fields.content.get(key)
    if value is None:
        return None
    if isinstance(value, str | int | float):
        try:
            return parse_duration(value, key)
        except UserError:
            pass
    fields.problem(key, f"{shown(value)} is not a duration; write 90s, 10m or 1h30m")
    return None


def read_patience(top: Fields) -> Patience | None:
    """Return after how many trials without a better one a search ends; record problems."""
    value = top.content.get("patience")
    if value is None:
        return None
    if top.has("metrics"):
        message = "compares one metric, and this sweep has several; remove it, or set budget:"
        top.problem("patience", message)
    elif not top.has("metric") and top.content.get("method") != "optuna":
        message = "needs metric:, as in {name: val_loss, goal: minimize}"
        top.problem("patience", message)
    if not isinstance(value, dict):
        if (fault := not_whole(value, 1)) is not None:
            top.problem("patience", f"{fault}; it is a number of trials, as in patience: 50")
            return None
        return Patience(value)
    fields = Fields(value, ("patience",), top.problems)
    fields.look_for_unknown(("trials", "min_delta"), synonyms={"tasks": "trials", "runs": "trials"})
    if not fields.has("trials"):
        top.problem("patience", "has no trials:; write it as in {trials: 50, min_delta: 0.001}")
    trials, delta = fields.whole("trials", least=1), fields.number("min_delta") or 0.0
    if not 0.0 <= delta <= MOST:
        fields.problem("min_delta", f"must be a number from 0, not {shown(delta)}")
        delta = 0.0
    return Patience(trials, delta) if trials else None
