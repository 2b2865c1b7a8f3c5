"""The events that a worker has not written yet."""

from collections.abc import Callable, Mapping
from typing import Any

from colabctl.ledger import OUTCOME_KINDS
from colabctl.run.messages import Done, Failed, Pruned
from colabctl.run.output import last_lines
from colabctl.run.redaction import concealed
from colabctl.work.pacing import Pacing

Event = tuple[str, dict[str, Any]]  # kind and parts


class Outbox:
    """Events that wait to be written together. All reports of a task become one event."""

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        self._events: list[Event] = []
        self._growing: dict[tuple[str, int], dict[str, Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._events)

    def add(self, kind: str, parts: dict[str, Any]) -> None:
        """Add an event."""
        self._events.append((kind, parts))

    def report(self, task: int, attempt: int, step: float | None, values: dict[str, Any]) -> None:
        """Add intermediate values of a task."""
        self._growing_parts("report", task, attempt, reports=[])["reports"].append([step, values])

    def suggested(self, task: int, attempt: int, name: str, value: Any, distribution: Any) -> None:
        """Add a parameter that an objective asked for."""
        parts = self._growing_parts("suggested", task, attempt, params={}, distributions={})
        parts["params"][name] = value
        parts["distributions"][name] = distribution

    def _growing_parts(self, kind: str, task: int, attempt: int, **empty: Any) -> dict[str, Any]:
        """Return the parts of a task's event of this kind, which grow until it is written."""
        parts = self._growing.get((kind, task))
        if parts is None or parts["attempt"] != attempt:
            parts = self._growing[kind, task] = {"task": task, "attempt": attempt, **empty}
            self._events.append((kind, parts))
        return parts

    def patience(self) -> float:
        """Return how many seconds the events may wait before they are written."""
        reports = all(kind == "report" for kind, _ in self._events)
        return self._pacing.report if reports else self._pacing.flush

    def closed(self) -> set[int]:
        """Return the tasks that the events here end or release."""
        ended = {parts["task"] for kind, parts in self._events if kind in OUTCOME_KINDS}
        released = (parts["tasks"] for kind, parts in self._events if kind == "released")
        return ended.union(*released)

    def take(self) -> list[Event]:
        """Remove and return all events."""
        events, self._events = self._events, []
        self._growing.clear()
        return events


def outcome(
    end: Done | Pruned | Failed,
    attempt: int,
    conceal: Callable[[str], str],
    latest: Mapping[str, Any],
    *,
    final: bool = False,
) -> Event:
    """Return the event of a task's end, without secrets.

    `latest` are the values that a pruned task reported last. A task does not run again after a
    `final` failure.
    """
    parts: dict[str, Any] = {"task": end.index, "attempt": attempt, "seconds": end.seconds}
    if isinstance(end, Failed):
        parts |= {"error": conceal(end.error), "output": conceal(last_lines(end.output))}
    else:
        parts["metrics"] = concealed(end.metrics, conceal)
    if isinstance(end, Pruned):
        parts["metrics"] = {**latest, **parts["metrics"]}
    if final:
        parts["final"] = True
    if end.attributes:
        parts["attributes"] = concealed(end.attributes, conceal)
    return type(end).__name__.lower(), parts
