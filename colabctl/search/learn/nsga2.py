"""NSGA-II by Optuna, with its generations read off the trials; import this only with Optuna.

Deb, Pratap, Agarwal and Meyarivan, IEEE Transactions on Evolutionary Computation 6 (2002).
"""

from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIISampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

POPULATION = 20
"""Trials of a generation; Optuna's default of 50 would be most of a usual sweep."""


class NSGAII(NSGAIISampler):
    """Breeds from the best of all complete generations; the first trials are random.

    Optuna's own stores in each trial which generation it is of. Here, that follows from the order
    of the complete trials, which every worker knows.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(population_size=POPULATION, seed=seed)

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,  # noqa: ARG002 - Optuna's signature
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Return a child of two parents; {} before there is a generation of them."""
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        parents: list[FrozenTrial] = []
        for start in range(0, len(complete) - POPULATION + 1, POPULATION):
            generation = complete[start : start + POPULATION]
            parents = self._elite_population_selection_strategy(study, generation + parents)
        if not parents:
            return {}
        return self._child_generation_strategy(study, search_space, parents)
