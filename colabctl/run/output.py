"""Reads what a task printed from its log: shortened at the task's end, or what is new meanwhile."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Self

from colabctl.notebook.outputs import apply_carriage_returns
from colabctl.run.frames import without_our_frames
from colabctl.run.redaction import cleaner
from colabctl.run.settings import Settings

_HEAD, _TAIL = 16_000, 48_000  # characters of a long output that are kept
_WHOLE = 1 << 18  # bytes of a log up to which all of it is read, as progress bars shrink
_READ_HEAD, _READ_TAIL = 1 << 16, 3 << 16  # bytes to read of a longer one
_MARGIN = 4096  # characters to leave out at a cut, where a part of a secret might remain
_LONGEST_LINE = 4096  # characters to give up for a cut between two lines
_TAIL_LINES = 40
_TAIL_LENGTH = 16_000  # characters
_PART = 16_000  # bytes of new output at a time
# Escape sequences for a terminal: colours, cursor, title.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")


def last_lines(output: str) -> str:
    """Return the last 40 lines of an output, of very long lines the last 16,000 characters."""
    return "\n".join(output.split("\n")[-_TAIL_LINES:])[-_TAIL_LENGTH:]


def output_of(log: Path, conceal: Callable[[str], str] = str) -> str:
    """Return what a log holds, without colours and our own frames in tracebacks.

    Of a long output, the first 16,000 and the last 48,000 characters remain, with a note between
    them. `conceal` replaces secrets in a text.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size <= _WHOLE:
                return shortened(_tidy(conceal(_read(file, 0, size))))
            head = _tidy(conceal(_read(file, 0, _READ_HEAD))[:-_MARGIN])
            tail = _tidy(conceal(_read(file, size - _READ_TAIL, _READ_TAIL))[_MARGIN:])
    except OSError:
        return ""
    return _joined(_first(head), _last(tail), size)


def _read(file: BinaryIO, start: int, length: int) -> str:
    file.seek(start)
    return without_escapes(file.read(length).decode(errors="replace"))


def _tidy(text: str) -> str:
    return apply_carriage_returns(without_our_frames(text.rstrip()))


def without_escapes(text: str) -> str:
    """Return a text without the escape sequences of terminals."""
    return _ESCAPES.sub("", text) if "\x1b" in text else text


def shortened(text: str) -> str:
    """Return a text with its middle left out if it is long, as `output_of` does."""
    if len(text) <= _HEAD + _TAIL:
        return text
    return _joined(_first(text), _last(text), len(text.encode(errors="replace")))


def _first(text: str) -> str:
    text = text[:_HEAD]
    end = text.rfind("\n", len(text) - _LONGEST_LINE)
    return text if end < 0 else text[:end]


def _last(text: str) -> str:
    text = text[-_TAIL:]
    start = text.find("\n", 0, _LONGEST_LINE)
    return text[start + 1 :]


def _joined(head: str, tail: str, size: int) -> str:
    left_out = size - sum(len(part.encode(errors="replace")) for part in (head, tail))
    return f"{head}\n[{max(left_out, 0):,} bytes of output are left out]\n{tail}"


class NewOutput:
    """Reads what a log has got since the last look, for one task after the other.

    With `hides`, a line is read when it is complete, as a secret could be cut into two parts.
    """

    def __init__(self, log: Path, conceal: Callable[[str], str], *, hides: bool) -> None:
        self._log = log
        self._conceal = conceal
        self._hides = hides
        self._offset = 0

    @classmethod
    def of(cls, settings: Settings, environ: Mapping[str, str]) -> Self:
        """Return the reader of a slot's log."""
        conceal = cleaner(settings, environ)
        return cls(Path(settings.log), conceal, hides=bool(settings.secrets))

    def read(self, *, is_new: bool = False, over: bool = False) -> str:
        r"""Return what is new in the log; once the task is over, all that is left.

        `is_new` is for the first look at a task.

        At most 16,000 bytes are read: if there are more, the last ones, after a note. A text that
        overwrites the unfinished line before it begins with "\r".
        """
        if is_new:
            self._offset = 0
        try:
            with self._log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                skipped = max(0, size - self._offset - _PART)
                file.seek(self._offset + skipped)
                data = file.read(_PART)
        except OSError:
            return ""
        if skipped:
            line = data.find(b"\n") + 1
            skipped, data = skipped + line, data[line:]
        if not over:
            data = data[: _complete(data, hides=self._hides)]
        self._offset += skipped + len(data)
        text = _latest(self._conceal(without_escapes(data.decode(errors="replace"))))
        return f"\n[{skipped:,} bytes of output are left out]\n{text}" if skipped else text


def _complete(data: bytes, *, hides: bool) -> int:
    """Return the length of the complete lines; without any, that of all complete characters."""
    lines = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    if lines or (hides and len(data) < _PART):
        return lines
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:  # the first byte of a character
            length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) if back >= length else len(data) - back
    return len(data)


def _latest(text: str) -> str:
    """Return a text in which each line is as a carriage return has left it."""
    if "\r" not in text:
        return text
    first, *others = text.replace("\r\n", "\n").split("\n")
    _, overwrites, latest = first.rstrip("\r").rpartition("\r")
    return "\n".join([overwrites + latest, *map(apply_carriage_returns, others)])
