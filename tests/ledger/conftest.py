"""Gives these tests their folders."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import colabctl.ledger.ledger
from tests.ledger.cached import MEMORY, Sweep, filled


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Provide a folder in memory where the system has that."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture
def small_sweeps_are_cached_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colabctl.ledger.ledger, "_FEW", 1)


@pytest.fixture
def coherent(tmp_path: Path) -> Sweep:
    return filled(Sweep(tmp_path, "coherent"))


@pytest.fixture
def eventual(tmp_path: Path) -> Sweep:
    return filled(Sweep(tmp_path, "eventual"))
