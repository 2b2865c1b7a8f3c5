"""Sweep files, the spaces that they declare, and the search in them."""

from colabctl.search.expansion import Expansion, PlannedTask, expand
from colabctl.search.language.declaration import Declaration, read
from colabctl.search.language.metric import Metric
from colabctl.search.language.problems import Problem, SweepFileError
from colabctl.search.space.cells import Cell
from colabctl.search.space.space import Space

__all__ = [
    "Cell",
    "Declaration",
    "Expansion",
    "Metric",
    "PlannedTask",
    "Problem",
    "Space",
    "SweepFileError",
    "expand",
    "read",
]
