"""Drives for tests, which skip if FUSE is missing, except in continuous integration.

Import `drives` in a conftest.py or a test file to use the fixture.
"""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drive.drive import Drive
from tests.drive.mounted import MountRefusedError


@contextlib.contextmanager
def drive_or_skip(folder: Path, **options: Any) -> Iterator[Drive]:
    """Mount a `Drive` with these options; if that is impossible, skip, or fail if CI is set."""
    with contextlib.ExitStack() as stack:
        try:
            drive = stack.enter_context(Drive(folder, **options))
        except MountRefusedError as refused:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(refused))
        yield drive


@pytest.fixture
def drives(tmp_path: Path) -> Iterator[Callable[..., Drive]]:
    """Return a function that mounts a `Drive` with the given options until the test ends."""
    with contextlib.ExitStack() as stack:
        numbers = itertools.count()

        def mount(**options: Any) -> Drive:
            folder = tmp_path / f"drive-{next(numbers)}"
            return stack.enter_context(drive_or_skip(folder, **options))

        yield mount
