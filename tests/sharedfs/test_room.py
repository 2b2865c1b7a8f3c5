"""The free room of a folder, as far as its file system tells."""

import shutil
from pathlib import Path

import pytest

from colabctl.sharedfs.room import room_of


def test_the_room_is_that_of_the_file_system(tmp_path: Path) -> None:
    room = room_of(tmp_path)
    assert room is not None
    usage = shutil.disk_usage(tmp_path)
    assert room.total == usage.total
    assert room.free == pytest.approx(usage.free, rel=0.5)


def test_a_folder_that_does_not_answer_tells_nothing(tmp_path: Path) -> None:
    assert room_of(tmp_path / "gone") is None


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")
def test_a_file_system_without_sizes_tells_nothing() -> None:
    assert room_of(Path("/proc")) is None
