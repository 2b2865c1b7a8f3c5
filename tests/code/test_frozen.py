"""Code is frozen, and read again, from folders in which others may have put anything."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from colabctl.code import frozen
from colabctl.errors import UserError

pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")


def folder_of(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x = 1\n")
    return folder


def refused(folder: Path, *parts: str, code: Sequence[str] = ()) -> None:
    with pytest.raises(UserError) as refusal:
        frozen.freeze("a.py", code, [folder])
    assert all(part in str(refusal.value) for part in parts), refusal.value


def test_the_program_must_be_among_the_frozen_files(tmp_path: Path) -> None:
    digest = frozen.freeze("a.py", [], [folder_of(tmp_path, "a.py")]).digest
    assert frozen.fetch(tmp_path, digest, "a.py:x").digest == digest
    with pytest.raises(UserError, match=r"does not contain the sweep's program 'b\.py:x'"):
        frozen.fetch(tmp_path, digest, "b.py:x")
    with pytest.raises(UserError, match="does not contain the sweep's program"):
        frozen.fetch(tmp_path, "", "a.py")


@pipes
def test_a_pipe_is_neither_a_program_nor_code(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.py")
    refused(tmp_path, "program: ", "a.py is neither a file nor a folder")
    (tmp_path / "a.py").unlink()
    os.mkfifo(folder_of(tmp_path, "a.py") / "pipe")
    refused(tmp_path, "code: ", "pipe is neither a file nor a folder", code=["pipe"])


@pipes
def test_a_pipe_where_the_code_came_from_counts_as_changed(tmp_path: Path) -> None:
    code = frozen.freeze("a.py", [], [folder_of(tmp_path, "a.py")])
    assert frozen.changed(code, tmp_path) == []
    (tmp_path / "a.py").unlink()
    os.mkfifo(tmp_path / "a.py")
    assert frozen.changed(code, tmp_path) == ["a.py"]


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
def test_a_file_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    Path(
        os.fsdecode(os.fsencode(folder_of(tmp_path, "a.py", "lib/b.py")) + b"/lib/\xff.py")
    ).touch()
    refused(tmp_path, r"code: '\udcff.py'", "is not a UTF-8 name", code=["lib"])
    with pytest.raises(UserError, match="is not a UTF-8 name"):
        frozen.fetch(tmp_path, "0" * 64)


def test_each_searched_folder_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"a\.py does not exist in {tmp_path}$"):
        frozen.freeze("a.py", [], [tmp_path, tmp_path])


def test_missing_code_is_refused_with_the_next_step(tmp_path: Path) -> None:
    digest = frozen.freeze("a.py", [], [folder_of(tmp_path, "a.py")]).digest
    with pytest.raises(UserError, match=r"code is missing or empty; .* try again; otherwise"):
        frozen.fetch(tmp_path / "code", digest)
