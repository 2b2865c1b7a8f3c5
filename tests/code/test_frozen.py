"""Code is frozen, and read again, from folders in which others may have put anything."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from colabctl.code import frozen
from colabctl.errors import UserError
from tests.code import trees

pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")


def folder_of(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x = 1\n")
    return folder


def refused(folder: Path, *parts: str, code: Sequence[str] = ()) -> None:
    with pytest.raises(UserError) as refusal:
        trees.frozen(folder, "a.py", code=tuple(code))
    assert all(part in str(refusal.value) for part in parts), refusal.value


def copied(tmp_path: Path) -> tuple[Path, frozen.Code]:
    """Return a folder with the frozen copy of a.py, and its code."""
    code = trees.frozen(folder_of(tmp_path / "project", "a.py"), "a.py").code
    copy = tmp_path / "copy"
    copy.mkdir()
    frozen.write(code, copy)
    return copy, code


def test_the_program_must_be_among_the_frozen_files(tmp_path: Path) -> None:
    copy, code = copied(tmp_path)
    assert frozen.fetch(copy, code.digest, "a.py:x").digest == code.digest
    with pytest.raises(UserError, match=r"does not contain the sweep's program 'b\.py:x'"):
        frozen.fetch(copy, code.digest, "b.py:x")
    with pytest.raises(UserError, match="does not contain the sweep's program"):
        frozen.fetch(copy, "", "a.py")


@pipes
def test_a_pipe_is_no_code(tmp_path: Path) -> None:
    os.mkfifo(folder_of(tmp_path, "a.py") / "pipe")
    refused(tmp_path, "code: ", "pipe is neither a file nor a folder", code=["pipe"])


@pipes
def test_a_pipe_where_the_code_came_from_counts_as_changed(tmp_path: Path) -> None:
    copy, _ = copied(tmp_path)
    project = tmp_path / "project"
    assert frozen.changed(copy, project, 0.0) == []
    (project / "a.py").unlink()
    os.mkfifo(project / "a.py")
    assert frozen.changed(copy, project, 0.0) == ["a.py"]


def test_changed_code_is_told_by_its_size_or_by_what_was_written_since(tmp_path: Path) -> None:
    copy, _ = copied(tmp_path)
    live = tmp_path / "project/a.py"
    now = live.stat().st_mtime
    live.write_text("x = 2\n")
    assert frozen.changed(copy, live.parent, now) == ["a.py"]
    assert frozen.changed(copy, live.parent, now + 3600) == []  # older than the sweep: not read
    live.write_text("x = 1\n")
    assert frozen.changed(copy, live.parent, now) == []
    live.write_text("longer\n")
    os.utime(live, (0, 0))
    assert frozen.changed(copy, live.parent, now) == ["a.py"]


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (folder_of(tmp_path, "a.py") / "data.bin").open("wb") as file:
        file.truncate(1 << 40)  # more than any memory
    refused(tmp_path, "code: more than", "at data.bin", code=["data.bin"])


def test_endlessly_nested_folders_are_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, "a.py", "lib/" + "d/" * 60 + "b.py")
    refused(tmp_path, "is more than 50 folders deep", code=["lib"])
    with pytest.raises(UserError, match="is more than 50 folders deep"):
        frozen.fetch(tmp_path, "0" * 64)


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
def test_a_file_name_that_is_not_utf8_is_not_frozen(tmp_path: Path) -> None:
    odd = os.fsencode(folder_of(tmp_path, "a.py", "lib/b.py")) + b"/lib/\xff.py"
    Path(os.fsdecode(odd)).touch()
    assert trees.files(tmp_path, "a.py", code=("lib",)) == ["a.py", "lib/b.py"]
    with pytest.raises(UserError, match="is not a UTF-8 name"):
        frozen.fetch(tmp_path, "0" * 64)


def test_each_searched_folder_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"a\.py does not exist in {tmp_path}$"):
        trees.frozen(tmp_path, "a.py")


def test_missing_code_is_refused_with_the_next_step(tmp_path: Path) -> None:
    digest = copied(tmp_path)[1].digest
    with pytest.raises(UserError, match=r"code is missing or empty; .* try again; otherwise"):
        frozen.fetch(tmp_path / "code", digest)
