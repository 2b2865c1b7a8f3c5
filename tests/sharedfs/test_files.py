"""Reading files that others write: complete ones, and only regular files of a possible size."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from colabctl.sharedfs.files import holds_part, read_file, write_whole

pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"12345")
    assert read_file(file, 5) == b"12345"
    with pytest.raises(OSError, match="has more than 4 bytes"):
        read_file(file, 4)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none", 4)
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path, 4)


@pipes
def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    for name in ("pipe", "endless"):
        with pytest.raises(OSError, match="not a regular file") as refused:
            read_file(tmp_path / name, 10)
        assert refused.value.filename == str(tmp_path / name)
        assert not holds_part(tmp_path / name, b"data")


def test_a_part_of_a_file_that_is_being_written_is_recognised(tmp_path: Path) -> None:
    file = tmp_path / "f"
    for content, part in ((b"", True), (b"da", True), (b"data", True), (b"daX", False),
                          (b"data and more", False)):  # fmt: skip
        file.write_bytes(content)
        assert holds_part(file, b"data") is part


KILLED = """
import os, sys
from pathlib import Path
from colabctl.sharedfs.files import write_whole

Path.replace = lambda *_: os._exit(9)  # killed after it has written the content
write_whole(Path(sys.argv[1]), b"new")
"""


def test_what_a_killed_process_left_behind_goes_with_the_next_write(tmp_path: Path) -> None:
    file = tmp_path / "frame.v1.json"
    for _ in range(2):
        ended = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
        assert ended.returncode == 9
    own = tmp_path / f".frame.v1.json.host.{os.getpid()}.0123abcd.tmp"
    own.write_text("another process is writing this")
    other = tmp_path / ".frame.v1.json.tmp"
    other.write_text("not from here")
    assert len(list(tmp_path.iterdir())) == 3
    write_whole(file, b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([file, own, other])
    os.utime(own, (0, 0))
    write_whole(file, b"again")
    assert sorted(tmp_path.iterdir()) == sorted([file, other])
    assert file.read_bytes() == b"again"
