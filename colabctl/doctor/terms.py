"""Recalls Colab's terms, where they concern a project."""

import os
from collections.abc import Iterator

from colabctl.doctor.check import Check
from colabctl.project.layout import Layout
from colabctl.project.notebooks.worker import TERMS


def terms(layout: Layout) -> Iterator[Check]:
    """Yield a note on Colab, and where there are worker notebooks to open there."""
    if "COLAB_RELEASE_TAG" in os.environ or any(layout.worker_notebooks.glob("*.ipynb")):
        what, _, fix = TERMS.partition(". Check ")
        yield Check("terms", "note", what, f"check {fix}")
