"""One kernel for many tests of notebooks."""

from collections.abc import Iterator

import pytest

from tests.run.notebook.lab import Lab, lab_at


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Provide a lab whose warm kernel serves all tests that leave it usable."""
    with lab_at(tmp_path_factory.mktemp("lab"), keep="all", most_output=100_000) as shared:
        yield shared
