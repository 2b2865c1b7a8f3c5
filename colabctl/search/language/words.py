"""Notes on the words of a sweep file that YAML reads as something else than they look like."""

from typing import Any

from colabctl.search.language.problems import Problems
from colabctl.yamlfile.problems import Note, Path

_KEYS_WITH_VALUES = ("parameters", "exclude")


def note_words(problems: Problems) -> None:
    """Record the reader's notes on values of parameters, words of the command, and double keys."""
    content = problems.document.content
    for note in problems.document.notes:
        if note.word is None or note.repeated or _matters(note, content):
            problems.note_at(note.path, note.text, note.place)


def _matters(note: Note, content: Any) -> bool:
    key, value = note.path[:1], _at(note.path, content)
    if key == ("command",):  # whose words become text anyway
        return not isinstance(value, str)
    if not key or key[0] not in _KEYS_WITH_VALUES:
        return False
    if isinstance(value, float) and value.is_integer():
        return _is_alone(note.path, content)
    return True


def _is_alone(path: Path, content: Any) -> bool:
    """Return whether a float such as 1e6 is not a bound, nor in a list with fractions."""
    if path[-1] == "value" or path[:-1] == ("parameters",):
        return True
    items = _at(path[:-1], content)
    return isinstance(items, list) and all(
        not isinstance(item, float) or item.is_integer() for item in items
    )


def _at(path: Path, content: Any) -> Any:
    for step in path:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return None
    return content
