"""What to try: the sweep language, and how its spaces become tasks."""

from colabctl.search.cells import Cell
from colabctl.search.declaration import Declaration, read
from colabctl.search.expansion import Draw, Expansion, expand
from colabctl.search.objective import Metric
from colabctl.search.problems import Problem, SweepFileError
from colabctl.search.space import Space

__all__ = [
    "Cell",
    "Declaration",
    "Draw",
    "Expansion",
    "Metric",
    "Problem",
    "Space",
    "SweepFileError",
    "expand",
    "read",
]
