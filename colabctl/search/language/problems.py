"""What is wrong in a sweep file: collected, each with its place, and told all at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from colabctl.errors import nearest
from colabctl.yamlfile.problems import InvalidFileError, Path, Place, Problem

_MOST_NAMES = 6


class Places(Protocol):
    """Something that knows where in `source` each value stands."""

    @property
    def source(self) -> str:
        """The name of the file, for messages."""

    def place(self, path: Path, *, key: bool = False) -> Place | None:
        """Return the place of the value at `path`, or of its key; None if it came from Python."""


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
        """Raise InvalidFileError if there is any problem."""
        if self.problems:
            raise InvalidFileError(self.problems)


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
