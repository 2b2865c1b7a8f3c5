"""Protected raw data, and the folder in which this machine remembers what it has read."""

from pathlib import Path

import pytest

from colabctl.project.layout import Layout
from colabctl.project.raw.protection import protect
from tests.project.raw.files import write


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return this machine's own folder for what it has read."""
    monkeypatch.setenv("COLABCTL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def raw(project: Layout) -> Path:
    """Return the protected folder of raw data, with four files."""
    for name in ("a.csv", "b.csv", "2024/c.csv", "2024/d.csv"):
        write(project.raw / name, f"{name}\n")
    protect(project, project.raw)
    return project.raw
