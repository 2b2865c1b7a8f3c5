"""The random draws of a cell, in which a sampler can replace uniform numbers."""

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b

from colabctl.search.learn.axes import exact_key
from colabctl.search.learn.trials import Trials
from colabctl.search.space.discrete import grid_key
from colabctl.search.space.space import Space, Values
from colabctl.search.space.uniforms import Path, Uniform, uniforms

_TRIES = 20  # to propose a point that no other trial has
_BEYOND_TRIALS = 2**40  # draws from this number on belong to no trial

Chooser = Callable[[int], Mapping[Path, float]]
"""From the number of a draw to uniform numbers for some parameters; the others are random."""


class CellDraws:
    """The random draws of one cell."""

    def __init__(self, space: Space, seed: int, values: Values) -> None:
        self.space = space
        self._key = json.dumps([seed, sorted((name, grid_key(v)) for name, v in values.items())])
        self._uniforms = uniforms(seed, values)
        self._chosen: Mapping[Path, float] = {}
        self._sample = space.sampler(self._of_parameter)

    def _of_parameter(self, path: Path) -> Uniform:
        random = self._uniforms(path)

        def of_trial(trial: int) -> float:
            chosen = self._chosen.get(path)
            return random(trial) if chosen is None else chosen

        return of_trial

    def uniform(self, path: Path, draw: int) -> float:
        """Return the uniform number that a random search would use."""
        return self._uniforms(path)(draw)

    def seed(self, draw: int, purpose: str = "") -> int:
        """Return a seed of 32 bits for one draw; draw -1 is the cell itself."""
        digest = blake2b(f"{self._key}{draw}{purpose}".encode(), digest_size=4).digest()
        return int.from_bytes(digest)

    def new_point(self, number: int, trials: Trials, choose: Chooser) -> Values:
        """Return parameters for trial `number` that no other trial has, if there are any.

        It tries `choose` with the trial's own draw, then with several others. If all of them give
        points of other trials, it returns the first free one in the list of all points, from a
        random position on.
        """
        others = [trial.params for n, trial in trials.items() if n != number]
        for attempt in range(_TRIES):
            draw = number + attempt * _BEYOND_TRIALS
            self._chosen = choose(draw)
            proposed = self._sample(draw)
            self._chosen = {}
            equal = [
                exact_key(params) for params in others if params == proposed
            ]  # and True is not 1
            if exact_key(proposed) not in equal:
                return proposed
        points = self.space.points(grid=False)
        if points is not None:
            texts = {exact_key(params) for params in others}
            start = self.seed(number)
            for i in range(start, start + len(texts) + 1):
                point = points.at(i % points.size)
                if exact_key(point) not in texts:
                    return point
        return proposed
