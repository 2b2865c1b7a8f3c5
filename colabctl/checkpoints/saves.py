"""Numbered saves of a half-trained model: written once, found again by later attempts."""

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from colabctl.checkpoints import content, records
from colabctl.checkpoints.formats import STATES, Format, ending_for
from colabctl.checkpoints.places import KEPT, RECORD, SAVES, save_number
from colabctl.checkpoints.records import Content, Saved
from colabctl.errors import UserError
from colabctl.sharedfs.faults import (
    FREE_SPACE,
    describe,
    does_not_answer,
    fault_of,
    patiently,
)
from colabctl.sharedfs.files import write_new
from colabctl.sharedfs.rights import make_folder
from colabctl.sharedfs.uploads import waiting

_MOST_TRIES = 100  # numbers that other processes of the task may have taken


@dataclass(frozen=True)
class Resumed:
    """The newest save of a task that is whole.

    Attributes:
        state: what was saved. If that was a file, the path of the save, which must not be changed.
        step: the step that it was saved at.
        file: where it is.

    """

    state: Any
    step: float | None
    file: Path


class Saves:
    """The saves of one attempt, in its own folder, where no other attempt writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / SAVES
        self._last = 0  # a listing may lack what was written just now

    def save(self, state: Any, step: float | None, tell: Callable[[str], None]) -> bool:
        """Save a state under the next number, and remove own saves before the last two.

        Returns False, after telling why, if the folder does not take it; the earlier saves stay.
        Raises UserError for a state that no format can hold.
        """
        ending, write = _format_of(state)
        try:
            with content.drafted(write) as (file, size):
                make_folder(self.folder, parents=True, follow=False)
                number = self._write(file, size, ending, step)
        except OSError as error:
            fix = f"; {FREE_SPACE}" if fault_of(error) == "full" else ""
            at = "" if step is None else f" of step {step}"
            tell(f"the save{at} failed ({describe(error)}{fix}); the task continues without it")
            return False
        with suppress(OSError):  # what is left is removed after the next save
            self._remove_before(number)
        return True

    def _write(self, file: BinaryIO, size: Content, ending: str, step: float | None) -> int:
        """Write a save and then its record, without which it does not count."""
        self._last = max([self._last, *(number for number, _ in _numbered(self.folder))])
        for number in range(self._last + 1, self._last + _MOST_TRIES):
            path = self.folder / f"{number:06d}{ending}"
            try:
                write_new(path, content.pieces(file))
                record = Saved(
                    path.name,
                    size.size,
                    size.sha256,
                    host=socket.gethostname(),
                    saved_at=time.time(),
                    step=step,
                )
                write_new(path.with_name(f"{number:06d}{RECORD}"), record.encode())
            except FileExistsError:  # another process of the task saves at the same time
                continue
            self._last = number
            return number
        raise OSError(f"no free number after {self._last}")

    def _remove_before(self, newest: int) -> None:
        """Remove own saves before the last two whole ones, once these have left this machine.

        A file is emptied first: a Drive keeps what is deleted in its trash, which counts.
        """
        whole = [
            (number, saved)
            for number, saved in _recorded(self.folder)
            if number <= newest and _has_size(self.folder / saved.file, saved)
        ]
        if len(whole) <= KEPT:
            return
        newest_files = [self.folder / saved.file for _, saved in whole[:KEPT]]
        records_kept = [self.folder / f"{number:06d}{RECORD}" for number, _ in whole[:KEPT]]
        if waiting([*newest_files, *records_kept]):
            return
        oldest = whole[KEPT - 1][0]
        for number, path in sorted(_numbered(self.folder), key=_record_first):
            if number < oldest:
                if not path.is_symlink():
                    path.write_bytes(b"")
                path.unlink(missing_ok=True)


def resume(folders: Iterable[Path], tell: Callable[[str], None]) -> Resumed | None:
    """Return the newest whole save in these folders of attempts, given newest first.

    Saves that are half uploaded or damaged are passed over. While the folder does not answer, it
    waits for up to a minute. Raises UserError for a save that a newer colabctl wrote, and for one
    whose library is missing; OSError if the folder still does not answer.
    """
    attempts = list(folders)
    return patiently(lambda: _newest(attempts, tell), tell=tell, wait=time.sleep)


def _newest(folders: Iterable[Path], tell: Callable[[str], None]) -> Resumed | None:
    passed = ""
    for attempt in folders:
        folder = attempt / SAVES
        for number, saved in _recorded(folder):
            path = folder / saved.file
            ending = _ending(path.name)
            why = "its record names another file"
            if save_number(path.name) == number:
                try:
                    with content.open_checked(path, attempt) as file:
                        if content.fits(file, Content(saved.size, saved.sha256)):
                            if passed:
                                tell(f"{passed}, so the task continues from {path}")
                            return Resumed(_state(file, path, ending), saved.step, path)
                    why = "it is not what was saved: damaged, or still arriving"
                except FileNotFoundError:
                    why = "it is missing, or still arriving"
                except OSError as error:
                    if does_not_answer(error):
                        raise
                    why = describe(error)
            passed = passed or f"{path} is passed over, because {why}"
    if passed:
        tell(f"{passed}, and there is no other save")
    return None


def _format_of(state: Any) -> tuple[str, Callable[[BinaryIO], object]]:
    """Return the extension of a state's format, and what writes it."""
    if isinstance(state, Path):
        if not state.is_file():
            raise UserError(f"{state} is not a file, so it cannot be saved")
        if not state.suffix or not state.suffix[1:].isalnum():
            raise UserError(f"{state} has no extension; give it one, such as .ckpt")
        return f".file{state.suffix}", lambda file: _copy(state, file)
    ending = ending_for(state)
    form = STATES[ending]
    form.check_installed("this state")
    return ending, lambda file: form.save(state, file)


def _copy(source: Path, file: BinaryIO) -> None:
    with source.open("rb") as data:
        file.writelines(content.pieces(data))


def _ending(name: str) -> str:
    return name[name.index(".") :]


def _state(file: BinaryIO, path: Path, ending: str) -> Any:
    if ending.startswith(".file."):
        return path
    form: Format | None = STATES.get(ending)
    if form is None or form.pickles:
        raise UserError(f"{path} has a format that this colabctl does not know; upgrade it")
    form.check_installed(str(path))
    file.seek(0)
    return form.load(file)


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield the numbered files and records in a folder, with their numbers."""
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return
    for path in paths:
        number = save_number(path.name)
        if number is not None:
            yield number, path


def _recorded(folder: Path) -> list[tuple[int, Saved]]:
    """Return the records in a folder that can be read, the newest first.

    Raises records.NewerError.
    """
    recorded = []
    if folder.is_symlink():
        return []
    for number, path in _numbered(folder):
        if path.name.endswith(RECORD) and (saved := records.load(path)) is not None:
            recorded.append((number, saved))
    return sorted(recorded, key=lambda each: -each[0])


def _has_size(path: Path, saved: Saved) -> bool:
    try:
        return path.lstat().st_size == saved.size
    except OSError:
        return False


def _record_first(numbered: tuple[int, Path]) -> tuple[int, bool]:
    number, path = numbered
    return number, not path.name.endswith(RECORD)
