"""The random draws of a cell, in which a sampler can replace uniform numbers."""

import json
import math
from collections.abc import Callable, Mapping
from hashlib import blake2b
from itertools import islice

from colabctl.search.learn.trials import Trials
from colabctl.search.space.discrete import exact_key, grid_key
from colabctl.search.space.space import Space, Values
from colabctl.search.space.uniforms import Path, Uniform, uniforms

_TRIES = 20  # to propose a point that no other trial has
_PROPOSALS = 3  # of a trial that may break constraints, before one is moved
_ANCHORS = 8  # random points that meet the constraints, from which a proposal is approached
_ANCHOR_DRAWS = 1000
_STEPS = 16  # from an anchor to a proposal
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
        self._draw = space.draws(self._of_parameter)
        self._anchors: list[int] | None = None

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
        random position on. A proposal that breaks constraints counts as a try; after a few of them,
        the next is moved towards random points until it meets them.
        """
        others = [trial.params for n, trial in trials.items() if n != number]
        broken = 0
        for attempt in range(_TRIES):
            draw = number + attempt * _BEYOND_TRIALS
            chosen = choose(draw)
            point = self._with(chosen, draw)
            if not self.space.allows(point):
                broken += 1
                if broken < _PROPOSALS:
                    continue
                point = self._moved(chosen, draw)
            proposed = point
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

    def _with(self, chosen: Mapping[Path, float], draw: int) -> Values:
        """Return a draw with chosen numbers; without them, it meets the constraints."""
        self._chosen = chosen
        values = self._draw(draw) if chosen else self._sample(draw)
        self._chosen = {}
        return values

    def _moved(self, chosen: Mapping[Path, float], draw: int) -> Values:
        """Return the nearest point to a proposal, on lines to a few points, that is allowed."""
        if self._anchors is None:
            allowed = (n for n in range(_ANCHOR_DRAWS) if self.space.allows(self._draw(n)))
            self._anchors = list(islice(allowed, _ANCHORS))
        nearest, least = None, math.inf
        for anchor in self._anchors:
            start = {path: self._uniforms(path)(anchor) for path in chosen}
            length = math.dist(start.values(), chosen.values())
            for step in reversed(range(_STEPS)):
                share = step / _STEPS
                if (1 - share) * length >= least:
                    break
                point = {p: start[p] + share * (end - start[p]) for p, end in chosen.items()}
                values = self._with(point, anchor)
                if self.space.allows(values):
                    nearest, least = values, (1 - share) * length
                    break
        return self._sample(draw) if nearest is None else nearest
