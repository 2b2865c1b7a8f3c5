"""The paths of a project."""

from collections import Counter
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.layout import Layout, Paths, SweepLayout, check_member

ROOT = Path("/projects/churn")
WRITER = "ana-laptop-20260101T120000-0a1b2c3d"


def test_the_folders_are_where_people_expect_them() -> None:
    layout = Layout(ROOT)
    assert layout.relative(layout.raw) == "data/raw"
    assert layout.relative(layout.manifest(layout.raw)) == "data/raw.manifest.json"
    assert layout.relative(layout.start_notebook("ana")) == "notebooks/ana/start.ipynb"
    assert layout.relative(layout.worker_notebooks) == "notebooks/workers"
    assert layout.relative(layout.final) == "results/final"
    assert layout.relative(layout.member_checkpoints("ana")) == "checkpoints/ana"
    assert layout.relative(layout.member_record("ana")) == ".colabctl/members/ana.json"
    assert layout.relative(layout.sweep("bench").plan) == "sweeps/bench/plan.json"


def test_a_sweep_is_named_after_its_folder() -> None:
    assert Layout(ROOT).sweep("bench").name == "bench"


def test_every_folder_comes_after_its_parent() -> None:
    seen = {ROOT.parent}
    for folder in Layout(ROOT).folders():
        assert folder.parent in seen
        seen.add(folder)


def test_raw_moves_with_data() -> None:
    paths = Paths.moved({"data": "inputs", "interim": "scratch/interim"})
    assert paths.raw == "inputs/raw"
    assert paths.interim == "scratch/interim"
    assert paths.processed == "inputs/processed"


@pytest.mark.parametrize(
    "given",
    [
        {"raw": "/raw"},
        {"raw": "../raw"},
        {"raw": ".colabctl/raw"},
        {"raw": "sweeps"},
        {"raw": "Results"},
        {"interim": "data/raw/interim"},
        {"results": "notebooks"},
    ],
)
def test_a_moved_folder_stays_in_the_project_and_apart(given: dict[str, str]) -> None:
    with pytest.raises(UserError, match="paths"):
        Paths.moved(given)


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", "workers", "Final"])
def test_a_member_cannot_have_a_name_that_leads_elsewhere(name: str) -> None:
    with pytest.raises(UserError, match="member name"):
        check_member(name)
    with pytest.raises(UserError, match="member name"):
        Layout(ROOT).member_results(name)


def test_a_sweep_cannot_have_a_name_that_leads_elsewhere() -> None:
    with pytest.raises(UserError, match="sweep name"):
        Layout(ROOT).sweep("../data")


def test_a_writer_cannot_have_a_name_that_leads_elsewhere() -> None:
    with pytest.raises(UserError, match="writer name"):
        SweepLayout(ROOT).attempt(0, 1, "../../data")


def test_an_attempt_is_found_by_task_number_and_writer() -> None:
    sweep = Layout(ROOT).sweep("bench")
    folder = sweep.attempt(12_345, 2, WRITER)
    assert folder.relative_to(sweep.runs).as_posix() == f"{WRITER}/01/23/012345-2-{WRITER}"


def test_the_folders_above_an_attempt_belong_to_its_writer() -> None:
    sweep = Layout(ROOT).sweep("bench")
    mine, other = sweep.attempt(7, 1, WRITER), sweep.attempt(7, 2, WRITER.replace("ana", "ben"))
    assert set(mine.parents) & set(other.parents) == {sweep.runs, *sweep.runs.parents}


def test_no_folder_of_runs_is_crowded_by_100_000_tasks_of_one_writer() -> None:
    sweep = Layout(ROOT).sweep("bench")
    folders = {sweep.attempt(task, 1, WRITER).parent for task in range(0, 100_000, 100)}
    above = Counter(folder.parent for folder in folders)
    tasks = Counter(sweep.attempt(task, 1, WRITER).parent for task in range(19_900, 20_300))
    assert len(folders) == 1000
    assert set(above.values()) == {100}
    assert len(above) == 10
    assert set(tasks.values()) == {100}


def test_no_two_attempts_share_a_folder() -> None:
    sweep = Layout(ROOT).sweep("bench")
    folders = {
        sweep.attempt(task, attempt, writer)
        for task in range(150)
        for attempt in (1, 2, 11)
        for writer in (WRITER, f"{WRITER}0")
    }
    assert len(folders) == 150 * 3 * 2
