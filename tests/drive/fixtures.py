"""Drives for tests, which skip where FUSE is missing but never in continuous integration.

A conftest.py or a test file takes the fixture over by importing `drives`.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drive.drive import Drive
from tests.drive.mounted import MountRefusedError


@contextlib.contextmanager
def drive_or_skip(folder: Path, **options: Any) -> Iterator[Drive]:
    """Mount a `Drive` with such options; skip the test where none can be, but fail if CI is set."""
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
    """Give a function that mounts a `Drive` with the options it is given, until the test ends."""
    with contextlib.ExitStack() as stack:
        made: list[Drive] = []

        def mount(**options: Any) -> Drive:
            folder = tmp_path / f"drive-{len(made)}"
            made.append(stack.enter_context(drive_or_skip(folder, **options)))
            return made[-1]

        yield mount
