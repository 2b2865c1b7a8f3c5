"""Prepares text for the terminal, and cleans text that other people wrote."""

import os
import shlex
import shutil
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.text import Text

_MAX_LENGTH = 60  # characters of a value in a line or a table

# Printable for Python, but a terminal shows nothing or a space.
_INVISIBLE = frozenset(
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
    """Return text in which no character moves the cursor, sets a colour or is invisible.

    Such a character becomes a code such as `<U+001B>`. So does the `<` of a `<U+` in the text, so
    that different texts never look the same.
    """
    return "".join(
        char if char in "\n\t" or (char.isprintable() and char not in _INVISIBLE) else _code(char)
        for char in text.replace("<U+", f"{_code('<')}U+")
    )


def one_line(text: str) -> str:
    """Return text with its newlines and tabs escaped, so that it cannot start a line of its own.

    It still has to go through `plain`.
    """
    return text.replace("\n", "\\n").replace("\t", "\\t")


def for_screen(data: str) -> str:
    """Return data cleaned by `plain` for a terminal, and unchanged for a pipe or a file."""
    return plain(data) if sys.stdout.isatty() else data


def line_width() -> int | None:
    """Return the columns of the terminal that stdout is, None for a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def can_ask() -> bool:
    """Whether a person can see a question and answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def can_redraw(stream: TextIO | None = None) -> bool:
    """Whether a stream (stdout by default) is a terminal on which lines can be replaced.

    What a notebook starts with `!` has a terminal too, but a cell shows what is written as it is.
    """
    can_move = os.name == "nt" or os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "")
    return (stream or sys.stdout).isatty() and can_move and "JPY_PARENT_PID" not in os.environ


def can_show(text: str) -> bool:
    """Whether the encoding of stdout has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


def cut(text: str) -> str:
    """Return a value's text, cut to 60 characters."""
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 3]}..."


def styled(text: object, style: str = "") -> "Text":
    """Return one cleaned line for rich, without interpreting markup or emoji codes in it."""
    from rich.text import Text

    return Text(plain(one_line(str(text))), style)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return "1 task" or "2 tasks"; `plural` is for nouns with another ending than s."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def command_line(*words: str) -> str:
    """Return a colabctl command, quoted so that it can be pasted into a shell."""
    return shlex.join(["colabctl", *words])


def _code(char: str) -> str:
    return f"<U+{ord(char):04X}>"
