"""A refusal names the owner and what the owner can do."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colabctl.sharedfs.faults import describe
from colabctl.sharedfs.refusals import advice, refused

pytestmark = pytest.mark.skipif(os.name != "posix", reason="has no owners")
UNPRIVILEGED = 65534


def as_another_user(look: Callable[[], str]) -> str:
    """Return what a function returns in a process of another user, which only root can start."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(UNPRIVILEGED)
            os.setuid(UNPRIVILEGED)
            os.write(writing, look().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


@pytest.fixture
def common() -> Iterator[Path]:
    """Provide a folder that every user of this machine may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def error(path: Path, number: int = errno.EACCES) -> PermissionError | OSError:
    return OSError(number, os.strerror(number), str(path))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_the_owner_of_a_folder_is_named_with_the_command_that_opens_it(common: Path) -> None:
    pytest.importorskip("grp")
    closed = common / "my sweeps"
    closed.mkdir(mode=0o755)
    said = as_another_user(lambda: advice(error(closed / "new.json")))
    assert said.startswith(f"{closed} belongs to root; ask root to run: ")
    assert said.endswith(f"chmod -R g+rwX '{closed}'")
    locked = common / "claims.lock"
    locked.touch(0o600)
    assert as_another_user(lambda: str(refused(locked))) == str(locked)
    described = as_another_user(lambda: describe(error(locked)))
    assert described.startswith(f"{locked}: Permission denied; {locked} belongs to root; ask root")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_an_own_file_needs_no_one_else(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir(mode=0o500)
    assert advice(error(own / "new")).endswith(f"run: chmod -R u+rwX {own}")


def test_other_errors_and_refusals_that_no_mode_explains_get_no_advice(tmp_path: Path) -> None:
    assert advice(error(tmp_path, errno.ENOSPC)) == ""
    assert advice(error(tmp_path / "new")) == ""
    assert advice(OSError(errno.EACCES, "Permission denied")) == ""
    assert describe(error(tmp_path / "new")) == f"{tmp_path}/new: Permission denied"
