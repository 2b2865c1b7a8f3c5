"""What to try: the sweep language, and how its spaces become tasks."""

from colabctl.search.expansion import Draw, Expansion, expand
from colabctl.search.language.declaration import Declaration, read
from colabctl.search.language.metric import Metric
from colabctl.search.space.cells import Cell
from colabctl.search.space.space import Space
from colabctl.yamlfile.problems import InvalidFileError, Problem

__all__ = [
    "Cell",
    "Declaration",
    "Draw",
    "Expansion",
    "InvalidFileError",
    "Metric",
    "Problem",
    "Space",
    "expand",
    "read",
]
