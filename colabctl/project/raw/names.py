"""Writes names of files into a sentence."""

from collections.abc import Sequence


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the first names on one line, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    shown = [name if name.isprintable() else repr(name) for name in names[:most]]
    return ", ".join(shown) + more
