"""A cluster for the tests of a file, and one for a test that breaks it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.dask.clusters import Cluster


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Yield a cluster of two workers, which no test may break."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        cluster.add("one")
        cluster.add("two")
        yield cluster
    finally:
        cluster.end()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Yield a cluster without workers, for one test."""
    cluster = Cluster(tmp_path / "cluster")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.end()
