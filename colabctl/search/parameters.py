"""The `parameters:` of a sweep file, read into a space."""

import re
from collections.abc import Iterable
from typing import Any

from colabctl.search.branches import ClashError, settled
from colabctl.search.distributions import Constant, Distribution
from colabctl.search.fields import not_a_number
from colabctl.search.kinds import KINDS, keys_of, make, meant
from colabctl.search.problems import Findings, Path, did_you_mean, nearest, shown, spelled
from colabctl.search.space import Choice, Leaf, Nest, Parameter, Space

UNREADABLE = Constant(None)
"""Stands for a distribution that has a problem, so that its name is known all the same."""

_KEYS = {"distribution", "parameters", "choices"}.union(*(keys_of(kind) for kind in KINDS))
_DOCUMENTED_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_IMPOSSIBLE_IN_NAME = re.compile(r"""[\s/\\=,;'"`$(){}\[\]<>|]""")

_NONE = "is the text 'None' in YAML, which is true in Python; write null for Python's None"
_MIXED = "read as uniform, as one of its bounds is not whole; name a distribution to say otherwise"
_ODD_NAME = "not a name that W&B allows (letters, digits, _ . -); taken as it is"


def read_space(content: Any, path: Path, findings: Findings, *, grid: bool) -> Space:
    """Return the space of a map of parameters at `path` of the file.

    What is wrong is recorded in `findings`; in a `grid`, also parameters that no grid can have.
    """
    if not isinstance(content, dict) or not content:
        findings.problem(path, "must be a map with the name of each parameter; there is none")
        return Space()
    reader = _Reader(findings, grid=grid)
    return reader.space(content, path)


class _Reader:
    def __init__(self, findings: Findings, *, grid: bool) -> None:
        self.findings = findings
        self.grid = grid

    def space(self, content: dict[str, Any], path: Path) -> Space:
        parameters = [self.parameter(name, raw, (*path, name)) for name, raw in content.items()]
        try:
            return settled(parameters)
        except ClashError as clash:
            self.findings.problem(path, str(clash), key=True)
            return Space.of(parameters)

    def parameter(self, name: str, raw: Any, path: Path) -> Parameter:
        self.check_name(name, path)
        match raw:
            case {"choices": choices, **others}:
                self.refuse_keys(others, path, "choices")
                return self.choice(name, choices, (*path, "choices"))
            case {"parameters": parameters, **others} if "distribution" not in others:
                self.refuse_keys(others, path, "parameters")
                inside = (*path, "parameters")
                return Nest(name, read_space(parameters, inside, self.findings, grid=self.grid))
            case dict():
                return Leaf(name, self.distribution(raw, path))
            case list():
                self.findings.problem(path, "is a bare list; write values: [...] to try each item, or value: [...] for the list itself")
            case None:
                self.findings.problem(path, "has no value; write value: null if null is meant")
            case _:
                self.look_for_none(raw, path)
                return Leaf(name, Constant(raw))
        return Leaf(name, UNREADABLE)

    def check_name(self, name: str, path: Path) -> None:
        if not name.isprintable() or not name or _IMPOSSIBLE_IN_NAME.search(name):
            self.findings.problem(path, "is no name for a parameter; use letters, digits, _ . and -", key=True)
        elif not _DOCUMENTED_NAME.fullmatch(name):
            self.findings.note(_said(path), _ODD_NAME)

    def refuse_keys(self, keys: Iterable[str], path: Path, kind: str) -> None:
        for key in keys:
            self.findings.problem((*path, key), f"cannot stand beside {kind}:", key=True)

    def choice(self, name: str, raw: Any, path: Path) -> Parameter:
        if not isinstance(raw, dict) or not raw:
            self.findings.problem(path, "must be a map of branches, such as {svm: {parameters: {...}}, linear: {}}")
            return Leaf(name, UNREADABLE)
        branches = {branch: self.branch(value, (*path, branch)) for branch, value in raw.items()}
        return Choice(name, branches)

    def branch(self, raw: Any, path: Path) -> Space:
        match raw:
            case None:
                return Space()
            case {"parameters": dict() as parameters, **others}:
                self.refuse_keys(others, path, "parameters")
                return self.space(parameters, (*path, "parameters"))
            case {}:
                return Space()
        ...
