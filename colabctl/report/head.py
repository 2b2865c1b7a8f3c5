"""The head of a page: the state of a sweep, its best task to copy, who ran it, what may lack."""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from colabctl.errors import UserError
from colabctl.export.yaml_text import as_yaml
from colabctl.ledger import task_name
from colabctl.report.columns import as_text, readable
from colabctl.report.timeline import machine, workers_shown
from colabctl.sharedfs.mounts import PROMISES
from colabctl.sweeps import differing
from colabctl.views.columns import flat
from colabctl.views.extensions import history
from colabctl.views.status import Status, status
from colabctl.views.steering import decisions
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.task_names import index_of

_COUNTS = ("done", "pruned", "failed", "running", "claimed", "pending", "cancelled")
_LATE = (
    "a file of another machine can take minutes to arrive here, so the newest results and workers "
    "may be missing"
)


def head(sweep: OpenSweep, varying: Sequence[str]) -> dict[str, Any]:
    """Return the facts of a sweep that are not about each task; `varying` parameters come first."""
    plan = sweep.plan
    files, damage = sweep.changed_code()
    seen = status(plan, sweep.ledger, sweep.tasks, files, damage)
    workers, called = workers_shown(sweep.ledger.state), sweep.ledger.state.called
    members = dict.fromkeys(called(worker.member) for worker in workers if worker.member)
    return {
        "name": readable(plan.sweep),
        "title": readable(plan.title) if plan.title else None,
        "state": seen.state,
        "total": seen.total,
        "counts": {name: getattr(seen, name) for name in _COUNTS},
        "duplicates": seen.duplicates,
        "steering": [
            readable(f"{each.what} {each.kind} by {each.member}, {_minute(each.at)}".lstrip())
            for each in decisions(sweep.ledger.state)
        ],
        "extended": [
            readable(each.removeprefix("extended "))
            for each in history(plan, sweep.ledger.state, lambda at: f", {_minute(at)}")
        ],
        "rate": seen.rate,
        "left": seen.seconds_left,
        "metric": readable(plan.metric) if plan.metric else None,
        "goal": plan.goal,
        "objectives": [
            {"name": readable(each["name"]), "goal": each["goal"]} for each in plan.metrics
        ],
        "front": [index_of(name, plan) for each in seen.front for name in each["tasks"]],
        "repeated": plan.repeats.count > 1,
        "method": _method(sweep),
        "declared": [readable(called(plan.declared_by)), _date(plan.declared_at)],
        "members": list(map(readable, members)),
        "machines": sorted(set(map(readable, filter(None, map(machine, workers))))),
        "ordered": readable(seen.ordered["member"]) if seen.ordered else "",
        "digest": plan.run_digest if plan.program else None,
        "program": readable(plan.program) if plan.program else None,
        "best": _best(seen.best, varying) if seen.best else None,
        "guard": f"{plan.consistency} folder: {PROMISES[plan.consistency]}",
        "gaps": list(map(readable, _gaps(sweep, seen))),
    }


def _best(best: dict[str, Any], varying: Sequence[str]) -> dict[str, Any]:
    params = flat(best["params"])
    shown = [name for name in varying if name in params]
    return {
        "task": task_name(best["index"]),
        "index": best["index"],
        "value": best["value"],
        "repeats": best.get("in_words", ""),
        "member": readable(best["member"]),
        "params": [[readable(name), readable(as_text(params[name]))] for name in shown],
        "line": " ".join(_quoted(f"--{n}={as_text(v)}") for n, v in params.items()),
        "yaml": as_yaml(best["params"]),
    }


def _method(sweep: OpenSweep) -> str:
    """Return the method as the file has it, or as it runs if the file cannot be read."""
    try:
        return sweep.declared.declaration().written_method
    except (UserError, OSError):
        return sweep.plan.method


def _quoted(word: str) -> str:
    """Return a word for a shell; what a terminal would act on when it is pasted is spelled out."""
    if word.isprintable():
        return shlex.quote(word)
    spelled = word.encode("unicode_escape").decode().replace("'", r"\'")
    return f"$'{spelled}'"


def _gaps(sweep: OpenSweep, seen: Status) -> list[str]:
    """Return sentences on what this view may lack or get wrong."""
    sentences = [_LATE] if sweep.plan.consistency == "eventual" else []
    sentences += [*seen.unseen, *([seen.unreported] if seen.unreported else [])]
    sentences += [*differing(sweep.layout, sweep.plan), *seen.waiting, *seen.damage]
    if seen.changed:
        files = ", ".join(seen.changed[:5])
        sentences.append(f"changed since it was declared: {files}; tasks run the frozen code")
    return sentences


def _minute(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _date(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="seconds")
