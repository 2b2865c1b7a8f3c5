"""What is wrong in a sweep file: collected, each with its place, and told all at once."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from colabctl.errors import UserError, nearest

Path = tuple[str | int, ...]
"""Where a value stands in the file: ("parameters", "lr", "values", 2)."""

MOST_SHOWN = 100
"""Problems that are told one by one."""

_MOST_NAMES = 6


@dataclass(frozen=True)
class Place:
    """A place in a text; both numbers count from 1."""

    line: int
    column: int


class Places(Protocol):
    """Something that knows where in `source` each value stands."""

    @property
    def source(self) -> str:
        """The name of the file, for messages."""

    def place(self, path: Path, *, key: bool = False) -> Place | None:
        """Return the place of the value at `path`, or of its key; None if it came from Python."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: in which file, where, at which key, and what to do about it."""

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
        self.problems = tuple(sorted(problems, key=_position))
        lines = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            lines.append(f"... and {len(self.problems) - MOST_SHOWN} more problems")
        super().__init__("\n".join(lines))


def _position(problem: Problem) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)


@dataclass
class Findings:
    """What reading a file has found so far: problems, which refuse it, and notes, which do not."""

    places: Places
    problems: list[Problem] = field(default_factory=list)
    _notes: dict[str, dict[str, None]] = field(default_factory=dict)
    _known_wrong: frozenset[Path] = frozenset()

    def __post_init__(self) -> None:
        self._known_wrong = frozenset(problem.path for problem in self.problems)

    def problem(self, path: Path, message: str, *, key: bool = False) -> None:
        """Record that the value at `path`, or its `key`, is wrong.

        A value that was no plain value to begin with is not found wrong again.
        """
        if path in self._known_wrong:
            return
        place = self.places.place(path, key=key)
        self.problems.append(Problem(self.places.source, place, path, message))

    def note(self, subject: str, text: str) -> None:
        """Record something to tell the user about `subject`; the same text is told once."""
        self._notes.setdefault(text, {})[subject] = None

    def notes(self) -> Iterator[str]:
        """Yield one line for each text: its subjects, then the text."""
        for text, subjects in self._notes.items():
            yield f"{listed(subjects)}: {text}"

    def refuse_if_wrong(self) -> None:
        """Raise SweepFileError if there is any problem."""
        if self.problems:
            raise SweepFileError(self.problems)


def listed(names: Iterable[str]) -> str:
    """Return the first few names, and how many more there are."""
    every = list(names)
    if len(every) <= _MOST_NAMES + 1:
        return ", ".join(every)
    return f"{', '.join(every[:_MOST_NAMES])} and {len(every) - _MOST_NAMES} more"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean x?" for the nearest known word, else the words to choose from."""
    names = list(known)
    close = nearest(word, names)
    return f"; did you mean {close}?" if close else f"; choose from {listed(names)}"


def spelled(path: Path) -> str:
    """Return a path as a reader of the file would say it: parameters.lr.values[2]."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = shown(step).strip('"') or '""'
            text += f".{name}" if text else name
    return text


def shown(value: Any) -> str:
    """Return a value for a message: on one line, short, free of control characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:200])
    return text if len(text) <= 60 else f"{text[:57]}..."
