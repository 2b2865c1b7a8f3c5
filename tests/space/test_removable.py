"""What can be deleted is never data, final results, journals, or part of a sweep in use."""

import time

import pytest

from colabctl.checkpoints.places import SAVES
from colabctl.checkpoints.records import Saved
from colabctl.project.archive import write_record
from colabctl.sweeps import plan_of
from tests.processes import Project
from tests.space.conftest import WRITER, grow_old, leftover, look


def going(project: Project) -> dict[str, str]:
    """Return the kind of each file that can be deleted, by its path."""
    return {each.file.path: each.kind for each in look(project).removable}


def archive(project: Project, *, archived: bool = True) -> None:
    layout = project.config({}).layout
    plan = plan_of(layout.sweep("first"))
    write_record(layout, "first", plan.run_digest, member="ana", now=time.time(), archived=archived)


def test_of_a_finished_sweep_only_executed_notebooks_can_be_deleted(swept: Project) -> None:
    runs = f"sweeps/first/runs/{WRITER}"
    assert going(swept) == {f"{runs}/00/00/000000-1-{WRITER}/executed.ipynb": "notebooks"}


def test_of_an_archived_sweep_the_files_of_tasks_can_be_deleted_but_no_journal_plan_or_log(
    swept: Project,
) -> None:
    archive(swept)
    runs = f"sweeps/first/runs/{WRITER}/00/00/000000-1-{WRITER}"
    assert going(swept) == {f"{runs}/executed.ipynb": "archived", f"{runs}/model.bin": "archived"}
    archive(swept, archived=False)
    assert f"{runs}/model.bin" not in going(swept)


def test_nothing_of_a_sweep_can_be_deleted_while_a_worker_lives(swept: Project) -> None:
    archive(swept)
    leftover(swept, "sweeps/first/code")
    assert len(going(swept)) == 3
    now = time.time()
    swept.write(
        "sweeps/first/journal/ana-vm-20260102T030405-aaaaaa/events.jsonl",
        f'{{"n":0,"t":{now},"event":"start","member":"ana","host":"vm","lease":600}}\n',
    )
    assert going(swept) == {}


def test_nothing_of_a_sweep_that_cannot_be_read_can_be_deleted(swept: Project) -> None:
    archive(swept)
    (swept.root / "sweeps/first/plan.json").write_text("{")
    assert going(swept) == {}


def test_old_temporary_files_can_be_deleted_but_not_new_ones(project: Project) -> None:
    old = leftover(project)
    project.write("results/ana/.new.json.vm.123.deadbeef.tmp", "half")
    grow_old(project.write("results/ana/mine.tmp", "a person's"))
    assert going(project) == {old.relative_to(project.root).as_posix(): "leftovers"}


@pytest.mark.parametrize("folder", ["data/raw", "data/raw/deep", "results/final", "labels"])
def test_raw_data_and_final_results_stay_whatever_their_names(
    project: Project, folder: str
) -> None:
    with (project.root / "colabctl.yaml").open("a") as config:
        config.write("read_only: [data/raw, labels]\n")
    leftover(project, folder)
    assert going(project) == {}


def test_a_file_with_another_name_stays_because_that_would_free_nothing(project: Project) -> None:
    file = leftover(project)
    file.with_name("kept.json").hardlink_to(file)
    assert going(project) == {}


def test_copies_and_conflicts_are_never_offered(swept: Project) -> None:
    archive(swept)
    before = going(swept)
    swept.write("results/ana/model (1).json", "a")
    swept.write(f"sweeps/first/runs (1)/{WRITER}/00/00/000000-1-{WRITER}/model.bin", "a")
    assert going(swept) == before


def test_caches_can_be_deleted_if_what_they_are_made_of_is_there(project: Project) -> None:
    project.write("results/ana/.ipynb_checkpoints/a-checkpoint.ipynb", "{}")
    project.write("notebooks/ana/.ipynb_checkpoints/only-checkpoint.ipynb", "{}")
    project.write("results/ana/__pycache__/train.cpython-311.pyc", "x")
    project.write("results/ana/__pycache__/notes.txt", "mine")
    project.write("data/raw/__pycache__/train.cpython-311.pyc", "x")
    assert going(project) == {"results/ana/__pycache__/train.cpython-311.pyc": "leftovers"}
    project.write("results/ana/a.ipynb", "{}")
    assert going(project)["results/ana/.ipynb_checkpoints/a-checkpoint.ipynb"] == "leftovers"


def test_what_was_replaced_is_a_kind_of_its_own(project: Project) -> None:
    project.write("results/final/earlier/m-1/m.pt", "old")
    project.write("results/final/m.pt", "new")
    project.write("data/raw/a.csv", "new")
    project.write("data/raw/a.csv.bad-12345678", "old")
    project.write("data/raw/b.csv.bad-12345678", "the only one")
    project.write("data/raw/a.csv.bad-notes", "of a person")
    assert going(project) == {
        "results/final/earlier/m-1/m.pt": "earlier",
        "data/raw/a.csv.bad-12345678": "bad",
    }


def test_files_of_tasks_are_listed_by_task(swept: Project) -> None:
    archive(swept)
    assert {each.group for each in look(swept).removable} == {"t000000 of first"}


def test_saves_older_than_the_last_two_can_be_deleted(project: Project) -> None:
    folder = f"checkpoints/ana/{SAVES}"
    for number in range(4):
        name = f"{number:06d}.bin"
        project.write(f"{folder}/{name}", "abc")
        record = Saved(name, 3, "0" * 64).encode()
        (project.root / folder / f"{name}.saved.json").write_bytes(record)
    assert sorted(going(project)) == [
        f"{folder}/{number:06d}.bin{end}" for number in (0, 1) for end in ("", ".saved.json")
    ]
