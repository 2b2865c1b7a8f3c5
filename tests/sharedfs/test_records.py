"""Reading records, and the messages about one that is damaged or too new."""

import os
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.sharedfs.records import read_record


def record(folder: Path, content: bytes) -> Path:
    file = folder / "plan.json"
    file.write_bytes(content)
    return file


def test_a_record_is_returned_as_it_is_in_the_file(tmp_path: Path) -> None:
    file = record(tmp_path, b'{"format": 1, "name": "ana"}')
    assert read_record(file, 100, 1) == {"format": 1, "name": "ana"}


def test_an_older_format_is_left_to_the_caller(tmp_path: Path) -> None:
    assert read_record(record(tmp_path, b'{"format": 1}'), 100, 2) == {"format": 1}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"null", b'{"format": true}', b'{"format": "1"}', b"\xff",
     b"[" * 100_000],
)  # fmt: skip
def test_a_damaged_record_is_named_with_the_fix(tmp_path: Path, content: bytes) -> None:
    file = record(tmp_path, content)
    with pytest.raises(UserError, match=r"plan\.json is damaged \(.+\); restore it from the"):
        read_record(file, 200_000, 1)
    with pytest.raises(UserError, match=r"plan\.json is damaged \(.+\); write it again$"):
        read_record(file, 200_000, 1, fix="write it again")


def test_a_newer_record_asks_for_a_newer_colabctl(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"newer colabctl \(format 3, .* up to 2\); upgrade"):
        read_record(record(tmp_path, b'{"format": 3}'), 100, 2)


def test_a_record_that_cannot_be_read_is_the_file_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_record(tmp_path / "missing.json", 100, 1)
    with pytest.raises(OSError, match="more than 5 bytes"):
        read_record(record(tmp_path, b'{"format": 1}'), 5, 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
def test_a_pipe_in_place_of_a_record_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "plan.json")
    with pytest.raises(OSError, match="not a regular file"):
        read_record(tmp_path / "plan.json", 100, 1)
