"""Fixtures for tests of the project's folder."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from colabctl.project.config import load
from colabctl.project.create import create
from colabctl.project.layout import Layout

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
UNPRIVILEGED = 65534


@pytest.fixture
def project(tmp_path: Path) -> Layout:
    root = tmp_path / "churn"
    create(root, "churn", "ana", ["ana", "ben"])
    return load(root, {}).layout


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that every user of this machine can read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder).resolve()
        path.chmod(0o755)
        yield path


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Act as a user whom permissions stop, also where the tests run as root."""
    if not IS_ROOT:
        yield
        return
    os.seteuid(UNPRIVILEGED)
    try:
        yield
    finally:
        os.seteuid(0)


def everything(root: Path) -> dict[str, bytes | None]:
    """Return everything under `root`: files with their bytes, and folders."""
    return {
        path.relative_to(root).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in root.rglob("*")
    }
