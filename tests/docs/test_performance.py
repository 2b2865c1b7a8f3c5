"""The guide's page on performance has the tables that the bench writes."""

from pathlib import Path

from tests.bench.__main__ import SECTIONS
from tests.bench.comparison import page
from tests.bench.comparison.figures import FIGURES, Figure, Measured

PAGE = Path(__file__).parents[2] / "colabctl" / "guide" / "performance.md"


def _cells(table: str) -> list[list[str]]:
    """Return the cells of a table's rows, without its headings."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _figure(peers: tuple[str, ...] = ("jug", "Optuna"), target: float | None = 2.5) -> Figure:
    return Figure("{tasks} tasks", 1_000, 10, peers, target, lambda *_: 1.0)


def test_the_page_has_a_row_for_each_figure_with_its_target() -> None:
    rows = _cells(page.between(PAGE.read_text(encoding="utf-8"), "speed"))
    assert [(row[0], row[4]) for row in rows] == [
        (figure.name(figure.tasks), "-" if figure.target is None else f"{figure.target:g}")
        for figure in FIGURES
    ]


def test_the_page_has_a_table_for_each_section() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(_cells(page.between(text, section)) for section in SECTIONS)


def test_the_fastest_peer_decides() -> None:
    measured = Measured(_figure(), 1_000, 3, {"jug": 6.0, "Optuna": 5.0, "colabctl": 2.0})
    assert measured.best == "Optuna"
    assert measured.ratio == 2.5
    assert measured.verdict == "ok"
    slower = Measured(_figure(), 1_000, 3, {"jug": 6.0, "Optuna": 4.9, "colabctl": 2.0})
    assert slower.verdict == "missed"


def test_a_peer_that_is_missing_is_named_and_leaves_the_target_open() -> None:
    measured = Measured(_figure(), 1_000, 3, {"jug": 6.0, "colabctl": 2.0})
    assert _cells(page.speed([measured])) == [
        ["1,000 tasks", "2.00 s", "jug 6.00 s, Optuna not installed", "3.0", "2.5", "-"]
    ]
    alone = Measured(_figure(), 1_000, 3, {"colabctl": 0.002})
    assert _cells(page.speed([alone]))[0][3] == "-"


def test_fewer_tasks_leave_the_target_open() -> None:
    measured = Measured(_figure(), 10, 1, {"jug": 6.0, "Optuna": 5.0, "colabctl": 1.0})
    assert measured.verdict == "-"


def test_a_table_is_written_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"# Title\n\n{page.start('speed')}\nold\n{page.END}\n\nAfter.\n")
    page.write(file, "speed", "new")
    page.write(file, "drive", "another")
    assert file.read_text() == (
        f"# Title\n\n{page.start('speed')}\n\nnew\n\n{page.END}\n\nAfter.\n"
        f"{page.start('drive')}\n\nanother\n\n{page.END}\n"
    )
