r"""Finds in a program's output the last thing it said of its failure, in one line.

Programs say it in many ways: a traceback, usage errors of argparse, click, typer, absl, fire and
hydra, messages of shells, R, Julia, node and others. Lines that only pass on the failure of another
process, such as torchrun's ChildFailedError, count if nothing else does.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

_LONGEST = 500  # characters of a reason
_LONGEST_LINE = 2000  # characters to look at
_MOST_LINES = 12  # of one message
_TRACEBACK = "Traceback (most recent call last)"
_HYDRA = "Set the environment variable HYDRA_FULL_ERROR=1"
_RANK = re.compile(r"^\[(?:rank|default)\d+\]:\s?")  # torchrun's prefix for the lines of a process
_FRAME = re.compile(r'^[\s|]*File "(?P<file>.+?)", line (?P<line>\d+)')
_PROGRESS = re.compile(r"\d+%\|.*\||\d(?:it/s|s/it)\]")
_BOX_TITLE = re.compile(r"^\s*[╭┌+][─-]+ (?P<title>.+?) [─-]+[╮┐+]\s*$")
_BOX_END = re.compile(r"^\s*[╰└+][─-]{3}")
_BOX_EDGES = " \t│|"

_WORDS = r"(?:Error|Exception|Interrupt|Exit|Fault|Panic)"
# Errors that pass on the failure of another process, which has usually said why.
_PASSED_ON = re.compile(
    r"^(?:[\w.]*\.)?(?:ChildFailedError|CalledProcessError|ProcessRaisedException|BrokenProcessPool"
    r"|ProcessExitedException|TerminatedWorkerError|SystemExit)\b"
    r"|^make(?:\[\d+\])?: \*\*\*|^ERROR conda\b|^npm ERR|^error: Recipe .* failed"
    r"|^srun: error: .*Exited with"
)
_STATEMENTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"^(?:\S.{0,200}?: )?error: \S",  # argparse, compilers, Octave
        # click, fire, Julia, R, absl, Python itself; not a figure, such as "Error: 0.25"
        (
            r"^(?:Error|ERROR|FATAL|Fatal|fatal)\b(?! executing job)[^:]{0,200}:"
            r"(?!\s*[-+\d.e%]+$)(?![\w.]*:)"
        ),
        r"^\S+: line \d+: (?!\s*\d+ )",  # bash
        (
            r"^(?:\S+: )+(?:\d+: )?.*(?:not found|[Nn]o such file or directory"
            r"|Permission denied|Is a directory|Exec format error|Syntax error.*|No module named .*"
            r"|[Cc]an't open .*)$"
        ),
        r"^\S*python\S*: (?:Error while|can't|No module)",
        # an exception without a traceback; not a figure, such as "MeanSquaredError: 0.25"
        rf"^(?:Uncaught )?(?:[A-Za-z_][\w.]*\.)?[A-Z]\w+{_WORDS}(?:$|: (?!\d*\.\d)|\()",
        r"^Exception in thread |^Caused by: |^panic: |^thread '.*' panicked|^terminate called",
        r"Assertion .* failed\.?$",
        r"^.* at \S+ line \d+\.$",  # Perl
    )
)
_LOGGED = re.compile(
    r"^(?:(?P<name>(?:ERROR|CRITICAL|FATAL):[\w.]*:.+)"
    r"|.{0,80}?\b(?P<level>ERROR|CRITICAL|FATAL)\b[\]|:\s-]+(?P<text>\S.*)"
    r"|(?:\d{4}-\S+ \S+ ?)?[EF]\d{0,4} ?.{0,100}?\S+:\d+\] (?P<glog>\S.*)"
    # what a shell says of a process that a signal ended; the process itself may have said more
    r"|(?P<ended>(?:\S+: line \d+: +\d+ )?(?:Killed|Segmentation fault|Aborted|Bus error"
    r"|Illegal instruction|Floating point exception|Terminated)\b.*))"
)
_HARMLESS = re.compile(r"^.{0,80}?\b(?:WARN(?:ING)?|INFO|DEBUG|\w*Warning)\b")
_NO_PART = re.compile(  # a line after a message that says nothing more of it
    r"^(?:Traceback|During handling|The above exception|Stacktrace:|Execution halted|Calls: |wandb:"
    r"|Usage: |usage: |goroutine |note: run with|in expression starting|In addition: |Node\.js v"
    r"|Set the environment variable|See https?:|\s+at |\s*\^+\s*$|[\w.]*\[\d+\]$|Thread 0x"
    r"|Current thread|[-=*#]{5}|\S+: line \d+: )"
)
_DETAIL = re.compile(  # a line in a message that does not help
    r"^\s+(?:full_key|object_type|reference_type)\b|^Error executing job"
    r"|^\s+For further information visit"
)


class _Stated(NamedTuple):
    """A reason, and how much it counts; the last of those that count most is the reason.

    An error counts 2, a logged error 1, and one that is passed on from another process 0.
    """

    weight: int
    text: str


def reason(output: str) -> str:
    """Return the last error that an output states; "" if it states none."""
    lines = [_RANK.sub("", line[:_LONGEST_LINE].rstrip()) for line in output.splitlines()]
    best = _Stated(-1, "")
    for error in _all(lines):
        if error.weight >= best.weight:
            best = error
    return one_line(best.text)


def last_line(output: str) -> str:
    """Return the last line of an output that says something, progress bars left out."""
    for line in reversed(output.splitlines()):
        if any(map(str.isalnum, line)) and not _PROGRESS.search(line):
            return one_line(line)
    return ""


def is_passed_on(text: str) -> bool:
    """Whether an error only passes on that another process has failed."""
    return _PASSED_ON.match(text) is not None


def one_line(text: str) -> str:
    """Return a text in one line, cut between words after 500 characters."""
    text = " ".join(text.split())
    if len(text) <= _LONGEST:
        return text
    cut = text[: _LONGEST - 2]
    words = cut.rsplit(" ", 1)[0]
    return f"{words if len(words) > len(cut) // 2 else cut} …"


def with_place(text: str, code: str, file: str, line: object) -> str:
    """Return an error that has no message with the line of code that raised it."""
    code = code.strip()
    said = "" if not code or code.startswith("raise") else f": {code}"
    return f"{text}{said} ({PurePath(file).name}, line {line})"


def _all(lines: Sequence[str]) -> Iterator[_Stated]:
    """Yield every error in an output."""
    at = 0
    while at < len(lines):
        line, after = lines[at], at + 1
        error: _Stated | None = None
        for look in (_traceback, _box, _hydra, _statement, _logged):
            if (match := look(lines, at)) is not None:
                text, after = match
                error = _Stated(1 if look is _logged else 0 if is_passed_on(text) else 2, text)
                break
        if error is not None and line:
            yield error
        at = max(after, at + 1)


_Match = tuple[str, int] | None
"""A message, and the number of the line after it."""


def _traceback(lines: Sequence[str], at: int) -> _Match:
    """Return the exception of the traceback that starts in a line."""
    before, header, after = lines[at].partition(_TRACEBACK)
    if not header:
        return None
    if before.endswith("Exception Group "):
        return _group(lines, at + 1)
    if not after.startswith(":"):  # drawn by rich, in a box
        ends = (i for i in range(at + 1, len(lines)) if _BOX_END.match(lines[i]))
        start = next(ends, len(lines)) + 1
        return _message(lines, start) if start < len(lines) else None
    indent = before if not before.strip(" |") else ""  # what precedes it may be a progress bar
    for number in range(at + 1, len(lines)):
        line = lines[number]
        if line.startswith(indent) and line[len(indent) :] and not line[len(indent)].isspace():
            rest = [text.removeprefix(indent) for text in lines[number:]]
            text, length = _message(rest, 0)
            return _placed(text, lines, number), number + length
    return None


def _group(lines: Sequence[str], start: int) -> _Match:
    """Return an exception group with the exceptions in it."""
    end = start
    while end < len(lines) and re.match(r"\s*[|+]", lines[end]):
        end += 1
    said = [m[1] for line in lines[start:end] if (m := re.match(r"\s*\| (\S.*)", line))]
    said = [text for text in said if not _NO_PART.match(text)]
    return (f"{said[0]}: {'; '.join(said[1:])}", end) if said else None


def _placed(text: str, lines: Sequence[str], number: int) -> str:
    """Add the place to a SyntaxError, and the line of code to an error without a message."""
    frames = (i for i in range(number - 1, max(-1, number - 6), -1) if _FRAME.match(lines[i]))
    at = next(frames, None)
    frame = None if at is None else _FRAME.match(lines[at])
    if at is None or frame is None:
        return text
    if re.match(r"(?:SyntaxError|IndentationError|TabError)\b", text):
        return f"{text} ({PurePath(frame['file']).name}, line {frame['line']})"
    code = lines[at + 1] if at + 1 < number else ""
    return text if ": " in text else with_place(text, code, frame["file"], frame["line"])


def _box(lines: Sequence[str], at: int) -> _Match:
    """Return the text of a box with a title such as "Error", which typer and rich draw."""
    title = _BOX_TITLE.match(lines[at])
    if title is None or "error" not in title["title"].lower():
        return None
    end = at + 1
    while end < len(lines) and not _BOX_END.match(lines[end]):
        end += 1
    inside = " ".join(line.strip(_BOX_EDGES) for line in lines[at + 1 : end])
    return f"{title['title']}: {inside}", end + 1


def _hydra(lines: Sequence[str], at: int) -> _Match:
    """Return what hydra says of a configuration, above its advice for a complete traceback."""
    if not lines[at].startswith(_HYDRA):
        return None
    paragraph = _paragraph_above(lines, at)
    text = lines[paragraph.start : paragraph.stop]
    if text and re.match(r"Available options|Config search path", text[0]):
        earlier = _paragraph_above(lines, paragraph.start)
        text = [*lines[earlier.start : earlier.stop], *text]
    text = [line for line in text if not _DETAIL.match(line)]
    if not text or any(_TRACEBACK in line or _FRAME.match(line) for line in text):
        return None
    return " ".join(text), at + 1


def _paragraph_above(lines: Sequence[str], at: int) -> range:
    end = at
    while end and not lines[end - 1].strip():
        end -= 1
    start = end
    while start and lines[start - 1].strip() and end - start < _MOST_LINES:
        start -= 1
    return range(start, end)


def _statement(lines: Sequence[str], at: int) -> _Match:
    """Return an error in one of the forms that programs use."""
    if not _states(lines[at]):
        return None
    text, after = _message(lines, at)
    return _placed(text, lines, at), after


def _states(line: str) -> bool:
    return not _HARMLESS.match(line) and any(pattern.search(line) for pattern in _STATEMENTS)


def _logged(lines: Sequence[str], at: int) -> _Match:
    match = _LOGGED.match(lines[at])
    if match is None:
        return None
    text = match["name"] or match["glog"] or match["ended"]
    return text or f"{match['level']}: {match['text']}", at + 1


def _message(lines: Sequence[str], start: int) -> tuple[str, int]:
    """Return a message, which may have several lines, and the number of the line after it."""
    end = start + 1
    while end < min(len(lines), start + _MOST_LINES):
        line = lines[end]
        if not line.strip() and not (end == start + 1 and lines[start].endswith(":")):
            break
        if any(pattern.match(line) for pattern in (_NO_PART, _PASSED_ON, _LOGGED)) or _states(line):
            break
        end += 1
    rest = (line for line in lines[start + 1 : end] if not _DETAIL.match(line))
    return " ".join([lines[start], *rest]), end
