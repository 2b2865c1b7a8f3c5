"""Checks final results, without reading what is in them."""

from collections.abc import Iterator

from colabctl.doctor.check import Check
from colabctl.project.layout import Layout
from colabctl.promote.check import glance
from colabctl.promote.finals import finals as final_results

_LOOK = "colabctl promote --check, which reads the files and says what to do"


def finals(layout: Layout) -> Iterator[Check]:
    """Look at the records, sizes and origins of final results; at tasks, whether they count."""
    is_fine = True
    for each in glance(layout):
        is_fine = False
        yield Check("finals", each.level, each.what, _LOOK)
    if is_fine and (number := len(final_results(layout))):
        yield Check("finals", "ok", f"final results: {number}, each of the size that was promoted")
