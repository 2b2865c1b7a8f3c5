"""Reads shell text with parameters in it: where each one is, and how it is quoted."""

import re
from collections.abc import Callable
from typing import NamedTuple

from colabctl.errors import UserError

MACRO = re.compile(r"\$\{([^}]*)\}")
_SEPARATORS = ";&|()\n"
# Text that these begin is read in other ways than a command.
_DIFFICULT = re.compile(r"`|\$\(|\(\(|<<|\$'|\$\"|[<>]\(|\$\[")
_VARIABLE = re.compile(r"\$\w*\Z")  # without braces, and not yet at its end
_IN_DOUBLE_QUOTES = re.compile(r'([\\"$`])')
_PLAIN = re.compile(r"[\w./:,@%+-][\w./:,@%+=-]*", re.ASCII)


class Place(NamedTuple):
    """A macro in shell text: its match, and the quotes around it, "" for none."""

    macro: re.Match[str]
    quotes: str


class ShellText(NamedTuple):
    """Shell text: its simple commands, the files of its redirections, and its macros.

    Each command is a list of words without quotes. A parenthesis is a command of its own, so that
    none is overlooked. A target such as that of 2>&1 begins with &.
    """

    commands: list[list[str]]
    targets: list[str]
    places: list[Place]


def parse(text: str, is_value: Callable[[str], bool]) -> ShellText:
    """Return the commands of a text for sh, and where its `is_value` macros are.

    Raises UserError, without the word's name, if a shell would read one of them in a way for which
    this knows no quotes. See "Shell Command Language" in POSIX.1-2017, 2.2 and 2.3.
    """
    if difficult := _DIFFICULT.search(text):
        raise UserError(f"is in shell text with {difficult[0]}")
    reader = _Reader(text, is_value)
    reader.read()
    return ShellText(reader.commands, reader.targets, reader.places)


def quoted(value: str, quotes: str) -> str:
    """Return a value so that a shell reads it as it is, inside these quotes."""
    if quotes == "'":
        return value.replace("'", "'\\''")
    if quotes == '"':
        return _IN_DOUBLE_QUOTES.sub(r"\\\1", value)
    return value if _PLAIN.fullmatch(value) else "'" + quoted(value, "'") + "'"


class _Reader:
    """Splits a text into commands, and notes where the macros stand."""

    def __init__(self, text: str, is_value: Callable[[str], bool]) -> None:
        self.commands: list[list[str]] = []
        self.targets: list[str] = []
        self.places: list[Place] = []
        self._text = text
        self._is_value = is_value
        self._quotes = ""
        self._words: list[str] = []
        self._word: str | None = None
        self._is_target = False  # of a redirection

    def read(self) -> None:
        at = 0
        while at < len(self._text):
            character = self._text[at]
            macro = MACRO.match(self._text, at)
            if macro and (self._is_value(macro[1]) or self._quotes != "'"):
                self._add_macro(macro)
                at = macro.end()
            elif character == "\\" and self._quotes != "'":
                if MACRO.match(self._text, at + 1):
                    raise UserError("is behind a backslash in shell text")
                self._add(self._text[at + 1 : at + 2].replace("\n", ""))
                at += 2
            elif self._quotes:
                if character == self._quotes:
                    self._quotes = ""
                else:
                    self._add(character)
                at += 1
            elif character == "#" and self._word is None:
                at = self._end_of_comment(at)
            else:
                self._add_plain(character)
                at += 1
        if self._quotes:
            raise UserError(f"is in shell text in which a {self._quotes} is open")
        self._end_command()

    def _add_macro(self, macro: re.Match[str]) -> None:
        if self._is_value(macro[1]):
            if _VARIABLE.search(self._text, 0, macro.start()):
                raise UserError("is in the name of a variable in shell text")
            self.places.append(Place(macro, self._quotes))
        elif re.search(r"['\"\\$`]", macro[1]):
            raise UserError(f"is in shell text with {macro[0]}")
        self._add(macro[0])

    def _add_plain(self, character: str) -> None:
        if character in "'\"":
            self._quotes = character
            self._add("")
        elif character == "&" and self._is_target and self._word is None:  # as in 2>&1
            self._word = "&"
        elif character in _SEPARATORS:
            self._end_command()
            if character in "()":
                self.commands.append([character])
        elif character in "<>":
            if (self._word or "").isdigit():
                self._word = None
            self._end_word()
            self._is_target = True
        elif character in " \t":
            self._end_word()
        else:
            self._add(character)

    def _end_of_comment(self, at: int) -> int:
        end = self._text.find("\n", at)
        end = len(self._text) if end < 0 else end
        if any(self._is_value(macro[1]) for macro in MACRO.finditer(self._text, at, end)):
            raise UserError("is in a comment of shell text")
        return end

    def _add(self, text: str) -> None:
        if text or self._word is not None or self._quotes:
            self._word = (self._word or "") + text

    def _end_word(self) -> None:
        word, self._word = self._word, None
        if word is None:
            return
        if self._is_target:
            self._is_target = False
            self.targets.append(word)
        else:
            self._words.append(word)

    def _end_command(self) -> None:
        self._end_word()
        if self._words:
            self.commands.append(self._words)
        self._words = []
