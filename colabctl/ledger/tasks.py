"""The task files of a sweep: JSON Lines with the parameters of each task."""

import errno
import hashlib
import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger.journals.checks import check_params
from colabctl.ledger.plan import Plan
from colabctl.sharedfs.files import read_file, write_whole
from colabctl.sharedfs.links import link_error
from colabctl.sharedfs.records import RESTORE, damaged
from colabctl.sharedfs.rights import share

_LARGEST = 1 << 28  # bytes of a task file; a million tasks with long lists need less
_CHANGED = "is not what was declared"
_NOT_A_FILE = frozenset({errno.EINVAL, errno.EFBIG, errno.EISDIR, errno.ELOOP, errno.ENXIO})


@dataclass(frozen=True)
class TaskLine:
    """One task as declared; `params` is None for a deferred task."""

    index: int
    cell: int
    trial: int
    params: dict[str, Any] | None

    def encode(self) -> bytes:
        """Return the task's line in its file."""
        return json.dumps(vars(self), separators=(",", ":")).encode() + b"\n"


Expand = Callable[[range], Iterator[TaskLine]]
"""Returns tasks as sweep.yaml gives them; raises UserError if that cannot be read."""


def contents(plan: Plan, tasks: Iterator[TaskLine]) -> Iterator[bytes]:
    """Yield the bytes of each task file; `tasks` are ordered by index."""
    for number in range(plan.files):
        yield b"".join(next(tasks).encode() for _ in plan.tasks_in(number))


def write_tasks(
    file: Callable[[int], Path], plan: Plan, tasks: Iterator[TaskLine]
) -> tuple[str, ...]:
    """Write the task files of a new sweep and return their digests; `tasks` are in order."""
    digests: list[str] = []
    for number, content in enumerate(contents(plan, tasks)):
        _write(file(number), content)
        digests.append(_digest(content))
    return tuple(digests)


def _write(file: Path, content: bytes) -> None:
    """Write a task file; a reader never sees half of what another process has written already."""
    try:
        with file.open("xb") as lines:
            share(file, lines.fileno())
            lines.write(content)
    except FileExistsError:  # someone declares the same sweep now, or was interrupted before
        if file.is_symlink():
            raise link_error(str(file)) from None
        if not _holds(file, content):
            write_whole(file, content)


def _holds(file: Path, content: bytes) -> bool:
    try:
        return read_file(file, len(content)) == content
    except OSError:
        return False


@dataclass(frozen=True)
class _Lines:
    """The lines of one task file.

    Attributes:
        declared: the lines that were declared; None if they are not known.
        differing: the positions whose line is not in the file as declared.
        why: what is wrong with the file; "" for a file as declared.
        missing: whether there is no file.
        whole: whether the file has as many lines as it needs.
    """

    declared: list[bytes] | None
    differing: frozenset[int] = frozenset()
    why: str = ""
    missing: bool = False
    whole: bool = True


class TaskFiles:
    """The tasks of a sweep; each file is read when one of its tasks is first needed.

    A file counts only as far as it has the digest in the plan. If it does not, the lines that were
    declared are found with `expand` and checked by the same digest. Then it is known which lines
    differ, and only their tasks do not run.

    Args:
        file: returns the path of a task file by its number.
        plan: the plan of the sweep.
        expand: returns tasks as sweep.yaml gives them.

    """

    def __init__(
        self, file: Callable[[int], Path], plan: Plan, expand: Expand | None = None
    ) -> None:
        self._file = file
        self._plan = plan
        self._expand = expand
        self._lines: dict[int, _Lines] = {}
        self._expanded: dict[int, list[bytes]] = {}

    def __getitem__(self, index: int) -> TaskLine:
        """Return a task as it was declared; raise UserError if that is not known."""
        number, position = divmod(index, self._plan.per_file)
        lines = self._read(number)
        if lines.declared is None:
            raise UserError(f"{self._name(number)} {lines.why}; {RESTORE}")
        try:
            line = TaskLine(**json.loads(lines.declared[position]))
            if line.params is not None:
                check_params(line.params)
        except (ValueError, TypeError, IndexError, RecursionError) as error:
            raise damaged(self._file(number), f"task {index}: {error}") from None
        if line.index != index:
            raise damaged(self._file(number), f"task {line.index} is in the place of {index}")
        return line

    def params(self, index: int) -> dict[str, Any] | None:
        """Return the parameters of a task; None if it is deferred, or they are not known."""
        try:
            return self[index].params
        except UserError:
            return None

    def fault(self, index: int) -> str | None:
        """Return why a task must not run, None if it may.

        A damaged file is read again each time, because someone may have restored it. Raises
        UserError if the file has not arrived yet.
        """
        number, position = divmod(index, self._plan.per_file)
        if self._read(number).why:
            del self._lines[number]
        lines = self._read(number)
        if lines.missing and self._plan.consistency == "eventual":
            raise UserError(
                f"{self._file(number)} is missing; if the sweep was declared a moment ago, try "
                f"again; otherwise {RESTORE}"
            )
        if lines.declared is None:
            return self._not_run(index, f"{self._name(number)} {lines.why}")
        if position in lines.differing:
            line = f"line {position + 1} of " if lines.why == _CHANGED else ""
            return self._not_run(index, f"{line}{self._name(number)} {lines.why}")
        try:
            self[index]
        except UserError as error:
            return f"{error}"
        return None

    def _not_run(self, index: int, why: str) -> str:
        return (
            f"{why}, so {task_name(index)} does not run; restore that file from the folder's "
            f"version history, then run: colabctl retry {shlex.quote(self._plan.sweep)}"
        )

    def damage(self) -> list[str]:
        """Return a sentence for each file, of those that were read, that is not as declared."""
        return [
            f"{self._name(number)} {self._describe(number, lines)}"
            for number, lines in sorted(self._lines.items())
            if lines.why
        ]

    def all_damage(self) -> list[str]:
        """Read all files; return a sentence for each that is not as declared."""
        for number in range(self._plan.files):
            if not self._read(number).why:
                del self._lines[number]  # they may be many
        return self.damage()

    def _describe(self, number: int, lines: _Lines) -> str:
        tasks = self._plan.tasks_in(number)
        if lines.declared is not None and not lines.differing:
            return f"{lines.why}, but all of its lines are there; {RESTORE}"
        positions = sorted(lines.differing) if lines.declared is not None else range(len(tasks))
        first, count = task_name(tasks[positions[0]]), len(positions)
        which = f"task {first} does" if count == 1 else f"{count} tasks, the first {first}, do"
        return f"{lines.why}: {which} not run; {RESTORE}"

    def cell_values(self, index: int) -> Mapping[str, Any]:
        """Return the values of the `foreach` parameters of a task."""
        for cell in self._plan.cells:
            if index < cell["tasks"]:
                return cell["values"]  # type: ignore[no-any-return]
            index -= cell["tasks"]
        return {}

    def arrived(self, *, whole: bool = True) -> bool:
        """Whether all files have arrived, `whole` with all of their lines."""
        for number in range(self._plan.files):
            if not self._file(number).exists():
                return False
            if whole and not self._read(number).whole:
                del self._lines[number]
                return False
        return True

    def _name(self, number: int) -> str:
        """Return the name of a file for messages that other machines show too."""
        return f"tasks/{self._file(number).name} of sweep {self._plan.sweep}"

    def _read(self, number: int) -> _Lines:
        lines = self._lines.get(number)
        if lines is None:
            lines = self._lines[number] = self._check(number)
        return lines

    def _check(self, number: int) -> _Lines:
        """Read a file and compare it with its digest, then with the lines that were declared."""
        content, why, missing = b"", _CHANGED, False
        try:
            content = read_file(self._file(number), _LARGEST)
            if _digest(content) == self._plan.task_digests[number]:
                return _Lines(content.splitlines())
        except FileNotFoundError:
            why, missing = "is missing", True
        except OSError as error:
            if error.errno not in _NOT_A_FILE:
                raise
            why = f"cannot be read ({error.strerror})"
        # The last line may have lost its end.
        whole = content.count(b"\n") + 1 >= len(self._plan.tasks_in(number))
        try:
            declared = self._expanded.get(number) or self._expand_lines(number)
        except (UserError, OSError) as error:
            why = f"{why} (which of its lines differ is not known: {error})"
            return _Lines(None, why=why, missing=missing, whole=whole)
        self._expanded[number] = declared
        # Someone may have written far more lines than a sweep has.
        there = frozenset(content[: 2 * sum(len(line) + 1 for line in declared)].splitlines())
        differing = (position for position, line in enumerate(declared) if line not in there)
        return _Lines(declared, frozenset(differing), why, missing, whole)

    def _expand_lines(self, number: int) -> list[bytes]:
        """Return the lines that were declared; raise UserError if they cannot be present."""
        if self._expand is None:
            raise UserError("sweep.yaml is not at hand")
        lines = [line.encode() for line in self._expand(self._plan.tasks_in(number))]
        content = b"".join(lines)
        if _digest(content) != self._plan.task_digests[number]:
            raise UserError("sweep.yaml does not give these tasks")
        return content.splitlines()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def task_name(index: int) -> str:
    """Return the name of a task, such as t000003."""
    return f"t{index:06d}"
