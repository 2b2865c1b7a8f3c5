"""Checks what the lines of journals say, because others can write to the folder."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from colabctl.ledger.journals.events import (
    BATCH_KINDS,
    EARLIEST,
    FOLLOW,
    KINDS,
    LATEST,
    LONGEST_LEASE,
    TASK_KINDS,
    Event,
)
from colabctl.ledger.plan_checks import MOST_TASKS
from colabctl.notify import OCCASIONS

_LONGEST_NAME = 255  # characters of a member, host or version
_MOST_JOBS = 1024  # slots of one worker; others claim less for each slot of a live worker
_LARGEST_NUMBER = 1 << 53  # of an event or an attempt; larger whole numbers are no floats
_DEEPEST = 50  # levels of lists and maps in a metric; readers recurse into them


class LaterTaskError(ValueError):
    """An event names a task that an extension may have added, which did not arrive here yet.

    Attributes:
        n: the number of the event.

    """

    n = -1


def check(body: Any, writer: str, total: int, *, partial: bool = False) -> Event:
    """Return the event in a parsed line of `writer`'s journal, for a sweep of `total` tasks.

    Raises LaterTaskError for a task beyond these, and ValueError for anything else but a complete
    event of a known kind. A `partial` event, about known tasks and such, is returned without
    those: a worker that does not know an extension yet must see which tasks of its own others
    claim. Others can write to the folder, so every part that readers rely on is checked here.
    """
    if type(body) is not dict:
        raise ValueError(str(body) if isinstance(body, Exception) else "not an object")
    n: Any = body.pop("n", None)
    t: Any = body.pop("t", None)
    kind: Any = body.pop("event", None)
    if type(n) is not int or not 0 <= n <= _LARGEST_NUMBER:
        raise ValueError("n is not a number")
    if type(t) not in (float, int) or not EARLIEST <= t <= LATEST:
        raise ValueError("t is not a time")
    if partial and kind in BATCH_KINDS:
        _leave_out_later(body, total)
    try:
        _check_kind(kind, n, body, total)
    except LaterTaskError as error:
        error.n = n
        raise
    if "after" in body:
        _check_after(body["after"])
    if "member" in body and kind != "start":
        member = body["member"]
        body["member"] = _one_line(member) if type(member) is str else ""
    return Event(t, writer, n, kind, body)


def _check_kind(kind: Any, n: int, body: dict[str, Any], total: int) -> None:
    if kind in TASK_KINDS:
        _check_task(kind, body, total)
    elif kind in BATCH_KINDS:
        _check_batch(kind, body, total)
    elif kind == "start" and n != 0:
        raise ValueError("start is not the first event")
    elif kind in _CHECKS:
        _CHECKS[kind](body, total)
    elif kind not in KINDS:
        raise ValueError(f"unknown event {kind!r:.40}, perhaps of a later version")


def _leave_out_later(body: dict[str, Any], total: int) -> None:
    """Leave out tasks beyond `total` of an event that is about others too."""
    tasks = body.get("tasks")
    if type(tasks) is not list:
        return
    indices = [each[0] if type(each) is list and each else each for each in tasks]
    own = [
        each
        for each, index in zip(tasks, indices, strict=True)
        if type(index) is not int or not total <= index < MOST_TASKS
    ]
    if own and len(own) < len(tasks):
        body["tasks"] = own


def _check_index(index: Any, total: int) -> None:
    if type(index) is not int or not 0 <= index < MOST_TASKS:
        raise ValueError("no such task")
    if index >= total:
        raise LaterTaskError("no such task")


def _check_attempt(attempt: Any) -> None:
    if type(attempt) is not int or not 0 <= attempt <= _LARGEST_NUMBER:
        raise ValueError("attempt is not a number")


def _check_after(after: Any) -> None:
    if type(after) is not dict or not all(type(n) is int for n in after.values()):
        raise ValueError("after is not an object of numbers")


def _is_number(value: Any) -> bool:
    """Whether this is a finite number that fits a float."""
    if type(value) is int:
        return -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER
    return type(value) is float and math.isfinite(value)


def _check_task(kind: str, body: dict[str, Any], total: int) -> None:
    _check_index(body.get("task"), total)
    _check_attempt(body.get("attempt"))
    if kind == "report":
        _check_reports(body.get("reports"))
    elif kind == "suggested":
        _check_object(body, "params")
        _check_object(body, "distributions")
    else:
        _check_outcome(body)


def _check_batch(kind: str, body: dict[str, Any], total: int) -> None:
    tasks = body.get("tasks")
    if type(tasks) is not list:
        raise ValueError("tasks is not a list")
    for item in tasks:
        if kind == "claim":
            if type(item) is not list or len(item) != 2:
                raise ValueError("a claim without its attempt")
            _check_attempt(item[1])
            _check_index(item[0], total)
        else:
            _check_index(item, total)
    if len({index for index, _ in tasks} if kind == "claim" else set(tasks)) < len(tasks):
        raise ValueError("a task is listed twice")
    if type(body.get("worker", "")) is not str:
        raise ValueError("worker is not text")
    if kind == "claim" and "params" in body:
        _check_object(body, "params")
        for params in body["params"].values():
            check_params(params)
        if "samplers" in body:
            _check_object(body, "samplers")


def check_params(params: Any) -> None:
    """Raise ValueError unless a sweep file could declare these parameters of a task.

    Their names reach shells, notebooks and terminals. search/language/parameters.py refuses the
    same names.
    """
    if type(params) is not dict:
        raise ValueError("params of a task are not an object")
    for name in params:
        if not name.isprintable() or not name.strip():
            raise ValueError(f"{name!r:.60} cannot be the name of a parameter")


def _check_outcome(body: dict[str, Any]) -> None:
    if not _is_number(body.get("seconds", 0.0)):
        raise ValueError("seconds is not a number")
    for part in ("metrics", "attributes"):
        _check_object(body, part)


def _check_reports(reports: Any) -> None:
    if type(reports) is not list:
        raise ValueError("reports is not a list")
    for report in reports:
        if type(report) is not list or len(report) != 2 or type(report[1]) is not dict:
            raise ValueError("a report without its values")
        if type(report[0]) not in (float, int, type(None)):
            raise ValueError("a step is not a number")
        _check_depth(report[1], _DEEPEST)


def _check_object(body: dict[str, Any], part: str) -> None:
    value = body.get(part, {})
    if type(value) is not dict:
        raise ValueError(f"{part} is not an object")
    _check_depth(value, _DEEPEST)


def _check_depth(value: Any, left: int) -> None:
    if type(value) is dict or type(value) is list:
        if not left:
            raise ValueError("nested too deep")
        for part in value.values() if type(value) is dict else value:
            _check_depth(part, left - 1)


def _check_follow(body: dict[str, Any], total: int) -> None:
    _check_index(body.get("task"), total)
    if type(body.get("host")) is not str:
        raise ValueError("host is not text")


def _check_heartbeat(body: dict[str, Any], _total: int) -> None:
    _check_names(body.get("workers", []))
    _drop_false_room(body)


def _check_end(body: dict[str, Any], _total: int) -> None:
    _drop_false_room(body)


def _drop_false_room(body: dict[str, Any]) -> None:
    """Remove the free room unless it is a number of bytes; the event counts without it."""
    free = body.get("free", 0)
    if type(free) is not int or not 0 <= free <= _LARGEST_NUMBER:
        del body["free"]


def _check_notice(body: dict[str, Any], _total: int) -> None:
    if body.get("about") not in OCCASIONS:
        raise ValueError(f"a notice about {body.get('about')!r:.40}")
    if type(body.get("decisions", 0)) is not int:
        raise ValueError("decisions is not a number")


def _check_dismiss(body: dict[str, Any], _total: int) -> None:
    if type(body.get("worker")) is not str:
        raise ValueError("worker is not text")


def _check_names(names: Any) -> None:
    if type(names) is not list or any(type(name) is not str for name in names):
        raise ValueError("workers are not a list of names")


def _check_start(body: dict[str, Any], _total: int) -> None:
    lease: Any = body.get("lease")
    if type(lease) not in (float, int) or not lease > 0:
        raise ValueError("lease is not a number of seconds")
    body["lease"] = min(lease, LONGEST_LEASE)
    for part in ("pid", "jobs"):
        if type(body.setdefault(part, 1)) is not int:
            raise ValueError(f"{part} is not a number")
    body["jobs"] = max(1, min(body["jobs"], _MOST_JOBS))
    if not _is_number(body.get("wall", 0.0)):
        raise ValueError("wall is not a time")
    for part in ("member", "host"):
        if type(body.get(part)) is not str:
            raise ValueError(f"{part} is not text")
        body[part] = _one_line(body[part])
    _drop_false_room(body)
    version = body.get("version")
    body["version"] = _one_line(version) if type(version) is str else ""


def _one_line(name: str) -> str:
    """Return a name with escapes for what is not printable, as it goes into tables and messages."""
    name = name[:_LONGEST_NAME]
    return name if name.isprintable() else ascii(name)[1:-1]


_CHECKS: Mapping[str, Callable[[dict[str, Any], int], None]] = {
    "start": _check_start,
    "heartbeat": _check_heartbeat,
    "end": _check_end,
    "notice": _check_notice,
    "dismiss": _check_dismiss,
    FOLLOW: _check_follow,
}
"""Checks of what only one kind of event has. Each gets the event and the number of tasks."""
