"""Which errors of a folder pass, and waiting until it answers."""

import errno
from pathlib import Path

import pytest

from colabctl.sharedfs.faults import MissingError, describe, fault_of, naming, patiently


class Folder:
    """A folder that answers after a number of failures."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)
        self.waits: list[float] = []
        self.told: list[str] = []

    def read(self) -> str:
        if self.errors:
            number = self.errors.pop(0)
            raise OSError(number, "does not answer", "f")
        return "content"

    def wait(self, seconds: float) -> bool | None:
        self.waits.append(seconds)
        return None


def test_a_folder_that_answers_at_last_is_waited_for_and_named_once() -> None:
    folder = Folder(errno.EIO, errno.ENOTCONN, errno.ETIMEDOUT)
    assert patiently(folder.read, tell=folder.told.append, wait=folder.wait) == "content"
    assert folder.waits == [1.0, 2.0, 4.0]
    assert folder.told == ["f: does not answer; trying again until it answers"]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ENOSPC, errno.ENOTDIR])
def test_an_answer_that_waiting_does_not_change_is_raised_at_once(number: int) -> None:
    folder = Folder(number)
    with pytest.raises(OSError, match="does not answer"):
        patiently(folder.read, tell=folder.told.append, wait=folder.wait)
    assert (folder.waits, folder.told) == ([], [])


def test_a_folder_that_never_answers_is_given_up_after_a_minute() -> None:
    folder = Folder(*[errno.EIO] * 100)
    with pytest.raises(OSError, match="does not answer"):
        patiently(folder.read, tell=folder.told.append, wait=folder.wait)
    assert 60 < sum(folder.waits) < 120


def test_an_interrupt_ends_the_wait() -> None:
    folder = Folder(errno.EIO, errno.EIO)
    with pytest.raises(OSError, match="does not answer"):
        patiently(folder.read, tell=folder.told.append, wait=lambda _: True)
    assert len(folder.errors) == 1


def test_what_someone_deleted_does_not_come_back(tmp_path: Path) -> None:
    error = MissingError(tmp_path, "restore it")
    assert fault_of(error) == "lasting"
    assert "is missing; restore it" in str(error)


def test_an_error_of_a_write_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "full"
    with pytest.raises(OSError, match="full") as found, naming(file):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert describe(found.value) == f"{file}: No space left on device"
    with pytest.raises(OSError, match="other") as found, naming(file):
        raise OSError(errno.ENOSPC, "No space left on device", "other")
    assert found.value.filename == "other"
