"""New files have the group rights of their folder, whatever the umask."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from colabctl.ledger.journals.appended import AppendedStore
from colabctl.project.create import create
from colabctl.sharedfs.files import write_new, write_whole
from colabctl.sharedfs.locks import locked
from colabctl.sharedfs.rights import make_folder, share_as_git_does, share_tree
from tests.processes import Project

pytestmark = pytest.mark.skipif(os.name != "posix", reason="has no groups")

SWEEP = "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2]}}\n"
TRAIN = """
def train(params, task):
    (task.folder / "inner").mkdir()
    (task.folder / "inner/weights").write_text("w")
    return {"y": 1}
"""


@pytest.fixture(autouse=True)
def private_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Provide a folder in which its group may write, as a group on one machine has it."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o2770)
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def closed(root: Path) -> list[str]:
    """Return what the group may not use, apart from the links."""
    needs = {True: 0o2070, False: 0o060}
    return [
        str(path.relative_to(root))
        for path in root.rglob("*")
        if mode(path) & needs[path.is_dir()] != needs[path.is_dir()]
    ]


def test_files_and_folders_follow_a_group_writable_folder(shared: Path) -> None:
    make_folder(shared / "a/b", parents=True)
    write_new(shared / "a/b/new", b"1")
    write_whole(shared / "a/b/whole", b"1")
    write_whole(shared / "a/b/whole", b"2")
    AppendedStore(shared / "a/journal").write(b"{}\n")
    with locked(shared / "a/lock"):
        assert mode(shared / "a/lock") & 0o060 == 0o060
    assert closed(shared) == []
    assert mode(shared / "a/b/new") == 0o660


def test_a_folder_that_only_passes_on_its_group_gives_the_rights_that_it_has(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o2750)
    write_new(tmp_path / "new", b"")
    assert mode(tmp_path / "new") == 0o640


def test_a_private_folder_and_one_like_tmp_leave_it_to_the_umask(tmp_path: Path) -> None:
    for bits in (0o700, 0o755, 0o1777):
        folder = tmp_path / f"{bits:o}"
        folder.mkdir()
        folder.chmod(bits)
        write_new(folder / "new", b"")
        make_folder(folder / "inner")
        assert (mode(folder / "new"), mode(folder / "inner")) == (0o600, 0o700)


def test_what_exists_stays_as_it_is(shared: Path) -> None:
    (shared / "own").mkdir()
    make_folder(shared / "own")
    assert mode(shared / "own") & 0o777 == 0o700


def test_a_programs_own_files_are_shared_and_stay_executable(shared: Path) -> None:
    (shared / "attempt/inner").mkdir(parents=True)
    (shared / "attempt/inner/run.sh").touch(0o700)
    (shared / "attempt/loop").symlink_to(shared / "attempt")
    share_tree(shared)
    assert closed(shared / "attempt") == []
    assert mode(shared / "attempt/inner/run.sh") == 0o770


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("group", 0o2770), ("0640", 0o2750), ("umask", 0o700), ("false", 0o700)],
)
def test_a_clone_that_git_shares_is_a_shared_folder(
    tmp_path: Path, setting: str, expected: int
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_text(f"[core]\n\tsharedRepository = {setting}\n")
    tmp_path.chmod(0o700)
    share_as_git_does(tmp_path)
    assert mode(tmp_path) == expected


def test_a_project_and_its_sweep_are_the_groups(shared: Path) -> None:
    create(shared, members=["ana", "ben"])
    project = Project(shared)
    project.declare("s", SWEEP, TRAIN)
    (shared / "train.py").chmod(0o660)  # the user's own file
    assert project.run("work", "s", member="ana").code == 0
    assert project.run("pause", "s", member="ben").code == 0
    assert closed(shared) == []
