"""The summary of a sweep in a line: counts, rate, time left, the best task so far.

It is for those who work on the sweep, and prints nothing itself.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from colabctl.durations import format_duration, format_rate
from colabctl.ledger import Ledger, Plan, TaskFiles, Waiting, params_of, task_name, waiting
from colabctl.views.best import best, best_configuration
from colabctl.views.cells import Division, divide, progress
from colabctl.views.columns import flat
from colabctl.views.repeats import in_words
from colabctl.views.status import recent_rate
from colabctl.views.varying import Variation

_LONGEST = 40  # characters of a name or value


@dataclass(frozen=True)
class Best:
    """The best task so far; `params` are those that vary, as text."""

    task: str
    metric: str
    value: float
    params: str
    repeats: str = ""
    """Of a configuration with repeats: " ± 0.01 (mean of 5)"."""

    def __str__(self) -> str:
        where = f"{self.task}: {self.params}" if self.params else self.task
        return f"best {short(self.metric)} {short(self.value)}{self.repeats} ({where})"


@dataclass(frozen=True)
class Summary:
    """A sweep at one moment.

    Attributes:
        rate: Tasks per second, or None if unknown.
        seconds_left: An estimate, or None if unknown.
        waiting: Why no task can be claimed, or None.

    """

    sweep: str
    total: int
    finished: int
    failed: int = 0
    cancelled: int = 0
    rate: float | None = None
    seconds_left: float | None = None
    best: Best | None = None
    waiting: Waiting | None = None

    def parts(self) -> list[str]:
        """Return the counts, the time left and the rate, as far as they are known."""
        return [
            f"{self.finished}/{self.total}",
            *([f"{self.failed} failed"] if self.failed else []),
            *([f"{self.cancelled} cancelled"] if self.cancelled else []),
            *([f"{format_duration(self.seconds_left)} left"] if self.seconds_left else []),
            *(
                [format_rate(self.rate)]
                if self.rate and self.finished + self.cancelled < self.total
                else []
            ),
        ]

    def __str__(self) -> str:
        best = [str(self.best)] if self.best else []
        return f"{self.sweep}: {', '.join([*self.parts(), *best])}"


class Summarizer:
    """Summarises a sweep time and again.

    Which parameters vary it learns from the first and the last task, which differ most in a grid,
    and from those that it is shown: reading all task files could take minutes on a Drive.
    """

    def __init__(self, plan: Plan, ledger: Ledger, tasks: TaskFiles) -> None:
        self._plan, self._ledger, self._tasks = plan, ledger, tasks
        # One with `foreach` is divided without reading its tasks.
        one = Division((), ({},), (range(plan.total),))
        self._division = divide(plan, tasks) if len(plan.cells) > 1 else one
        self._variation = Variation()
        self._seen: set[int] = set()
        self._is_new = True
        self._best: tuple[int, dict[str, Any]] | None = None

    def summary(self, me: str = "") -> Summary:
        """Return how far the sweep is for the worker `me`, as far as its ledger has been read."""
        if self._is_new:
            self._is_new = False
            self._begin()
        plan, state, now = self._plan, self._ledger.state, self._ledger.clock.now()
        forecast = progress(plan, state, self._division, now, recent_rate(state, now))
        return Summary(
            plan.sweep,
            state.total,
            state.outcomes,
            failed=state.counts["failed"],
            cancelled=state.counts["cancelled"],
            rate=forecast.rate,
            seconds_left=forecast.seconds_left,
            best=self._best_task(),
            waiting=waiting(plan, state, now, me),
        )

    def _begin(self) -> None:
        with suppress(OSError):  # the folder does not answer
            for index in (0, self._plan.total - 1):
                self.see(index, self._tasks.params(index) or {})

    def see(self, index: int, params: Mapping[str, Any]) -> None:
        """Learn from a task which parameters vary."""
        if params and index not in self._seen:
            self._seen.add(index)
            self._variation.add(flat(params))

    def params(self, params: Mapping[str, Any]) -> str:
        """Return those parameters of a task that vary, such as "lr=0.01 model=svm"."""
        own = flat(params)
        names = self._variation.varying() if len(self._seen) > 1 else own
        return " ".join(f"{short(name)}={short(own[name])}" for name in names if name in own)

    def _best_task(self) -> Best | None:
        first = best(self._plan, self._ledger.state)
        if first is None:
            return None
        index, value = first
        own, repeats = best_configuration(self._plan, self._ledger.state), ""
        if own is not None:
            repeats = in_words(self._plan.repeats.aggregate, own.sd, len(own.tasks))
        if self._best is None or self._best[0] != index:
            try:
                params = params_of(self._ledger.state, self._tasks, index)
                params = self._plan.repeats.configuration(params)
            except OSError:  # the folder does not answer
                return Best(task_name(index), str(self._plan.metric), value, "", repeats)
            self._best = index, params
        self.see(*self._best)
        varying = self.params(self._best[1])
        return Best(task_name(index), str(self._plan.metric), value, varying, repeats)


def short(value: object) -> str:
    """Return a value in a few characters: a number with four digits, or the start of a text."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
