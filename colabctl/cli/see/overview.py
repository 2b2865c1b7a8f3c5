"""Writes the status of sweeps as text: a screen for one, some lines for each of several."""

from typing import TYPE_CHECKING, Any

from colabctl.cli.engines import pilot_line
from colabctl.cli.see.bars import bar, cell_lines
from colabctl.cli.see.line import NARROW, Line, aligned, joined
from colabctl.cli.see.workers import worker_lines
from colabctl.cli.terminal import command_line, counted, cut
from colabctl.durations import format_duration, format_rate, short_duration

if TYPE_CHECKING:
    from colabctl.views.status import Status

_NEXT_STEPS = {
    "pending": ("no workers yet; start one", "work"),
    "idle": ("no active workers; start one", "work"),
    "paused": ("resume it", "resume"),
    "stopped": ("resume it", "resume"),
}
_STYLES = {"running": "green", "paused": "yellow", "stopped": "yellow", "idle": "yellow"}
_MOST_CAUSES = 5
_MOST_DAMAGE = 5
_MOST_ON_FRONT = 8
_LONGEST_ERROR = 500  # characters
_BAR, _SMALL_BAR = 20, 8  # columns, of a sweep among others
_LONGEST_STATE = 8  # characters


def screen(seen: "Status", width: int | None) -> list[Line]:
    """Return everything that one sweep's status says, in lines of at most `width` characters."""
    from colabctl.sharedfs.mounts import PROMISES

    promise = f"{seen.consistency} folder: {PROMISES[seen.consistency]}{_lateness(seen)}"
    blocks = [
        [
            *_headline(seen, width),
            *_paragraphs([_speed(seen), *seen.steering, _best(seen)], width),
            *_paragraphs([seen.unreported], width, "yellow"),
        ],
        _front(seen, width),
        cell_lines(seen, width),
        [
            *worker_lines(seen, width),
            *_paragraphs([pilot_line(seen.pilots)], width),
            *_paragraphs([*seen.waiting, *map(str, seen.needs)], width, "yellow"),
        ],
        _failures(seen, width),
        [
            *_paragraphs([*seen.unseen, _changed(seen)], width, "yellow"),
            *_damage(seen, width),
            *_paragraphs([promise], width, "dim"),
        ],
        [line for step in _next_steps(seen) for line in _step(*step, width)],
    ]
    return [line for block in filter(None, blocks) for line in (*block, Line())][:-1]


def brief(seen: "Status", width: int | None, name_width: int) -> list[Line]:
    """Return the progress of a sweep among others, and its best task so far."""
    name = Line(seen.sweep, "bold")
    state = Line(seen.state, _STYLES.get(seen.state, ""))
    details = [f"{_finished(seen):,}/{seen.total:,}", *_counts(seen, ("failed", "cancelled"))]
    if seen.seconds_left:
        details.append(f"{short_duration(seen.seconds_left)} left")
    waiting = seen.pending + seen.claimed
    parts = (seen.done + seen.pruned, seen.failed, seen.running, waiting, seen.cancelled)
    numbers = f"  {', '.join(details)}"
    if width is not None and width < NARROW:
        lines = joined("  ", [name, state]).paragraph(width)
        lines += Line("  ").add(bar(parts, _SMALL_BAR)).add(numbers).paragraph(width)
    else:
        longest = name_width if width is None else min(name_width, width // 3)
        name = name.shortened(longest)
        line = Line().add(name).add(" " * (longest + 2 - name.width))
        line.add(state).add(" " * (_LONGEST_STATE + 2 - state.width))
        lines = line.add(bar(parts, _BAR)).add(numbers).paragraph(width)
    lines += _paragraphs([_best(seen)], width)
    return lines + _damage(seen, width)


def summary(seen: "Status") -> str:
    """Return the progress of a sweep in one line, for a log."""
    left = [] if seen.seconds_left is None else [f"{format_duration(seen.seconds_left)} left"]
    text = ", ".join([f"{_finished(seen):,}/{seen.total:,} finished",
                      *_counts(seen, ("running", "failed")), *left])  # fmt: skip
    best = f"; best {cut(seen.best['metric'])} {_best_value(seen)}" if seen.best else ""
    return f"{seen.sweep}  {seen.state}  {text}{best}"


def _paragraphs(texts: Any, width: int | None, style: str = "") -> list[Line]:
    """Return the texts that are not empty as paragraphs, two spaces from the left."""
    return [line for text in texts if text for line in Line(f"  {text}", style).paragraph(width)]


def _finished(seen: "Status") -> int:
    return seen.done + seen.pruned + seen.failed


def _counts(seen: "Status", words: tuple[str, ...]) -> list[str]:
    return [f"{getattr(seen, word):,} {word}" for word in words if getattr(seen, word)]


def _headline(seen: "Status", width: int | None) -> list[Line]:
    line = Line(seen.sweep, "bold").add(f" ({cut(seen.title)})" if seen.title else "")
    line.add("  ").add(seen.state, _STYLES.get(seen.state, ""))
    line.add(f"  {_finished(seen)}/{seen.total} finished")
    for text in _counts(seen, ("running", "claimed", "failed", "pruned", "cancelled")):
        line.add(", ").add(text, "red" if text.endswith("failed") else "")
    if seen.duplicates:
        line.add(f", {counted(seen.duplicates, 'duplicate result')}")
    return line.paragraph(width)


def _speed(seen: "Status") -> str:
    parts = []
    if seen.rate and seen.state == "running":
        parts.append(format_rate(seen.rate, " tasks"))
    if seen.seconds_left is not None:
        parts.append(f"about {short_duration(seen.seconds_left)} left")
    return ", ".join(parts)


def _best(seen: "Status") -> str:
    """Return a line with the best task so far and those of its parameters that vary."""
    if not seen.best:
        return ""
    from colabctl.views.columns import flat

    own = flat(seen.best["params"])
    names = [*seen.divided_by, *(name for name in seen.varying if name not in seen.divided_by)]
    params = ", ".join(f"{cut(name)}={_short(own[name])}" for name in names if name in own)
    where = _named(seen.best.get("tasks", [seen.best["task"]]))
    metric = cut(seen.best["metric"])
    return f"best {metric} {_best_value(seen)} in {where}{f': {params}' if params else ''}"


def _front(seen: "Status", width: int | None) -> list[Line]:
    """Return the tasks on the Pareto front, each with its metrics and what varies."""
    if not seen.front:
        return []
    goals = ", ".join(f"{cut(each['name'])} ({each['goal'][:3]})" for each in seen.metrics)
    noun = "configuration" if any(len(each["tasks"]) > 1 for each in seen.front) else "task"
    lines = _paragraphs([f"Pareto front of {goals}: {counted(len(seen.front), noun)}"], width)
    lines += aligned(
        [
            [Line(_named(each["tasks"])), *_cells_of(each, seen)]
            for each in seen.front[:_MOST_ON_FRONT]
        ],
        width,
        shorten=range(len(seen.metrics) + 1, len(seen.metrics) + 1 + len(seen.varying)),
    )
    if more := len(seen.front) - _MOST_ON_FRONT:
        more_tasks = counted(more, "more task") if more > 0 else ""
        show = command_line("results", seen.sweep, "--pareto")
        lines += _paragraphs([f"and {more_tasks}: {show}"] if more > 0 else [], width)
    return lines


def _cells_of(point: dict[str, Any], seen: "Status") -> list[Line]:
    from colabctl.views.columns import flat

    own = flat(point["params"])
    values = [
        Line(f"{cut(name)} ").add(f"{value:.6g}", "bold") for name, value in point["values"].items()
    ]
    return values + [
        Line(f"{cut(name)}={_short(own[name])}" if name in own else "") for name in seen.varying
    ]


def _named(tasks: list[str]) -> str:
    return tasks[0] if len(tasks) == 1 else f"{tasks[0]} to {tasks[-1]}"


def _best_value(seen: "Status") -> str:
    assert seen.best is not None
    return f"{seen.best['value']:.6g}{seen.best.get('in_words', '')}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else cut(str(value))


def _failures(seen: "Status", width: int | None) -> list[Line]:
    lines = _paragraphs(map(_failure, seen.failures[:_MOST_CAUSES]), width, "red")
    if more := seen.failures[_MOST_CAUSES:]:
        lines += _paragraphs([f"and {counted(len(more), 'more cause')} of failures"], width, "red")
    return lines


def _failure(group: dict[str, Any]) -> str:
    """Return a line for the tasks that failed for one reason."""
    tasks, again = group["tasks"], group["to_retry"]
    which = "" if not again else " and will be tried again" if again == tasks else (
        f" ({again} of them will be tried again)"
    )  # fmt: skip
    place = f" ({group['place']})" if group.get("place") else ""
    return f"{counted(tasks, 'task')} failed{which}: {group['error'][:_LONGEST_ERROR]}{place}"


def _lateness(seen: "Status") -> str:
    if seen.consistency != "eventual":
        return ""
    return "; files of other machines can arrive minutes late"


def _changed(seen: "Status") -> str:
    if not seen.changed:
        return ""
    files = ", ".join(seen.changed[:5])
    return f"changed since the sweep was declared: {files}; tasks run the frozen code"


def _next_steps(seen: "Status") -> list[tuple[str, str]]:
    """Return what to do next, and the commands that do it."""
    steps = []
    step, command = _NEXT_STEPS.get(seen.state, ("", ""))
    if command and not (command == "work" and seen.pilots):  # pilots will be its workers
        steps.append((step, command_line(command, seen.sweep)))
    if seen.failures:
        steps.append(("see why", command_line("failures", seen.sweep)))
    if seen.failed:
        steps.append(("once the cause is gone", command_line("retry", seen.sweep)))
    return steps


def _step(step: str, command: str, width: int | None) -> list[Line]:
    """Return a step and its command, which is never broken into lines: people copy it."""
    line = Line(f"  {step}: {command}")
    if width is None or line.width <= width:
        return [line]
    return [*Line(f"  {step}:").paragraph(width), Line(f"    {command}")]


def _damage(seen: "Status", width: int | None) -> list[Line]:
    lines = _paragraphs(seen.damage[:_MOST_DAMAGE], width, "yellow")
    if more := len(seen.damage[_MOST_DAMAGE:]):
        lines += _paragraphs([f"and {more:,} more damaged journals"], width, "yellow")
    return lines
