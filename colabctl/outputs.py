"""What tasks printed, in files of their worker: many tasks to a file, none for an empty output.

A line is a JSON object: `task`, `attempt`, `output`, and for a part that was written while the
task ran, `part`: true. All parts come before the complete output, which may be shortened.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from colabctl.sharedfs.faults import does_not_answer
from colabctl.sharedfs.files import read_file, write_once
from colabctl.sharedfs.links import open_itself
from colabctl.sharedfs.rights import make_folder, share

_LARGEST = 8 << 20  # bytes of a file; one output more may follow
_LARGEST_READ = 1 << 27  # bytes; a larger file is not ours
_PER_FOLDER = 100
# Seconds between two files where each is written once. A worker of a day then has 300.
_INTERVALS = (60.0, 300.0)
_FREQUENT = 30  # files, before the longer interval applies


class Output(NamedTuple):
    """The output of one attempt at a task, or a part of it."""

    task: int
    attempt: int
    text: str
    is_part: bool


class OutputWriter:
    """Writes the outputs of one worker's tasks into the folder `folder`, which is its own.

    With `at_once`, `flush` appends to a file. Otherwise it writes new files, less often.
    """

    def __init__(
        self, folder: Path, *, at_once: bool, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._at_once = at_once
        self._monotonic = monotonic
        self._lines: list[bytes] = []
        self._size = 0  # bytes of these lines
        self._oldest = 0.0  # when the first of them was added
        self._number = 0  # of the next file
        self._file: Path | None = None  # the one to append to
        self._written = 0  # bytes of that file

    def add(self, output: Output) -> None:
        """Add an output, for the next flush."""
        parts: dict[str, int | str] = {"task": output.task, "attempt": output.attempt}
        if output.is_part:
            parts["part"] = True
        parts["output"] = output.text
        text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
        line = text.encode(errors="replace") + b"\n"
        if not self._lines:
            self._oldest = self._monotonic()
        self._lines.append(line)
        self._size += len(line)

    def flush(self, *, force: bool = False) -> None:
        """Write what is due; raise OSError if that fails, and try again at the next call."""
        if not self._lines:
            return
        if self._at_once:
            self._append()
        elif force or self._size >= _LARGEST or self._monotonic() >= self._oldest + self._interval:
            write_once(self._next_file(), self._lines)
            self._forget()

    @property
    def _interval(self) -> float:
        return _INTERVALS[self._number >= _FREQUENT]

    def _append(self) -> None:
        if self._file is None or self._written >= _LARGEST:
            self._file, self._written = self._next_file(), 0
        path, self._file = self._file, None  # after a fault, a line may be incomplete there
        with open(path, "ab", buffering=0, opener=open_itself) as file:
            if not self._written:
                share(path, file.fileno())
            data = b"".join(self._lines)
            while data:
                count = file.write(data)
                self._written += count
                data = data[count:]
        self._file = path
        self._forget()

    def _forget(self) -> None:
        self._lines.clear()
        self._size = 0

    def _next_file(self) -> Path:
        """Return the path of a new file; its number is used once, even if writing it fails."""
        path = self._folder / f"{self._number // _PER_FOLDER:02d}" / f"{self._number:05d}.jsonl"
        make_folder(path.parent, parents=True)
        self._number += 1
        return path


class OutputReader:
    """Reads the outputs in a worker's folders, each line once, and nothing outside `root`.

    `skip` is called with each file that cannot be read, once, and why.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        root: Path,
        skip: Callable[[Path, OSError], None] = lambda _path, _error: None,
    ) -> None:
        self._skip = skip
        self._skipped: set[Path] = set()
        self._folders = folders
        self._root = root
        self._read: dict[Path, int] = {}  # bytes of each file

    def new(self, task: int) -> Iterator[Output]:
        """Yield the outputs of a task that have arrived since the last call, in order.

        What is not an output is left out. Raises OSError if a folder does not answer.
        """
        for file in self._files():
            try:
                yield from self._new_in(file, task)
            except OSError as error:
                if does_not_answer(error):
                    raise
                self._leave_out(file, error)

    def _leave_out(self, file: Path, error: OSError) -> None:
        if file not in self._skipped:
            self._skipped.add(file)
            self._skip(file, error)

    def _new_in(self, file: Path, task: int) -> Iterator[Output]:
        start = f'{{"task":{task},"attempt":'.encode()
        done = self._read.get(file, 0)
        if file.stat().st_size <= done:
            return
        data = read_file(file, _LARGEST_READ, self._root)
        end = data.rfind(b"\n") + 1
        self._read[file] = max(done, end)
        at = data.find(start, done, end)
        while at >= 0:
            line = data[at : data.index(b"\n", at)]
            if (not at or data[at - 1 : at] == b"\n") and (output := _parsed(line)):
                yield output
            at = data.find(start, at + len(line), end)

    def _files(self) -> Iterator[Path]:
        for folder in self._folders:
            for part in self._sorted(folder):
                yield from (file for file in self._sorted(part) if file.suffix == ".jsonl")

    def _sorted(self, folder: Path) -> list[Path]:
        try:
            return sorted(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            if does_not_answer(error):
                raise
            self._leave_out(folder, error)
            return []


def _parsed(line: bytes) -> Output | None:
    try:
        parts = json.loads(line)
        output = Output(parts["task"], parts["attempt"], parts["output"], parts.get("part") is True)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    types = type(output.attempt), type(output.text)
    return output if types == (int, str) else None
