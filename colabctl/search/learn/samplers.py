"""What proposes the parameters of a slot: TPE and GP by Optuna, CMA-ES, and Sobol points.

A proposal depends on the sweep's seed, the values of its cell, the number of the slot and the
trials that are known, and on nothing else. So a worker that dies takes nothing with it, two
machines that claim one slot with the same view propose the same point, and two slots differ.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from importlib.util import find_spec
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Protocol, get_args

from colabctl.errors import UserError
from colabctl.search.language.declaration import SamplerName
from colabctl.search.language.metric import Goal
from colabctl.search.learn.axes import Dimension, Level, Real, inside, level_of, text
from colabctl.search.learn.optuna_bridge import frozen, optuna, quiet
from colabctl.search.learn.trials import Trial, Trials
from colabctl.search.space.discrete import position, same
from colabctl.search.space.space import Space, Values
from colabctl.search.space.uniforms import Path, Uniform, uniforms

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

# Trials, finished or running, that a level has seen before what comes next is learned from them.
_START = 6
# TPE weighs its prior, the even spread over the space, as one trial. In a short search that is
# much: each trial counts so often, as long as all together are no more than the limit. Measured
# by tests.bench.regret, this takes a quarter to nine tenths off the regret after 60 trials.
_WEIGHT = 3
_WEIGHED = 300
# Points among which the best is proposed: fewer than Optuna's 24, so that workers who see each
# other late go different ways.
_CANDIDATES = 10
_TRIES = 20  # at finding a point that is not there already
_FAR = 2**40  # trial numbers from here on are no slots


class Sampler(Protocol):
    """Proposes for the slots of one cell; it remembers what it has read of the trials."""

    def propose(self, number: int, trials: Trials) -> Values:
        """Return the parameters for slot `number`, learned from all trials that are known.

        A trial of which something has changed since the last call is another object. One that is
        not of this space is passed over.
        """


def sampler(name: str, space: Space, goal: Goal, seed: int, values: Values) -> Sampler:
    """Return what proposes for the cell with these `values` of its foreach parameters.

    Raises UserError, naming it, for a library that is missing, ValueError for a name that is none.
    """
    if name not in get_args(SamplerName):
        raise ValueError(f"no sampler is called {name!r:.40}")
    check_libraries(name)
    draws = Draws(space, seed, values)
    if name == "qmc":
        return Sobol(draws)
    level = level_of(space)
    if name == "cmaes":
        numbers = [d for d in level.searched() if isinstance(d.axis, Real) or d.axis.ordered]
        if len(numbers) > 1:  # it needs two; a single number is TPE's
            return CovarianceMatrix(draws, level, numbers, goal)
    if name == "gp":
        return Learner(draws, level, goal, _gp, _as_they_are)
    return Learner(draws, level, goal, _tpe, _weighed)


_LIBRARIES = {"gp": ("torch", "scipy"), "cmaes": ("cmaes",), "qmc": ("scipy",)}


def check_libraries(name: str) -> None:
    """Raise UserError, naming it, for a library that a sampler needs and that is missing."""
    for library in ("optuna", *_LIBRARIES.get(name, ())):
        if find_spec(library) is None:
            raise UserError(f"sampler: {name} needs {library}; run: pip install {library}")


Choosing = Callable[[int], Mapping[Path, float]]
"""Number of the try, from 0, to numbers in (0, 1) for parameters; those left out are drawn."""


class Draws:
    """The random draws of a cell, in which some numbers can be replaced by chosen ones."""

    def __init__(self, space: Space, seed: int, values: Values) -> None:
        self.space = space
        self._key = json.dumps([seed, sorted((name, same(v)) for name, v in values.items())])
        self._uniforms = uniforms(seed, values)
        self._chosen: Mapping[Path, float] = {}
        self._sample = space.sampler(self._of_parameter)

    def _of_parameter(self, path: Path) -> Uniform:
        own = self._uniforms(path)

        def of_trial(trial: int) -> float:
            chosen = self._chosen.get(path)
            return own(trial) if chosen is None else chosen

        return of_trial

    def uniform(self, path: Path, trial: int) -> float:
        """Return the number in (0, 1) that a random search would take."""
        return self._uniforms(path)(trial)

    def seed(self, number: int, what: str = "") -> int:
        """Return a seed, of 32 bits, for one slot; for the whole cell that of slot -1."""
        digest = blake2b(f"{self._key}{number}{what}".encode(), digest_size=4).digest()
        return int.from_bytes(digest)

    def unlike(self, number: int, trials: Trials, choose: Choosing) -> Values:
        """Return the parameters that `choose` chooses in its first try, or in a later one.

        What it does not choose is drawn at random. No other trial has the same parameters, as far
        as there are others: if all tries end at known points, the nearest unknown one in the list
        of all points is taken, counted from a random place.
        """
        others = [trial.params for n, trial in trials.items() if n != number]
        for again in range(_TRIES):
            self._chosen = choose(again)
            proposed = self._sample(number + again * _FAR)
            self._chosen = {}
            equal = [text(params) for params in others if params == proposed]  # and True is not 1
            if text(proposed) not in equal:
                return proposed
        points = self.space.points(methodcaller("support"))
        if points is not None:
            known = {text(params) for params in others}
            begin = self.seed(number)
            for i in range(begin, begin + len(known) + 1):
                point = points.at(i % points.size)
                if text(point) not in known:
                    return point
        return proposed


Making = Callable[[int], "BaseSampler"]
"""Seed to a sampler of Optuna's that has no random start of its own."""


Weighing = Callable[[list["FrozenTrial"]], list["FrozenTrial"]]
"""The trials of a level to those that are shown, some of them more than once."""


def _weighed(trials: list["FrozenTrial"]) -> list["FrozenTrial"]:
    return trials * max(1, min(_WEIGHT, _WEIGHED // len(trials)))


def _as_they_are(trials: list["FrozenTrial"]) -> list["FrozenTrial"]:
    return trials


def _tpe(seed: int) -> "BaseSampler":
    made: BaseSampler = optuna("method: bayes").samplers.TPESampler(
        n_startup_trials=0,
        multivariate=True,
        constant_liar=True,
        n_ei_candidates=_CANDIDATES,
        seed=seed,
    )
    return made


def _gp(seed: int) -> "BaseSampler":
    made: BaseSampler = optuna("method: bayes").samplers.GPSampler(n_startup_trials=0, seed=seed)
    return made


class Learner:
    """Asks a sampler of Optuna's level by level, going down into the branch that is chosen.

    Each level learns from the trials that have it: so conditional parameters are searched jointly
    with those beside them, and by nothing that does not concern them.
    """

    def __init__(
        self, draws: Draws, level: Level, goal: Goal, make: Making, weigh: Weighing
    ) -> None:
        self._draws, self._level, self._make, self._weigh = draws, level, make, weigh
        self._known: dict[int, tuple[Trial, FrozenTrial | None]] = {}
        self._distributions = {d.name: d.axis.distribution for d in _every(level)}
        module = optuna("method: bayes")

        class Shown(module.storages.InMemoryStorage):  # type: ignore[misc, name-defined]
            """Shows a study the trials that one level is to learn from."""

            trials: list["FrozenTrial"] = []  # noqa: RUF012 - replaced, never changed

            def get_all_trials(
                self,
                study_id: int,  # noqa: ARG002 - there is one study
                deepcopy: bool = True,  # noqa: ARG002 - nobody changes them
                states: Any = None,
            ) -> list["FrozenTrial"]:
                return [t for t in self.trials if states is None or t.state in states]

            def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
                """Pass over what a sampler notes of the trial in question, which is not stored."""

        with quiet():
            self._storage = Shown()
            module.create_study(storage=self._storage, direction=goal, study_name="cell")

    def propose(self, number: int, trials: Trials) -> Values:
        """See Sampler."""
        self._learn(trials)
        known = [frozen for n, (_, frozen) in sorted(self._known.items()) if frozen and n != number]

        def choose(again: int) -> Mapping[Path, float]:
            chosen: dict[Path, float] = {}
            with quiet():
                self._choose(self._level, known, number + again * _FAR, chosen)
            return chosen

        return self._draws.unlike(number, trials, choose)

    def _learn(self, trials: Trials) -> None:
        for number, trial in trials.items():
            known = self._known.get(number)
            if known is None or known[0] is not trial:
                found = self._level.coordinates(trial.params)
                if found is None:
                    self._known[number] = trial, None
                    continue
                kinds = {name: self._distributions[name] for name in found}
                self._known[number] = trial, frozen(number, trial, found, kinds)
        for gone in self._known.keys() - trials.keys():
            del self._known[gone]

    def _choose(
        self,
        level: Level,
        known: list["FrozenTrial"],
        number: int,
        chosen: dict[Path, float],
    ) -> None:
        """Choose what the level searches, and then what the chosen branches do."""
        searched = level.searched()
        if searched:
            here = [trial for trial in known if searched[0].name in trial.params]
            finished = any(trial.state.name == "COMPLETE" for trial in here)
            counted = sum(trial.state.name != "FAIL" for trial in here)
            if finished and counted >= _START:
                chosen |= self._ask(searched, here, number)
        for dimension in level.dimensions:
            if dimension.opens:
                u = chosen.get(dimension.path)
                if u is None:
                    u = self._draws.uniform(dimension.path, number)
                branch = dimension.opens[position(u, 0, len(dimension.opens))]
                self._choose(branch, known, number, chosen)

    def _ask(
        self, searched: tuple[Dimension, ...], here: list["FrozenTrial"], number: int
    ) -> dict[Path, float]:
        self._storage.trials = self._weigh(here)
        study = optuna("method: bayes").load_study(study_name="cell", storage=self._storage)
        made = self._make(self._draws.seed(number, searched[0].name))
        asked = {d.name: d.axis.distribution for d in searched}
        found = made.sample_relative(study, frozen(number, Trial("running", {})), asked)
        return {d.path: d.axis.share(found[d.name]) for d in searched if d.name in found}


def _every(level: Level) -> Iterator[Dimension]:
    for dimension in level.dimensions:
        yield dimension
        for opened in dimension.opens:
            yield from _every(opened)


class CovarianceMatrix:
    """CMA-ES (N. Hansen) over the numbers that every task has; the rest is drawn at random.

    Generations are formed of the finished trials in the order in which they ended, whoever ran
    them: the strategy is rebuilt from them for each slot, and asked once.
    """

    def __init__(self, draws: Draws, level: Level, numbers: list[Dimension], goal: Goal) -> None:
        import cmaes  # noqa: PLC0415 - not everyone has it

        self._cma = cmaes.CMA
        self._draws, self._level, self._numbers = draws, level, numbers
        self._sign = -1.0 if goal == "maximize" else 1.0

    def propose(self, number: int, trials: Trials) -> Values:
        """See Sampler."""
        import numpy as np  # noqa: PLC0415 - cmaes has it

        count = len(self._numbers)
        strategy = self._cma(
            mean=np.full(count, 0.5),
            sigma=0.3,
            bounds=np.array([[0.0, 1.0]] * count),
            seed=self._draws.seed(number),
        )
        finished = list(self._finished(trials))
        size = strategy.population_size
        for begin in range(0, len(finished) - size + 1, size):
            strategy.tell(
                [(np.array(point), value) for point, value in finished[begin : begin + size]]
            )

        def choose(again: int) -> Mapping[Path, float]:
            strategy.reseed_rng(self._draws.seed(number + again * _FAR))
            asked = zip(self._numbers, strategy.ask(), strict=True)
            return {d.path: inside(float(u)) for d, u in asked}

        return self._draws.unlike(number, trials, choose)

    def _finished(self, trials: Trials) -> Iterator[tuple[list[float], float]]:
        for _, trial in sorted(trials.items(), key=_by_end):
            value = trial.value
            if trial.state != "done" or value is None or value != value:  # noqa: PLR0124 - NaN
                continue
            found = self._level.coordinates(trial.params)
            if found is not None:
                worst = min(max(self._sign * value, -1e300), 1e300)
                yield [d.axis.share(found[d.name]) for d in self._numbers], worst


def _by_end(item: tuple[int, Trial]) -> tuple[float, int]:
    number, trial = item
    return math.inf if trial.ended is None else trial.ended, number


class Sobol:
    """Points of a scrambled Sobol sequence, the slot's number in it; nothing is learned."""

    def __init__(self, draws: Draws) -> None:
        from scipy.stats import qmc  # noqa: PLC0415 - heavy, and not everyone has it

        self._draws = draws
        self._paths = sorted({d.path for d in _every(level_of(draws.space))})
        self._make: Callable[[], Any] = lambda: qmc.Sobol(len(self._paths), seed=draws.seed(-1))

    def propose(self, number: int, trials: Trials) -> Values:
        """See Sampler."""
        return self._draws.unlike(
            number, trials, lambda again: {} if again else self._point(number)
        )

    def _point(self, number: int) -> Mapping[Path, float]:
        if not self._paths:
            return {}
        sequence = self._make()
        if number:
            sequence.fast_forward(number)
        point = zip(self._paths, sequence.random()[0], strict=True)
        return {path: inside(float(u)) for path, u in point}
