"""The keys of one map in a sweep file, each read as the type that it must have.

A key that is missing or null reads as None. So does a key with a problem, which is recorded; that
way, one reading finds every problem.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from colabctl.errors import nearest
from colabctl.search.language.problems import Problems
from colabctl.yamlfile.lookalikes import number_meant
from colabctl.yamlfile.problems import Path, dotted, shown

Word = TypeVar("Word", bound=str)


@dataclass(frozen=True)
class Fields:
    """A map at `path` of a sweep file."""

    content: Mapping[str, Any]
    path: Path
    problems: Problems

    def has(self, key: str) -> bool:
        """Return whether a key has a value other than null."""
        return self.content.get(key) is not None

    def problem(self, key: str, message: str) -> None:
        """Record a problem with the value of a key."""
        self.problems.add((*self.path, key), message)

    def note(self, key: str, text: str) -> None:
        """Record a note on a key."""
        self.problems.note(dotted((*self.path, key)), text)

    def look_for_unknown(
        self,
        keys: Collection[str],
        others: Collection[str] = (),
        synonyms: Mapping[str, str] | None = None,
    ) -> None:
        """Record unknown keys: a problem if one resembles a known key, else a note.

        W&B only warns about unknown keys, and people keep notes in them.

        Args:
            keys: the keys of this map
            others: keys that are handled elsewhere
            synonyms: words that mean one of `keys` and do not resemble it
        """
        for key in self.content:
            if key in keys or key in others:
                continue
            meant = (synonyms or {}).get(key) or nearest(key, keys, cutoff=0.7)
            if meant:
                message = f"is not a key here; did you mean {meant}?"
                self.problems.add((*self.path, key), message, key=True)
            else:
                self.note(key, "unknown key, ignored as in W&B")

    def text(self, key: str) -> str | None:
        """Return a text; a number becomes its text."""
        value = self.content.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if value is None or (isinstance(value, str) and value.strip() and "\0" not in value):
            return value
        hint = "; put it in quotes" if isinstance(value, bool) else ""
        self.problem(key, f"must be text, not {shown(value)}{hint}")
        return None

    def texts(self, key: str, what: str = "text") -> tuple[str, ...] | None:
        """Return a list of texts; a single text becomes a list of one.

        `what` is the word of messages for one of them.
        """
        value = self.content.get(key)
        if value is None:
            return None
        items = value if isinstance(value, list) else [value]
        for i, item in enumerate(items):
            if not isinstance(item, str) or not item or "\0" in item:
                is_listed = items is value
                path = (*self.path, key, i) if is_listed else (*self.path, key)
                form = what if is_listed else f"{what}, or a list of them"
                self.problems.add(path, f"must be {form}, not {shown(item)}")
        return tuple(item for item in items if isinstance(item, str))

    def number(self, key: str) -> float | None:
        """Return a number; one that is written as a whole number stays an int."""
        return self._checked(key, not_a_number)  # type: ignore[no-any-return]

    def whole(self, key: str, *, least: int | None = None) -> int | None:
        """Return a whole number of at least `least`."""
        return self._checked(key, lambda value: not_whole(value, least))  # type: ignore[no-any-return]

    def word(self, key: str, words: Collection[Word]) -> Word | None:
        """Return one of `words`."""
        value = self.content.get(key)
        word = next((word for word in words if word == value), None)
        if value is None or word is not None:
            return word
        meant = nearest(value, words) if isinstance(value, str) else None
        hint = f"; did you mean {meant}?" if meant else ""
        self.problem(key, f"must be one of {', '.join(words)}, not {shown(value)}{hint}")
        return None

    def flag(self, key: str) -> bool | None:
        """Return true or false."""
        return self._checked(key, not_a_flag)  # type: ignore[no-any-return]

    def _checked(self, key: str, fault: Callable[[Any], str | None]) -> Any:
        """Return the value of a key, or None if `fault` returns a message for it."""
        value = self.content.get(key)
        message = None if value is None else fault(value)
        if message is None:
            return value
        self.problem(key, message)
        return None


def not_a_number(value: Any) -> str | None:
    """Return a message if a value is not a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            pass
        else:
            return f"{shown(value)} is text; write it without quotes"
        meant = number_meant(value)
        if meant is not None:
            return f"must be a number, not {shown(value)}; write {meant!r}"
    return f"must be a number, not {shown(value)}"


def not_a_flag(value: Any) -> str | None:
    """Return a message if a value is neither true nor false."""
    return None if isinstance(value, bool) else f"must be true or false, not {shown(value)}"


def not_whole(value: Any, least: int | None = None) -> str | None:
    """Return a message if a value is not a whole number of at least `least`."""
    if type(value) is int and (least is None or value >= least):
        return None
    bound = "" if least is None else f" of at least {least}"
    return f"must be a whole number{bound}, not {shown(value)}"
