"""Failed attempts of a sweep grouped by cause, and the parameters that the failing tasks share."""

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

from colabctl.errors import UserError
from colabctl.ledger import Event, SweepState, TaskFiles, params_of, task_name
from colabctl.views.columns import flat

LOST = "its worker was lost"
_ID_LENGTH = 6  # characters
_MOST_OTHERS = 2000  # tasks to compare with
_CHANCE = 0.05  # a condition that chance explains with this probability says nothing
_MOST_CONDITIONS = 3

# What differs between two attempts that failed for one reason.
_VARYING = re.compile(
    r"""(?P<text>(?<![\w'"])(?:'[^'\n]{0,300}'|"[^"\n]{0,300}"))"""
    r"|(?P<path>(?<![\w/.])(?:[A-Za-z]:)?[~\w.+-]*(?:[/\\][\w.+@-]+)+/?)"
    r"|(?P<address>\b0x[0-9a-fA-F]+\b)"
    r"|(?P<task>\bt\d{6,}\b)"
    r"|(?P<number>(?<![A-Za-z_])[-+]?(?:\d[\d,_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\b(?:nan|inf)\b)"
)
_ENDING = re.compile(r"\bexit code \d+|\bsignal \d+|\[Errno -?\d+\]")  # numbers that tell causes
_TYPE = re.compile(r"(?:^|: )([A-Za-z_][\w.]*)(?=:|$| \()")
_FRAME = re.compile(
    r'^[ \t|]*File "(?P<file>[^"\n]{1,1000})", line (?P<line>\d+)'
    r"|^(?P<cell>Cell In\[\d+\]), line (?P<row>\d+)",
    re.MULTILINE,
)
_LIBRARY = re.compile(r"[/\\](?:site-packages|dist-packages|lib[/\\]python3[^/\\]*)[/\\]|^<")
_LONGEST_ERROR = 2000  # characters to look at
_LONGEST_OUTPUT = 64_000  # characters to look at, from the end
_SHORTEST_VALUE = 3  # characters; shorter values of parameters appear in ordinary words


@dataclass(frozen=True)
class Attempt:
    """One failed attempt; `output` is the end of what it printed, `seen` a time in seconds."""

    task: str
    index: int
    attempt: int
    worker: str
    error: str
    output: str
    seen: float


@dataclass(frozen=True)
class Cause:
    """Failed attempts with one cause.

    Attributes:
        id: Six characters, the same on every machine and at any time.
        error: The error of the latest attempt, in one line.
        place: Where in the user's code it was raised, such as "train.py, line 12"; "" if unknown.
        tasks: The tasks with such an attempt, ascending.
        attempts: How many attempts there were.
        failed: Of the tasks, those that have failed for good and last failed like this.
        to_retry: Of the tasks, those that last failed like this and will be tried again.
        first_seen: Ledger time of the first attempt's end, in seconds since 1970.
        last_seen: The same of the last one.
        example: The latest attempt.
        all_attempts: All attempts, by task and then in order.

    """

    id: str
    error: str
    place: str
    tasks: list[int]
    attempts: int
    failed: list[int]
    to_retry: list[int]
    first_seen: float
    last_seen: float
    example: Attempt
    all_attempts: list[Attempt]


class Condition(NamedTuple):
    """What all failing tasks have in one parameter, and how many of the others have it too."""

    name: str
    sign: str  # "=", ">=" or "<="
    value: Any
    others: int


@dataclass(frozen=True)
class Shared:
    """What the failing tasks share: all have the conditions, and few of the `total` others do.

    `others` is how many of the others have all conditions at once.
    """

    conditions: list[Condition]
    others: int
    total: int


@dataclass
class _Group:
    attempts: list[Attempt] = field(default_factory=list)
    tasks: set[int] = field(default_factory=set)
    failed: list[int] = field(default_factory=list)
    to_retry: list[int] = field(default_factory=list)
    place: str = ""


def causes(state: SweepState, tasks: TaskFiles) -> list[Cause]:
    """Return the causes of the failed attempts at a sweep's tasks, those of most tasks first.

    Two attempts have one cause if their errors have the same type, are raised at the same place of
    the user's code, and say the same, where numbers, quoted text, paths, addresses, names of tasks
    and the values of the task's own parameters do not count. Kills for lack of memory, timeouts and
    lost workers are causes as well. Attempts count also if the task is done by now.
    """
    groups: dict[tuple[str, str], _Group] = {}
    for index in sorted(state.others):  # a task that has failed is not simple
        attempts = list(_failed_attempts(state, index))
        if not attempts:
            continue
        without_values = _without_values(params_of(state, tasks, index))
        for attempt in attempts:
            place = _place(attempt.error[:_LONGEST_ERROR], attempt.output[-_LONGEST_OUTPUT:])
            key = _skeleton(without_values(attempt.error[:_LONGEST_ERROR])), place
            group = groups.setdefault(key, _Group(place=place))
            group.attempts.append(attempt)
            group.tasks.add(index)
        status = state.columns.status(index)
        if status == "failed":
            group.failed.append(index)  # the group of the last attempt
        elif status in ("open", "held"):
            group.to_retry.append(index)
    unsorted = (_cause(key, group) for key, group in groups.items())
    return sorted(unsorted, key=lambda cause: (-len(cause.tasks), cause.first_seen, cause.id))


def summary(causes: Sequence[Cause]) -> list[dict[str, Any]]:
    """Return {cause, error, place, tasks, to_retry} for each cause with tasks that last failed so.

    `tasks` are those that are not done by now, `to_retry` how many of them will be tried again.
    """
    groups = [
        {
            "cause": cause.id,
            "error": cause.error,
            "place": cause.place,
            "tasks": len(cause.failed) + len(cause.to_retry),
            "to_retry": len(cause.to_retry),
        }
        for cause in causes
        if cause.failed or cause.to_retry
    ]
    return sorted(groups, key=lambda group: -int(str(group["tasks"])))


def of_tasks(causes: Sequence[Cause], indices: Sequence[int]) -> list[Cause]:
    """Return the causes as far as they concern these tasks."""
    wanted = set(indices)
    return [
        replace(
            cause,
            tasks=[index for index in cause.tasks if index in wanted],
            failed=[index for index in cause.failed if index in wanted],
            to_retry=[index for index in cause.to_retry if index in wanted],
            attempts=len(attempts),
            all_attempts=attempts,
            example=max(attempts, key=_age),
            first_seen=min(attempt.seen for attempt in attempts),
            last_seen=max(attempt.seen for attempt in attempts),
        )
        for cause in causes
        if (attempts := [each for each in cause.all_attempts if each.index in wanted])
    ]


def named(causes: Sequence[Cause], text: str) -> list[Cause]:
    """Return the cause whose id begins with `text`, else those whose error contains it.

    Raises UserError if there is none.
    """
    wanted = text.strip().casefold()
    by_id = [cause for cause in causes if wanted and cause.id.startswith(wanted)]
    if len(by_id) == 1:
        return by_id
    by_error = [cause for cause in causes if wanted and wanted in cause.error.casefold()]
    if by_error:
        return by_error
    if not causes:
        raise UserError(f"no cause {text!r:.80}: no task has failed")
    listed = "".join(f"\n  {cause.id}  {cause.error[:120]}" for cause in causes[:10])
    what = "the beginning of several ids" if by_id else "neither an id nor part of an error"
    raise UserError(f"{text!r:.80} is {what}; give one of these causes:{listed}")


def shared(state: SweepState, tasks: TaskFiles, cause: Cause) -> Shared | None:
    """Return what the tasks of a cause share and the others do not; None if there is nothing.

    The others are the tasks that ended without this cause, at most 2,000 of them, evenly spread. A
    condition is one value, or a lower or upper limit, that all failing tasks have. Up to three are
    chosen, each the one that fewest of the others meet as well. They count if chance alone gives
    them with a probability below 0.05: that of drawing all failing tasks from those that meet them,
    times the number of ways to choose as many conditions. It takes two failing tasks.
    """
    failing = _some(cause.tasks)
    ours = set(cause.tasks)
    ended = [index for index in state.columns.finished() if index not in ours]
    others = [flat(params_of(state, tasks, index)) for index in _some(ended)]
    theirs = [flat(params_of(state, tasks, index)) for index in failing]
    looked = [*_candidates(theirs)]
    if len(theirs) < 2 or not looked:
        return None
    chosen: list[Condition] = []
    left = others  # that have all chosen conditions
    is_rare = False
    while len(chosen) < _MOST_CONDITIONS:
        having = [([*filter(_holds(*each), left)], each) for each in looked]
        also, best = min(having, key=lambda each: (len(each[0]), each[1][1] != "=", each[1][0]))
        says_more = _chance(len(theirs), len(left), len(also)) * len(looked) < _CHANCE
        if len(also) == len(left) or (is_rare and not says_more):
            break
        chosen.append(Condition(*best, sum(map(_holds(*best), others))))
        left = also
        ways = math.comb(len(looked), len(chosen))
        is_rare = _chance(len(theirs), len(others), len(left)) * ways < _CHANCE
    return Shared(chosen, len(left), len(others)) if is_rare else None


def _failed_attempts(state: SweepState, index: int) -> Iterator[Attempt]:
    """Yield the attempts at a task that failed or lost their worker, in order."""
    holder: Event | None = None
    for event in state.events_of(index):
        if event.kind == "failed":
            last, holder = event.outcome, None
            yield Attempt(task_name(index), index, last.attempt, event.writer,
                          last.error, last.output, event.t)  # fmt: skip
        elif event.kind == "claim":
            if holder and holder.writer != event.writer and event.is_after(holder.writer, holder.n):
                number = next((a for i, a in holder.body["tasks"] if i == index), 0)
                yield Attempt(task_name(index), index, number, holder.writer, LOST, "", event.t)
            if not holder or holder.writer == event.writer or event.is_after(
                holder.writer, holder.n
            ):  # fmt: skip
                holder = event
        elif event.kind == "retry" or (holder and event.writer == holder.writer):
            if holder and event.kind == "released" and event.is_loss:
                number = next((a for i, a in holder.body["tasks"] if i == index), 0)
                yield Attempt(task_name(index), index, number, holder.writer, LOST, "", event.t)
            holder = None


def _age(attempt: Attempt) -> tuple[float, int]:
    return attempt.seen, attempt.index


def _cause(key: tuple[str, str], group: _Group) -> Cause:
    latest = max(group.attempts, key=_age)
    seen = [attempt.seen for attempt in group.attempts]
    return Cause(
        id=hashlib.sha256("\n".join(key).encode(errors="replace")).hexdigest()[:_ID_LENGTH],
        error=latest.error,
        place=group.place,
        tasks=sorted(group.tasks),
        attempts=len(group.attempts),
        failed=group.failed,
        to_retry=group.to_retry,
        first_seen=min(seen),
        last_seen=max(seen),
        example=latest,
        all_attempts=group.attempts,
    )


@lru_cache(maxsize=10_000)
def _skeleton(error: str) -> str:
    """Return an error without what differs between attempts that failed for one reason."""
    parts, end = [], 0
    for match in _ENDING.finditer(error):
        parts += [_VARYING.sub("#", error[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, _VARYING.sub("#", error[end:])])


def _without_values(params: Mapping[str, Any]) -> Callable[[str], str]:
    """Return a function that replaces the values of a task's parameters in a text."""
    values = {str(value) for value in flat(params).values() if isinstance(value, str)}
    long = sorted((v for v in values if len(v) >= _SHORTEST_VALUE), key=len, reverse=True)
    if not long:
        return str
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, long))})(?!\w)")
    return partial(pattern.sub, "#")


def _place(error: str, output: str) -> str:
    """Return where the user's code raised an error, by the last traceback that names its type."""
    types = [name for name in _TYPE.findall(error) if name[-1:].isalnum()]
    ends = (output.rfind(f"\n{name.rpartition('.')[2]}") for name in reversed(types))
    end = next((end for end in ends if end >= 0), len(output))
    frames = [*_FRAME.finditer(output, 0, end)][-50:]
    users = [frame for frame in frames if not _LIBRARY.search(frame["file"] or "")]
    if not types or not frames:
        return ""
    frame = (users or frames)[-1]
    file = re.split(r"[/\\]", frame["file"] or frame["cell"])[-1]
    return f"{file}, line {frame['line'] or frame['row']}"


def _some(indices: Sequence[int]) -> list[int]:
    """Return at most 2,000 of the tasks, evenly spread."""
    step = max(1.0, len(indices) / _MOST_OTHERS)
    return [indices[int(n * step)] for n in range(min(len(indices), _MOST_OTHERS))]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _candidates(tasks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """Yield what could be said of all tasks, as (name, sign, value)."""
    names = dict.fromkeys(name for params in tasks for name in params)
    for name in names:
        if any(name not in params for params in tasks):
            continue
        values = [params[name] for params in tasks]
        if all(_equal(value, values[0]) for value in values):
            yield name, "=", values[0]
        elif all(map(_is_number, values)):
            yield name, ">=", min(values)
            yield name, "<=", max(values)


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _holds(name: str, sign: str, value: Any) -> Callable[[Mapping[str, Any]], bool]:
    """Return whether parameters meet a condition, as a function."""

    def holds(params: Mapping[str, Any]) -> bool:
        if name not in params:
            return False
        if sign == "=":
            return _equal(params[name], value)
        own = params[name]
        return _is_number(own) and bool(own >= value if sign == ">=" else own <= value)

    return holds


def _chance(failing: int, others: int, having: int) -> float:
    """Return the probability that tasks drawn at random all meet a condition.

    `failing` tasks are drawn from all; the condition holds for them and for `having` of the others.
    """
    chance = 1.0
    for drawn in range(failing):
        chance *= (having + failing - drawn) / (others + failing - drawn)
    return chance


def in_words(shared: Shared, show: Callable[[Any], str] = str) -> str:
    """Return a sentence such as "all have batch_size=512; 3 of 40 others do"."""
    terms = [f"{each.name}{each.sign}{show(each.value)}" for each in shared.conditions]
    return f"all have {_listed(terms)}; {_count(shared)} others do"


def _listed(terms: Iterable[str]) -> str:
    *first, last = terms
    return f"{', '.join(first)} and {last}" if first else last


def _count(shared: Shared) -> str:
    return f"{shared.others or 'none'} of {shared.total:,}"
