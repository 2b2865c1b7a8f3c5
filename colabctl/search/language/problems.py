"""Collects the problems of a sweep file, each with its place, to report them together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from colabctl.errors import nearest
from colabctl.yamlfile.document import Document
from colabctl.yamlfile.problems import InvalidFileError, Path, Place, Problem, dotted

_MOST_NAMES = 6


@dataclass
class Problems:
    """The problems of a file, which make it invalid, and the notes on it, which do not."""

    document: Document
    items: list[Problem] = field(default_factory=list)
    _notes: dict[str, dict[str, None]] = field(default_factory=dict)
    _not_plain: frozenset[Path] = field(init=False)

    def __post_init__(self) -> None:
        self._not_plain = frozenset(problem.path for problem in self.items)

    def add(self, path: Path, message: str, *, key: bool = False) -> None:
        """Record a problem with the value at `path`, or with its `key`.

        The problem of a value that is not plain is not reported again.
        """
        if path in self._not_plain:
            return
        place = self.document.place(path, key=key)
        self.items.append(Problem(self.document.source, place, path, message))

    def note(self, subject: str, text: str) -> None:
        """Record a note on `subject`; subjects with the same text share one note."""
        self._notes.setdefault(text, {})[subject] = None

    def note_at(self, path: Path, text: str, place: Place | None = None) -> None:
        """Record a note on the value at `path`, with its line if there is a text."""
        place = place or self.document.place(path)
        subject = dotted(path[1:] if path[0] == "parameters" and path[1:] else path)
        self.note(f"{subject} (line {place.line})" if place else subject, text)

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
    names = list(names)
    if len(names) <= _MOST_NAMES + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return "; did you mean x?" for the nearest of `words`, or else the words to choose from."""
    words = list(words)
    close = nearest(word, words)
    return f"; did you mean {close}?" if close else f"; choose from {listed(words)}"
