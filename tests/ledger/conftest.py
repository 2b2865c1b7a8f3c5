"""Gives these tests their folders."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A folder in memory, if the system has one.

Journals consist of thousands of files, and each of them is written through to the disk.
"""


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Provide a folder in memory where the system has that."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)
