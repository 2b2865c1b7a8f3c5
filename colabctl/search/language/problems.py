"""The problems of a sweep file: collected, each with its place, and reported together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from colabctl.errors import nearest
from colabctl.yamlfile.problems import InvalidFileError, Path, Place, Problem

_MOST_NAMES = 6


class Places(Protocol):
    """The places of all values in `source`."""

    @property
    def source(self) -> str:
        """The name of the file, for messages."""

    def place(self, path: Path, *, key: bool = False) -> Place | None:
        """Return the place of the value at `path`, or of its key; None if it came from Python."""


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
        """Raise InvalidFileError if there is a problem."""
        if self.items:
            raise InvalidFileError(self.items)


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
