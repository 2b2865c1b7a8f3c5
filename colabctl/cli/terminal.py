"""Texts that others wrote, as a terminal may show them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text


def plain(text: str) -> str:
    """Return a text in which nothing moves the cursor, colours, or hides what comes after."""
    return "".join(
        char if char in "\n\t" or char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def styled(text: object, style: str = "") -> "Text":
    """Return such a text for rich, which reads no markup in it."""
    from rich.text import Text

    return Text(plain(str(text)), style)


def counted(number: int, noun: str) -> str:
    """Return "1 task" or "2 tasks"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
