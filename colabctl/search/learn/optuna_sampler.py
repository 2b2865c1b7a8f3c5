"""Optuna's TPE and a Gaussian process as samplers; import this only where Optuna is installed."""

import importlib
import time
from collections.abc import Callable, Container, Mapping, Sequence

import optuna
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from colabctl.search.language.metric import Goal
from colabctl.search.learn.auto import Choice, Kind, Learner
from colabctl.search.learn.axes import Dimension, Level, Listed
from colabctl.search.learn.cell_draws import CellDraws
from colabctl.search.learn.nsga2 import NSGAII
from colabctl.search.learn.optuna_bridge import frozen, quiet
from colabctl.search.learn.trials import Trial, Trials
from colabctl.search.space.discrete import position
from colabctl.search.space.space import Values
from colabctl.search.space.uniforms import Path

# The number of trials, finished or running, from which a level learns; before, draws are random.
_START = 6
# TPE gives its uniform prior the weight of one trial, which is much in a short search. So each
# trial counts several times, as long as all together do not exceed the limit. In
# tests.bench.regret, this reduces the regret after 60 trials by a quarter to nine tenths.
_WEIGHT = 3
_WEIGHED = 300
# TPE proposes the best of this number of candidates. They are fewer than Optuna's 24, so that
# workers that see each other's trials late propose different points.
_CANDIDATES = 10
_STUDY = "cell"


class _Storage(optuna.storages.InMemoryStorage):
    """A storage of one study that shows it the trials of one level."""

    def __init__(self) -> None:
        self.trials: list[FrozenTrial] = []
        super().__init__()

    def get_all_trials(
        self,
        study_id: int,  # noqa: ARG002 - there is one study
        deepcopy: bool = True,  # noqa: ARG002 - they are never changed
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        return [trial for trial in self.trials if states is None or trial.state in states]

    def set_trial_system_attr(self, trial_id: int, key: str, value: object) -> None:
        """Ignore attributes of the new trial, which is not stored."""


class OptunaSampler:
    """Asks a sampler of Optuna's level by level, down into the chosen branches.

    Each level learns from the trials that have it. So conditional parameters are searched jointly
    with the others of their level, and trials without them do not count.
    """

    def __init__(
        self,
        draws: CellDraws,
        level: Level,
        goals: Sequence[Goal],
        kind: Kind,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._draws, self._level = draws, level
        self._several = len(goals) > 1
        self._sign = -1.0 if goals[0] == "maximize" else 1.0
        self._choice = Choice(level, kind, several=self._several)
        self._clock = clock
        self.proposed_by = "random"
        self._seen: dict[int, tuple[Trial, FrozenTrial | None]] = {}
        self._distributions = {d.name: d.axis.optuna_distribution for d in level.walk()}
        self._storage = _Storage()
        with quiet():
            optuna.create_study(storage=self._storage, directions=list(goals), study_name=_STUDY)

    def prepare(self, trials: Trials) -> None:
        """See Sampler."""
        if self._choice.of(trials) == "gp":
            # A proposal would import SciPy while others wait for the claims' lock.
            importlib.import_module("colabctl.search.learn.acquisition")

    def propose(self, number: int, trials: Trials) -> Values:
        """See Sampler."""
        self._update(trials)
        others = [frozen for n, (_, frozen) in sorted(self._seen.items()) if frozen and n != number]
        learner = self._choice.of(trials)

        def choose(draw: int) -> Mapping[Path, float]:
            chosen: dict[Path, float] = {}
            self.proposed_by = "random"
            with quiet():
                self._choose(self._level, others, draw, chosen, learner)
            return chosen

        return self._draws.new_point(number, trials, choose)

    def _update(self, trials: Trials) -> None:
        for number, trial in trials.items():
            seen = self._seen.get(number)
            if seen is None or seen[0] is not trial:
                coordinates = self._level.coordinates(trial.params)
                if coordinates is None:
                    self._seen[number] = trial, None
                    continue
                distributions = {name: self._distributions[name] for name in coordinates}
                self._seen[number] = trial, frozen(number, trial, coordinates, distributions)
        for number in self._seen.keys() - trials.keys():
            del self._seen[number]

    def _choose(
        self,
        level: Level,
        trials: list[FrozenTrial],
        draw: int,
        chosen: dict[Path, float],
        learner: Learner,
    ) -> None:
        """Choose the searched parameters of a level, then those of the chosen branches."""
        searched = level.searched()
        if searched:
            own = [trial for trial in trials if searched[0].name in trial.params]
            finished = any(trial.state == TrialState.COMPLETE for trial in own)
            counted = sum(trial.state != TrialState.FAIL for trial in own)
            if finished and counted >= _START:
                self.proposed_by = learner
                begun = self._clock()
                chosen |= self._ask(searched, own, draw, learner)
                if learner == "gp":
                    self._choice.measured(self._clock() - begun)
        for dimension in level.dimensions:
            if dimension.branches:
                share = chosen.get(dimension.path)
                if share is None:
                    share = self._draws.uniform(dimension.path, draw)
                branch = dimension.branches[position(share, 0, len(dimension.branches))]
                self._choose(branch, trials, draw, chosen, learner)

    def _ask(
        self,
        searched: tuple[Dimension, ...],
        trials: list[FrozenTrial],
        draw: int,
        learner: Learner,
    ) -> dict[Path, float]:
        if learner == "gp":
            return self._ask_process(searched, trials, draw)
        weight = 1
        if learner == "tpe" and not self._several:  # of several metrics, a copy adds nothing
            weight = max(1, min(_WEIGHT, _WEIGHED // len(trials)))
        self._storage.trials = trials * weight
        sampler = _sampler(learner, self._draws.seed(draw, searched[0].name))
        distributions = {d.name: d.axis.optuna_distribution for d in searched}
        study = optuna.load_study(study_name=_STUDY, storage=self._storage)  # without a cache
        trial = frozen(draw, Trial("running", {}))
        values = sampler.sample_relative(study, trial, distributions)
        return {d.path: d.axis.share(values[d.name]) for d in searched if d.name in values}

    def _ask_process(
        self, searched: tuple[Dimension, ...], trials: list[FrozenTrial], draw: int
    ) -> dict[Path, float]:
        """Ask a Gaussian process; a trial that runs elsewhere has no value yet."""
        from colabctl.search.learn.acquisition import Box, proposed  # noqa: PLC0415 - needs SciPy

        axes = [each.axis for each in searched]
        counts = [len(axis.shares) if isinstance(axis, Listed) else None for axis in axes]
        listed = [isinstance(axis, Listed) and not axis.ordered for axis in axes]
        scales = [
            1 if count is None or each else count - 1
            for count, each in zip(counts, listed, strict=True)
        ]

        def points(state: TrialState) -> list[list[float]]:
            return [
                [trial.params[d.name] / scale for d, scale in zip(searched, scales, strict=True)]
                for trial in trials
                if trial.state == state
            ]

        point = proposed(
            Box(counts, listed),
            points(TrialState.COMPLETE),
            [
                self._sign * trial.values[0]
                for trial in trials
                if trial.state == TrialState.COMPLETE
            ],
            points(TrialState.RUNNING),
            self._draws.seed(draw, searched[0].name),
        )
        return {
            d.path: d.axis.share(share if count is None else round(share * scale))
            for d, share, count, scale in zip(searched, point, counts, scales, strict=True)
        }


def _sampler(learner: Learner, seed: int) -> BaseSampler:
    if learner == "nsga2":
        return NSGAII(seed)
    return TPESampler(
        n_startup_trials=0,
        multivariate=True,
        constant_liar=True,
        n_ei_candidates=_CANDIDATES,
        seed=seed,
    )
