"""The keys of one map in a sweep file, each read as what it should be.

A key that is missing or null reads as None; one that is wrong is recorded and reads as None too, so
that everything that is wrong is found in one reading.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from colabctl.errors import nearest
from colabctl.search.language.problems import Findings, did_you_mean
from colabctl.yamlfile.problems import Path, shown, spelled

Word = TypeVar("Word", bound=str)


@dataclass(frozen=True)
class Fields:
    """A map at `path` of a sweep file."""

    content: Mapping[str, Any]
    path: Path
    findings: Findings

    def has(self, key: str) -> bool:
        """Return whether the key is there with a value other than null."""
        return self.content.get(key) is not None

    def wrong(self, key: str, message: str) -> None:
        """Record that the value of a key is wrong."""
        self.findings.problem((*self.path, key), message)

    def look_for_unknown(
        self,
        known: Collection[str],
        seen_to: Collection[str] = (),
        other_words: Mapping[str, str] | None = None,
    ) -> None:
        """Record keys that seem to mean a known one as problems, and note that others are ignored.

        `other_words` are those that seem so without looking so. W&B warns of unknown keys and goes
        on, and people keep notes of their own in such keys.
        """
        for key in self.content:
            if key in known or key in seen_to:
                continue
            meant = (other_words or {}).get(key) or nearest(key, known, cutoff=0.7)
            if meant:
                problem = f"is not a key here; did you mean {meant}?"
                self.findings.problem((*self.path, key), problem, key=True)
            else:
                self.findings.note(spelled((*self.path, key)), "unknown here, ignored as W&B does")

    def text(self, key: str) -> str | None:
        """Return a text; a number is taken as it would be printed."""
        value = self.content.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if value is None or (isinstance(value, str) and value.strip() and "\0" not in value):
            return value
        self.wrong(key, f"must be text, not {shown(value)}")
        return None

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts; a single one is taken as a list of one."""
        value = self.content.get(key)
        if value is None:
            return None
        items = value if isinstance(value, list) else [value]
        for i, item in enumerate(items):
            if not isinstance(item, str) or not item or "\0" in item:
                at = (*self.path, key, i) if items is value else (*self.path, key)
                self.findings.problem(at, f"must be text, not {shown(item)}")
        return tuple(item for item in items if isinstance(item, str))

    def number(self, key: str) -> float | None:
        """Return a number, whole if it is written so."""
        value = self.content.get(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        self.wrong(key, not_a_number(value))
        return None

    def whole(self, key: str, *, least: int | None = None) -> int | None:
        """Return a whole number of at least `least`."""
        value = self.content.get(key)
        if value is None or (type(value) is int and (least is None or value >= least)):
            return value
        bound = "" if least is None else f" of at least {least}"
        self.wrong(key, f"must be a whole number{bound}, not {shown(value)}")
        return None

    def word(self, key: str, words: Collection[Word]) -> Word | None:
        """Return one of `words`."""
        value = self.content.get(key)
        word = next((word for word in words if word == value), None)
        if value is None or word is not None:
            return word
        hint = did_you_mean(value, words) if isinstance(value, str) else ""
        self.wrong(key, f"must be one of {', '.join(words)}, not {shown(value)}{hint}")
        return None

    def flag(self, key: str) -> bool | None:
        """Return true or false."""
        value = self.content.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.wrong(key, f"must be true or false, not {shown(value)}")
        return None

    def map(self, key: str) -> "Fields | None":
        """Return the keys of a map."""
        value = self.content.get(key)
        if value is None:
            return None
        if isinstance(value, dict):
            return Fields(value, (*self.path, key), self.findings)
        self.wrong(key, f"must be a map of keys, not {shown(value)}")
        return None


def not_a_number(value: Any) -> str:
    """Return what is wrong with a value that should be a number."""
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            pass
        else:
            return f"{shown(value)} is text; write it without quotes"
    return f"must be a number, not {shown(value)}"
