"""Texts that others wrote, as a terminal may show them."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

_LONGEST = 60  # characters of a value in a line or a table

# Python calls these printable, and yet a reader sees nothing there, or a space.
_UNSEEN = frozenset(
    chr(code)
    for codes in (
        (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xE0100, 0xE01F0),
    )
    for code in codes
)


def plain(text: str) -> str:
    """Return a text in which nothing moves the cursor, colours, or hides anything.

    What would is shown as `<U+001B>`, and so is the `<` of a `<U+` that stands there already: two
    texts that differ are never shown as the same.
    """
    return "".join(
        char if char in "\n\t" or (char.isprintable() and char not in _UNSEEN) else _code(char)
        for char in text.replace("<U+", f"{_code('<')}U+")
    )


def one_line(text: str) -> str:
    """Return a name, a value or the like so that it cannot begin a line of its own.

    For what is put into a line that goes through `plain` as a whole.
    """
    return text.replace("\n", "\\n").replace("\t", "\\t")


def for_screen(data: str) -> str:
    """Return data as it is for a pipe or a file, and as `plain` makes it for a terminal."""
    return plain(data) if sys.stdout.isatty() else data


def cut(text: str) -> str:
    """Return a value's text, cut so that it does not crowd out the rest."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def styled(text: object, style: str = "") -> "Text":
    """Return one such line for rich, which reads neither markup nor emoji in it."""
    from rich.text import Text

    return Text(plain(one_line(str(text))), style)


def counted(number: int, noun: str, several: str | None = None) -> str:
    """Return "1 task" or "2 tasks"; `several` is what more than one are called, if not by an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {several or f'{noun}s'}"


def _code(char: str) -> str:
    return f"<U+{ord(char):04X}>"
