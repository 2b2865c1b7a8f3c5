"""Problems in a file that people write: their places, and how messages show them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from colabctl.errors import UserError

Path = tuple[str | int, ...]
"""The path to a value in the file: ("parameters", "lr", "values", 2)."""

MOST_SHOWN = 100
"""The most problems that an error lists."""


@dataclass(frozen=True)
class Place:
    """A place in a text; both numbers count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """A problem in the file `source`: its place, its path, and what to do about it.

    `place` is None where the content came from Python and not from a text.
    """

    source: str
    place: Place | None
    path: Path
    message: str

    def __str__(self) -> str:
        return f"{where(self.source, self.place, self.path)}: {self.message}"


@dataclass(frozen=True)
class Note:
    """A note on the value at `path`, which is valid but may not be what the author means.

    Attributes:
        word: the word that is read as something else; None for a note on a key.
        repeated: an alias may repeat the value elsewhere.

    """

    place: Place
    path: Path
    text: str
    word: str | None = None
    repeated: bool = False


class InvalidFileError(UserError):
    """A file that cannot be used: one line for each of its problems, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_position))
        lines = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            lines.append(f"... and {len(self.problems) - MOST_SHOWN} more problems")
        super().__init__("\n".join(lines))


def _position(problem: Problem) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)


def where(source: str, place: Place | None, path: Path) -> str:
    """Return the place of a value for a message: sweep.yaml:3:5: parameters.lr."""
    text = f"{source}:{place.line}:{place.column}" if place else source
    return f"{text}: {dotted(path)}" if path else text


def dotted(path: Path) -> str:
    """Return a path as text: parameters.lr.values[2]."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = shown(step).strip('"') or '""'
            text += f".{name}" if text else name
    return text


def shown(value: Any) -> str:
    """Return a value for a message: short, on one line, without control characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:200])
    return text if len(text) <= 60 else f"{text[:57]}..."
