"""The lines of a journal: kinds of event, and their parts.

A line is a JSON object with the three parts of every event and the parts of its kind:

    n       number of the event in its writer's journal, from 0, without gaps
    t       ledger time, in seconds since 1970 (see clock.py)
    event   its kind
    after   {writer: n, ...}: what this writer had read of the same tasks, or of the orders, before
            it wrote a claim, an order, or a retry, cancel or discard; missing if that was nothing
            (see state/order.py)

    start      member, host, pid, jobs, lease, ...        a worker starts; its lease in seconds,
                                                          its version, its own clock as wall
    claim      tasks: [[index, attempt], ...], params     the tasks it is going to run, and the
                                                          parameters it proposes, by index
    suggested  task, attempt, params, distributions       parameters that an objective asked for
    report     task, attempt, reports: [[step, values]]   intermediate values
    done       task, attempt, seconds, metrics,           a task was completed
               attributes
    pruned     task, attempt, seconds, metrics            a task was stopped early, on purpose
    failed     task, attempt, seconds, error, output,     an attempt failed; true: no other one
               final                                      would do better
    released   tasks: [index, ...]                        claims that end without a run
    heartbeat                                             the worker is alive
    notice     about                                      it sends a message that the sweep is
                                                          finished, failing or idle
    end        reason                                     the worker writes nothing more
    follow     member, host, task                         someone looks at a task's output: its
                                                          worker writes what is new of it
    pause, stop                                           orders to all workers of the sweep
    resume     beyond_target                              the same; true: the target was reached
    retry      tasks: [index, ...], worker                failures of these tasks, and the claims
                                                          that are named in `after`, end; the
                                                          worker is lost, if one is named
    cancel     tasks: [index, ...]                        these tasks do not run, unless a later
                                                          retry names them; attempts end
    discard    tasks: [index, ...]                        results of the attempts that are named in
                                                          `after` do not count
    dismiss    worker                                     this worker ends

The member who gives an order, or writes one of the last four, is in its part `member`.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from colabctl.notify import OCCASIONS

OUTCOME_KINDS = frozenset({"done", "pruned", "failed"})
PROGRESS_KINDS = frozenset({"suggested", "report"})
TASK_KINDS = OUTCOME_KINDS | PROGRESS_KINDS
STEERING_KINDS = frozenset({"retry", "cancel", "discard"})
BATCH_KINDS = STEERING_KINDS | {"claim", "released"}
CONTROL_KINDS = frozenset({"pause", "resume", "stop"})
WRITER_KINDS = frozenset({"start", "heartbeat", "end", "notice", "dismiss"})
FOLLOW = "follow"
KINDS = TASK_KINDS | BATCH_KINDS | CONTROL_KINDS | WRITER_KINDS | {FOLLOW}

EARLIEST, LATEST = 1e9, 4.1e9
"""Times outside 2001-2100 are damage. A writer whose clock is outside writes one of these."""

LONGEST_LINE = 1 << 26
"""Bytes; a longer line is damage, so that no writer can fill the memory of the others."""

LONGEST_LEASE = 30 * 86400.0
"""Seconds; a writer that asks for a longer lease has this one."""

_LONGEST_NAME = 255  # characters of a member, host or version
_MOST_JOBS = 1024  # slots of one worker; others claim less for each slot of a live worker
_LARGEST_NUMBER = 1 << 53  # of an event or an attempt; larger whole numbers are no floats

_NO_OBJECT = ValueError("not an object")
_TOO_LONG = ValueError("too long")
_DEEPEST = 50  # levels of lists and maps in a metric; readers recurse into them

_DECODER = json.JSONDecoder()
_scan = _DECODER.scan_once  # type: ignore[attr-defined] # typeshed lacks it


class Outcome(NamedTuple):
    """How an attempt at a task ended.

    Attributes:
        seconds: how long it ran.
        error: one line on what failed, "" if nothing did.
        output: the end of what a failed attempt printed.

    """

    attempt: int
    seconds: float
    metrics: dict[str, Any]
    attributes: dict[str, Any]
    error: str = ""
    output: str = ""


class Event(NamedTuple):
    """One event; `body` holds the parts of its kind."""

    t: float
    writer: str
    n: int
    kind: str
    body: Mapping[str, Any]

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics of an outcome."""
        return self.body.get("metrics", {})  # type: ignore[no-any-return]

    @property
    def outcome(self) -> Outcome:
        """How the attempt ended; only for the kinds in OUTCOME_KINDS."""
        body = self.body
        error = body.get("error") if self.kind == "failed" else ""
        return Outcome(
            body["attempt"],
            body.get("seconds", 0.0),
            self.metrics,
            body.get("attributes", {}),
            error if isinstance(error, str) else "unknown",
            output if isinstance(output := body.get("output"), str) else "",
        )

    @property
    def member(self) -> str:
        """The member who gave an order; "" where the event does not say."""
        member = self.body.get("member")
        return member if isinstance(member, str) else ""

    @property
    def is_final(self) -> bool:
        """Whether a failed task fails in any other attempt too, as its parameters are damaged."""
        return self.body.get("final") is True

    def is_after(self, writer: str, n: int) -> bool:
        """Whether this event's writer had read event `n` of `writer` and says so."""
        return bool(self.body.get("after", {}).get(writer, -1) >= n)

    def ends(self, claim: "Event") -> bool:
        """Whether this retry or discard names a claim that was not written in reply to it.

        So no one can end in advance what others, who have read this event, claim later.
        """
        return self.is_after(claim.writer, claim.n) and not claim.is_after(self.writer, self.n)

    def tasks(self) -> list[int]:
        """Return the indices of the tasks that the event is about."""
        if self.kind in TASK_KINDS:
            return [self.body["task"]]
        if self.kind == "claim":
            return [index for index, _ in self.body["tasks"]]
        if self.kind in BATCH_KINDS:
            return list(self.body["tasks"])
        return []


_encoded = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps makes one for each call


def encode(n: int, t: float, kind: str, parts: Mapping[str, Any]) -> bytes:
    """Return the line of an event, newline included.

    Numbers that are not finite are written as Python's json writes them: NaN, Infinity.
    """
    line = _encoded({"n": n, "t": t, "event": kind, **parts})
    return line.encode() + b"\n"


def parse(lines: list[bytes]) -> Iterator[Any]:
    """Yield the JSON value of each line, or its error if the line is not JSON.

    Each line is parsed alone: joined, two halves could make a value that neither line has.
    """
    return map(_parse, lines)


def _parse(line: bytes) -> Any:
    if not line.lstrip().startswith(b"{"):  # found quickly, for a journal of a million newlines
        return _NO_OBJECT
    if len(line) > LONGEST_LINE:
        return _TOO_LONG
    try:
        return decode(line)
    except (ValueError, RecursionError) as error:
        return error


def decode(line: bytes) -> Any:
    """Return the JSON value of a line; raises ValueError or RecursionError.

    This takes half the time of json.loads, which looks at its arguments and at what surrounds the
    value.
    """
    text = str(line, "utf-8", "surrogatepass")
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        end = -1
    return value if end == len(text) else _DECODER.decode(text)


def check(body: Any, writer: str, total: int) -> Event:
    """Return the event in a parsed line of `writer`'s journal, for a sweep of `total` tasks.

    Raises ValueError for anything but a complete event of a known kind. Others can write to the
    folder, so every part that readers rely on is checked here.
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
    if kind in TASK_KINDS:
        _check_task(kind, body, total)
    elif kind in BATCH_KINDS:
        _check_batch(kind, body, total)
    elif kind in WRITER_KINDS:
        _check_writer(kind, body, n)
    elif kind == FOLLOW:
        _check_index(body.get("task"), total)
        if type(body.get("host")) is not str:
            raise ValueError("host is not text")
    elif kind not in KINDS:
        raise ValueError(f"unknown event {kind!r:.40}, perhaps of a later version")
    if "after" in body:
        _check_after(body["after"])
    if "member" in body and kind != "start":
        member = body["member"]
        body["member"] = _one_line(member) if type(member) is str else ""
    return Event(t, writer, n, kind, body)


def _check_writer(kind: str, body: dict[str, Any], n: int) -> None:
    if kind == "start":
        if n != 0:
            raise ValueError("start is not the first event")
        _check_start(body)
    elif kind == "dismiss":
        if type(body.get("worker")) is not str:
            raise ValueError("worker is not text")
    elif kind == "heartbeat":
        _check_names(body.get("workers", []))
    elif kind == "notice" and body.get("about") not in OCCASIONS:
        raise ValueError(f"a notice about {body.get('about')!r:.40}")


def _check_index(index: Any, total: int) -> None:
    if type(index) is not int or not 0 <= index < total:
        raise ValueError("no such task")


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


def _check_names(names: Any) -> None:
    if type(names) is not list or any(type(name) is not str for name in names):
        raise ValueError("workers are not a list of names")


def _check_start(body: dict[str, Any]) -> None:
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
    version = body.get("version")
    body["version"] = _one_line(version) if type(version) is str else ""


def _one_line(name: str) -> str:
    """Return a name with escapes for what is not printable, as it goes into tables and messages."""
    name = name[:_LONGEST_NAME]
    return name if name.isprintable() else ascii(name)[1:-1]
