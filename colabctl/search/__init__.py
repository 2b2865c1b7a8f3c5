"""Sweep files, the spaces that they declare, and the search in them."""

from colabctl.search.expansion import Expansion, PlannedTask, expand
from colabctl.search.language.additions import (
    Addition,
    NewValue,
    additions,
    asked_for,
    with_additions,
)
from colabctl.search.language.declaration import Declaration, read, read_declared
from colabctl.search.language.metric import Metric
from colabctl.search.space.cells import Cell
from colabctl.search.space.space import Space
from colabctl.yamlfile.problems import InvalidFileError, Problem

__all__ = [
    "Addition",
    "Cell",
    "Declaration",
    "Expansion",
    "InvalidFileError",
    "Metric",
    "NewValue",
    "PlannedTask",
    "Problem",
    "Space",
    "additions",
    "asked_for",
    "expand",
    "read",
    "read_declared",
    "with_additions",
]
