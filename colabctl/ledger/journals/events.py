"""The lines of a journal: kinds of event, and their parts.

A line is a JSON object with the three parts of every event and the parts of its kind:

    n       number of the event in its writer's journal, from 0, without gaps
    t       ledger time, in seconds since 1970 (see clock.py)
    event   its kind
    after   {writer: n, ...}: what this writer had read of the same tasks, or of the orders, before
            it wrote a claim, an order, or a retry, cancel or discard (see order.py); missing if
            that was nothing

    start      member, host, pid, jobs, lease, ...        a worker starts; its lease in seconds,
                                                          its version, its own clock as wall,
                                                          the bytes free in its folder as free
    claim      tasks: [[index, attempt], ...], params,    the tasks it is going to run, and by index
               samplers                                   the parameters that it proposes, and the
                                                          name of the sampler that chose them
    suggested  task, attempt, params, distributions       parameters that an objective asked for
    report     task, attempt, reports: [[step, values]]   intermediate values
    done       task, attempt, seconds, metrics,           a task was completed
               attributes
    pruned     task, attempt, seconds, metrics            a task was stopped early, on purpose
    failed     task, attempt, seconds, error, output,     an attempt failed; true: no other one
               final                                      would do better
    released   tasks: [index, ...], lost                  claims that end without a run; true: the
                                                          machine that an engine ran it on is gone
    heartbeat  free                                       the worker is alive; free as above
    notice     about, decisions                           it sends a message that the sweep is
                                                          finished, failing or idle
    end        reason, free                               the worker writes nothing more
    follow     member, host, task                         someone looks at a task's output: its
                                                          worker writes what is new of it
    pause, stop                                           orders to all workers of the sweep
    resume     beyond_end                                 the same; true: its target, budget or
                                                          patience had ended the sweep
    retry      tasks: [index, ...], worker                failures of these tasks, and the claims
                                                          that are named in `after`, end; the
                                                          worker is lost, if one is named
    cancel     tasks: [index, ...]                        these tasks do not run, unless a later
                                                          retry names them; attempts end
    discard    tasks: [index, ...], continued             results of the attempts that are named in
                                                          `after` do not count; if it is true, later
                                                          attempts continue from their saves
    dismiss    worker                                     this worker ends

The member who gives an order, or writes one of the last four, is in its part `member`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

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


_NO_OBJECT = ValueError("not an object")
_TOO_LONG = ValueError("too long")

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
    def is_final(self) -> bool:
        """Whether a failed task fails in any other attempt too, as its parameters are damaged."""
        return self.body.get("final") is True

    @property
    def is_loss(self) -> bool:
        """Whether the released tasks ran on a machine that is gone, perhaps through them."""
        return self.body.get("lost") is True

    @property
    def member(self) -> str:
        """The member who gave an order; "" where the event does not say."""
        member = self.body.get("member")
        return member if isinstance(member, str) else ""

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
