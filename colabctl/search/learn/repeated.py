"""The trials of configurations that run several times, as a search learns from them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from colabctl.repeat import Repeat
from colabctl.search.learn.trials import Trial, Trials


class Configurations:
    """The trials of the configurations of one cell, made from those of its tasks.

    The value of a configuration is that of its tasks with a value so far, aggregated. It is running
    until one task has a value, or all have ended without one. With a task that was stopped early,
    it counts as stopped: its other tasks alone would look too good.
    """

    def __init__(self, repeat: Repeat) -> None:
        self._repeat = repeat
        self._seen: dict[int, tuple[Sequence[Trial], Trial]] = {}

    def of(self, trials: Mapping[int, Trial]) -> Trials:
        """Return the trials by the number of the configuration; unchanged ones as the same object.

        `trials` are the tasks of the cell, by their number in it.
        """
        groups: dict[int, list[Trial]] = {}
        for number in sorted(trials):
            groups.setdefault(number // self._repeat.count, []).append(trials[number])
        for number, group in groups.items():
            seen = self._seen.get(number)
            if seen is None or list(map(id, seen[0])) != list(map(id, group)):
                self._seen[number] = group, self._merged(group)
        return {number: self._seen[number][1] for number in groups}

    def _merged(self, group: Sequence[Trial]) -> Trial:
        """Return one trial for the tasks of a configuration.

        Two workers that start a configuration at the same moment may choose different parameters;
        those of its first task count.
        """
        params = self._repeat.configuration(group[0].params)
        same = [each for each in group if self._repeat.configuration(each.params) == params]
        stopped = next((each for each in same if each.state == "pruned"), None)
        if stopped is not None:
            return replace(stopped, params=params)
        done = [each for each in same if each.state == "done" and _numbers(each)]
        if done:
            ended = max((each.ended for each in done if each.ended is not None), default=None)
            merged = replace(done[0], params=params, reports=(), ended=ended)
            numbers = map(self._repeat.aggregated, zip(*map(_numbers, done), strict=True))
            if merged.values is None:
                return replace(merged, value=next(numbers))
            return replace(merged, values=tuple(numbers))
        running = next((each for each in same if each.state == "running"), None)
        return replace(running or same[0], params=params)


def _numbers(trial: Trial) -> tuple[float, ...]:
    """Return the final metric of a trial, or its metrics; () if it lacks one."""
    if trial.values is not None:
        return trial.values
    return () if trial.value is None else (trial.value,)


def alike(trials: Trials, number: int, repeat: Repeat) -> Trials:
    """Return the trials that stopping early compares with trial `number`: the same repeats.

    So a fold is compared with the same fold, a seed with the same seed, and never the repeats of
    one good configuration with each other.
    """
    own = number % repeat.count
    return {each: trial for each, trial in trials.items() if each % repeat.count == own}
