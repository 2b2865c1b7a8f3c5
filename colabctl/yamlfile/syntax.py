"""Says what is wrong with text that is not YAML, and the usual fix."""

import re

import yaml

from colabctl.yamlfile.lookalikes import invisible
from colabctl.yamlfile.problems import Place, shown

_FIXES = {
    "mapping values are not allowed": "put text that contains a colon in quotes",
    "',' or": "is a bracket left open?",
    "end of stream": "is a bracket or a quote left open?",
    "node content": "is a value missing, or a bracket left open?",
    "could not find expected ':'": "is a colon missing?",
    **dict.fromkeys(
        ("expected key", "expected <block end>", "'-' indicator", "<document start>"),
        "is this line indented like its neighbours?",
    ),
    "cannot start any token": "put this text in quotes",
}
_GLUED = re.compile(r"\s*(?:- )?[\w.-]+:[^\s:/\\]")
_GLUED_BRACKET = re.compile(r"[\w.-]:[\[{]")
_TEXT_WITH_COLON = re.compile(r"\s*(?:- )?([\w.-]+): ([^\[{\"'].*: .*)")
_KEY = re.compile(r"\s+[\w.-]+:")
_FULL_WIDTH = {"\uff1a": ":", "\uff0c": ",", "\u3001": ","}


def advice(error: yaml.MarkedYAMLError, text: str, place: Place) -> str:
    """Return the parser's complaint at `place` with its usual fix."""
    complaint = str(error.problem)
    lines = text.splitlines()[max(place.line - 2, 0) : place.line]
    return f"invalid YAML: {complaint}; {_fix(complaint, lines, place)}"


def _fix(complaint: str, lines: list[str], place: Place) -> str:
    """Return the usual fix; `lines` are the one with the fault and the one before it."""
    line = lines[-1] if lines else ""
    if "\t" in line[: place.column]:
        return "indent with spaces, not with tabs"
    numbered = list(enumerate(lines, place.line - len(lines) + 1))
    for number, each in numbered:
        for mark, ascii_mark in _FULL_WIDTH.items():
            if mark in each:
                return f"write {ascii_mark} instead of {mark} in line {number}"
        if name := invisible(each):
            return f"replace {name} by an ordinary one in line {number}"
        if _GLUED_BRACKET.search(each):
            return f"write a space after the colon in line {number}"
    if "mapping values" in complaint or "':'" in complaint:
        for number, each in numbered:
            if _GLUED.match(each):
                return f"write a space after the colon in line {number}"
        if _KEY.fullmatch(line[: place.column]):
            return "is this line indented like its neighbours?"
        if match := _TEXT_WITH_COLON.fullmatch(line.rstrip()):
            return f"put text that contains a colon in quotes: {match[1]}: {shown(match[2])}"
    return next((fix for part, fix in _FIXES.items() if part in complaint), "fix this line")
