"""Whose files are whose: known by the names of workers, guessed by folders."""

from pathlib import Path

import pytest

from colabctl.project.layout import Layout, Paths
from colabctl.project.member_records import Person
from colabctl.space.owners import Owners, Place

WRITER = "ben-vm-20260102T030405-abcdef"
OWNERS = Owners(
    Layout(Path("/p")), [Person(name) for name in ("ana", "ben", "c-d")], {"first": "ana"}
)


@pytest.mark.parametrize(
    ("folder", "place"),
    [
        ("notebooks/ana", Place("notebooks", "ana")),
        ("notebooks/ANA/deep/er", Place("notebooks", "ana")),
        ("notebooks/workers", Place("notebooks")),
        ("notebooks", Place("notebooks")),
        ("results/final", Place("results")),
        ("checkpoints/c-d", Place("checkpoints", "c-d")),
        ("data/raw/ana", Place("data/raw")),
        ("data/other", Place("data")),
        ("database", Place("database")),
        ("", Place(".")),
        ("sweeps", Place("sweeps")),
        ("sweeps/first", Place("sweeps/first", "ana", is_known=True)),
        ("sweeps/first/code", Place("sweeps/first", "ana", is_known=True)),
        ("sweeps/other/code", Place("sweeps/other")),
        (f"sweeps/first/journal/{WRITER}", Place("sweeps/first", "ben", is_known=True)),
        (f"sweeps/first/runs/{WRITER}/00/00", Place("sweeps/first", "ben", is_known=True)),
        (f"sweeps/first/runs/c-d-{WRITER[4:]}", Place("sweeps/first", "c-d", is_known=True)),
        (f"sweeps/first/runs/gone-{WRITER[4:]}", Place("sweeps/first", "gone", is_known=True)),
        ("sweeps/first/runs/by-hand", Place("sweeps/first", "ana", is_known=True)),
    ],
)
def test_the_place_of_a_file_follows_from_its_folder(folder: str, place: Place) -> None:
    assert OWNERS.place(folder) == place


def test_folders_that_were_moved_count_where_they_are() -> None:
    layout = Layout(Path("/p"), Paths.moved({"data": "d", "results": "out/res"}))
    owners = Owners(layout, [Person("ana")], {})
    assert owners.place("out/res/ana/x") == Place("out/res", "ana")
    assert owners.place("out") == Place("out")
    assert owners.place("d/raw") == Place("d/raw")
