"""Reads the `parameters:` of a sweep file into a space."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from colabctl.search.language.distribution_keys import UNREADABLE, note_none, read_distribution
from colabctl.search.language.problems import Problems
from colabctl.search.space.discrete import Constant
from colabctl.search.space.overrides import ClashError, resolved
from colabctl.search.space.space import Choice, Leaf, Nest, Parameter, Space
from colabctl.yamlfile.problems import Path, dotted, shown

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_GLUED = re.compile(r"(?:values?|min|max|distribution|parameters|choices):\S")
_SPACE = "write a space after the colon of each key, as in values: [1, 2]"
_ODD_NAME = "W&B does not allow this name (only letters, digits, _ . and -); accepted here"

_BARE_LIST = (
    "is a bare list; write values: [...] to try each item, value: [...] for the list itself"
)
_EMPTY = "has no value; write value: null if you mean null"
_NO_NAME = "is not a name for a parameter; use letters, digits, _ . and -"
_NO_BRANCHES = "must be a map of branches, as in {svm: {parameters: {...}}, linear: {}}"
_NO_BRANCH = "put the parameters of a branch under parameters:, or leave it empty: {}"
_NO_PARAMETERS = "must be a map of parameters, as in {lr: {values: [1e-3, 1e-4]}}"


@dataclass(frozen=True)
class ParametersReader:
    """Reads maps of parameters and records their problems; a `grid` must be finite."""

    problems: Problems
    grid: bool

    def space(self, content: Any, path: Path) -> Space:
        """Return the space of the map of parameters at `path`."""
        if not isinstance(content, dict):
            self.problems.add(path, _NO_PARAMETERS)
            return Space()
        parameters = [self.parameter(name, raw, (*path, name)) for name, raw in content.items()]
        try:
            return resolved(parameters)
        except ClashError as clash:
            self.problems.add(path, str(clash))
            return Space.of(parameters)

    def parameter(self, name: str, raw: Any, path: Path) -> Parameter:
        """Return one parameter; if it has a problem, only its name counts."""
        self._check_name(name, path)
        match raw:
            case {"choices": choices, **others}:
                self._refuse(others, path, "choices")
                return self._choice(name, choices, (*path, "choices"))
            case {"parameters": parameters, **others} if "distribution" not in others:
                self._refuse(others, path, "parameters")
                return Nest(name, self.space(parameters, (*path, "parameters")))
            case dict():
                return Leaf(name, read_distribution(raw, path, self.problems, grid=self.grid))
            case list():
                self.problems.add(path, _BARE_LIST)
            case None:
                self.problems.add(path, _EMPTY)
            case str() if _GLUED.match(raw):
                self.problems.add(path, f"is the text {shown(raw)}; {_SPACE}")
            case _:
                note_none(raw, path, self.problems)
                return Leaf(name, Constant(raw))
        return Leaf(name, UNREADABLE)

    def _choice(self, name: str, raw: Any, path: Path) -> Parameter:
        if not isinstance(raw, dict) or not raw:
            self.problems.add(path, _NO_BRANCHES)
            return Leaf(name, UNREADABLE)
        branches = {branch: self._branch(value, (*path, branch)) for branch, value in raw.items()}
        return Choice(name, branches)

    def _branch(self, raw: Any, path: Path) -> Space:
        if not raw and (raw is None or isinstance(raw, dict)):
            return Space()
        if not isinstance(raw, dict) or "parameters" not in raw:
            self.problems.add(path, _NO_BRANCH)
            return Space()
        self._refuse((key for key in raw if key != "parameters"), path, "parameters")
        return self.space(raw["parameters"] or {}, (*path, "parameters"))

    def _check_name(self, name: str, path: Path) -> None:
        if not name.strip() or not name.isprintable():
            self.problems.add(path, _NO_NAME, key=True)
        elif not _NAME.fullmatch(name):
            self.problems.note(dotted(path[1:]), _ODD_NAME)

    def _refuse(self, keys: Iterable[Any], path: Path, main: str) -> None:
        for key in keys:
            self.problems.add((*path, key), f"cannot be combined with {main}:", key=True)
