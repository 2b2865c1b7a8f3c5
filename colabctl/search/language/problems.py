"""The problems of a sweep file: collected, each with its place, and reported together."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from colabctl.errors import UserError, nearest

Path = tuple[str | int, ...]
"""The keys and indices that lead to a value in the file: ("parameters", "lr", "values", 2)."""

MOST_SHOWN = 100
"""Problems reported one by one; the rest are counted."""

_MOST_NAMES = 6


@dataclass(frozen=True)
class Place:
    """A place in a text; both numbers count from 1."""

    line: int
    column: int


class Places(Protocol):
    """The places of all values in `source`."""

    @property
    def source(self) -> str:
        """The name of the file, for messages."""

    def place(self, path: Path, *, key: bool = False) -> Place | None:
        """Return the place of the value at `path`, or of its key; None if it came from Python."""


@dataclass(frozen=True)
class Problem:
    """One problem: the file, the place, the key, and a message that says how to fix it."""

    source: str
    place: Place | None
    path: Path
    message: str

    def __str__(self) -> str:
        where = (
            f"{self.source}:{self.place.line}:{self.place.column}" if self.place else self.source
        )
        return ": ".join(part for part in (where, spelled(self.path), self.message) if part)


class SweepFileError(UserError):
    """A sweep file that cannot be used: one line for each of its problems, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_order))
        lines = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            lines.append(f"... and {len(self.problems) - MOST_SHOWN} more problems")
        super().__init__("\n".join(lines))


def _order(problem: Problem) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)


@dataclass
class Problems:
    """The problems of a file, which refuse it, and the notes on it, which do not."""

    places: Places
    items: list[Problem] = field(default_factory=list)
    _notes: dict[str, dict[str, None]] = field(default_factory=dict)
    _not_plain: frozenset[Path] = frozenset()

    def __post_init__(self) -> None:
        self._not_plain = frozenset(problem.path for problem in self.items)

    def add(self, path: Path, message: str, *, key: bool = False) -> None:
        """Record a problem with the value at `path`, or with its `key`.

        A value that was not a plain value to begin with is not reported again.
        """
        if path in self._not_plain:
            return
        place = self.places.place(path, key=key)
        self.items.append(Problem(self.places.source, place, path, message))

    def note(self, subject: str, text: str) -> None:
        """Record a note on `subject`; subjects with the same text share one note."""
        self._notes.setdefault(text, {})[subject] = None

    def notes(self) -> Iterator[str]:
        """Yield each note on one line: its subjects, then the text."""
        for text, subjects in self._notes.items():
            yield f"{listed(subjects)}: {text}"

    def raise_if_any(self) -> None:
        """Raise SweepFileError if there is a problem."""
        if self.items:
            raise SweepFileError(self.items)


def listed(names: Iterable[str]) -> str:
    """Return the first few names and the number of the others: "a, b, c and 5 more"."""
    every = list(names)
    if len(every) <= _MOST_NAMES + 1:
        return ", ".join(every)
    return f"{', '.join(every[:_MOST_NAMES])} and {len(every) - _MOST_NAMES} more"


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return "; did you mean x?" for the nearest of `words`, or else the words to choose from."""
    names = list(words)
    close = nearest(word, names)
    return f"; did you mean {close}?" if close else f"; choose from {listed(names)}"


def spelled(path: Path) -> str:
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
    """Return a value for a message: one short line without control characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:200])
    return text if len(text) <= 60 else f"{text[:57]}..."
