"""Links that another member places in the project lead no command out of it."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import FILE, SWEEP, TRAIN, Say, refused
from tests.processes import Project, linux
from tests.project.conftest import everything

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no links for everyone")

KEY = b"-----BEGIN PRIVATE KEY----- s3cr3t"


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """Return a private folder outside the project."""
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "id").write_bytes(KEY)
    (folder / "helper.py").write_text("TOKEN = 's3cr3t'\n")
    return folder


def place(project: Project, link: str, target: Path | str) -> Path:
    """Put a link into the project, in place of what is there."""
    path = project.root / link
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    return path


def leaks(project: Project) -> list[str]:
    """Return the files of the project that hold something private."""
    return [
        str(path)
        for path in project.root.rglob("*")
        if path.is_file() and not path.is_symlink() and b"s3cr3t" in path.read_bytes()
    ]


@pytest.mark.parametrize(
    ("link", "target", "code"),
    [
        ("exp/helpers", "private", "helpers"),
        ("exp/settings.txt", "private/id", "settings.txt"),
        ("exp/helpers", "private", "helpers/id"),
        ("exp/helpers", "private", "helpers/*"),
        ("exp/sub/deep", "private", "sub/deep/helper.py"),
        ("exp/up", "", "up/private/id"),
        pytest.param("exp/root", "/proc/self/root/etc", "root/hostname", marks=linux),
        pytest.param("exp/environ", "/proc/self/environ", "environ", marks=linux),
        ("exp/zero", "/dev/zero", "zero"),
    ],
)
def test_what_code_names_behind_a_link_is_not_frozen(
    project: Project, say: Say, private: Path, link: str, target: str, code: str
) -> None:
    placed = place(project, link, Path(private.parent, target))
    project.write("exp/train.py", TRAIN)
    project.write("exp/s.yaml", f"{SWEEP}code: [{code!r}]\n")
    refused(
        say("sweep", "exp/s.yaml"),
        f"{placed} is a link to {placed.readlink()} and leads out of the project",
        "replace the link by a copy: rm",
    )
    assert not (project.root / "sweeps/s").exists()
    assert not leaks(project)


def test_a_link_to_a_link_that_leads_out_is_not_frozen(
    project: Project, say: Say, private: Path
) -> None:
    place(project, "exp/two", private / "id")
    place(project, "exp/one", "two")
    project.write("exp/train.py", TRAIN)
    project.write("exp/s.yaml", f"{SWEEP}code: [one]\n")
    refused(say("sweep", "exp/s.yaml"), "exp/one is a link to two and leads out of the project")


def test_a_link_in_a_circle_is_named(project: Project, say: Say) -> None:
    place(project, "exp/one", "two")
    place(project, "exp/two", "one")
    project.write("exp/train.py", TRAIN)
    project.write("exp/s.yaml", f"{SWEEP}code: [one]\n")
    refused(say("sweep", "exp/s.yaml"), "exp/one is a link to two and leads in a circle")


def test_links_inside_the_project_are_frozen(project: Project, say: Say) -> None:
    project.write("lib/helper.py", "X = 1\n")
    place(project, "exp/lib", "../lib")
    project.write("exp/train.py", TRAIN)
    project.write("exp/s.yaml", f"{SWEEP}code: [lib]\n")
    assert say("sweep", "exp/s.yaml").code == 0
    assert (project.root / "sweeps/s/code/exp/lib/helper.py").read_text() == "X = 1\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
def test_a_pipe_in_a_folder_of_code_is_named_and_not_read(project: Project, say: Say) -> None:
    project.write("lib/helper.py", "X = 1\n")
    os.mkfifo(project.root / "lib/pipe")
    project.write("train.py", TRAIN)
    project.write("s.yaml", f"{SWEEP}code: [lib]\n")
    said = say("sweep", "s.yaml")
    assert said.code == 0
    assert "neither files nor folders, so not frozen: lib/pipe" in said.err


def test_a_program_and_a_sweep_file_behind_a_link_are_refused(
    project: Project, say: Say, private: Path
) -> None:
    (private / "train.py").write_text(TRAIN)
    (private / "s.yaml").write_text(SWEEP)
    for link in ("train.py", "exp"):
        place(project, link, private / link if link != "exp" else private)
    project.write("s.yaml", SWEEP)
    refused(say("sweep", "s.yaml"), "program: train.py", "leads out of the project")
    refused(say("sweep", "exp/s.yaml"), "exp is a link to", "leads out of the project")
    project.write("s.yaml", SWEEP.replace("train.py", "exp/train.py"))
    refused(say("sweep", "s.yaml"), "exp is a link to", "leads out of the project")
    assert not (project.root / "sweeps/s").exists()


def test_the_content_of_a_linked_file_is_not_shown(
    project: Project, say: Say, private: Path
) -> None:
    place(project, "s.yaml", private / "id")
    for arguments in (("sweep", "s.yaml"), ("sweep", "s.yaml", "--dry-run")):
        said = say(*arguments)
        refused(said, "s.yaml is a link to", "leads out of the project")
        assert "s3cr3t" not in said.err
    place(project, "colabctl.yaml", private / "id")
    said = say("status")
    refused(said, "colabctl.yaml is a link to")
    assert "s3cr3t" not in said.err


def test_an_import_behind_a_link_is_noted_with_a_fix_that_works(
    project: Project, say: Say, private: Path
) -> None:
    link = place(project, "helper.py", private / "helper.py")
    project.write("train.py", f"import helper\n{TRAIN}")
    project.write("s.yaml", SWEEP)
    said = say("sweep", "s.yaml")
    assert "note: tasks will fail at the import of helper (train.py:1): " in said.err
    assert not leaks(project)
    fix = said.err.split("replace the link by a copy: ")[1].splitlines()[0]
    assert os.system(fix) == 0
    assert not link.is_symlink()
    assert say("sweep", "s.yaml", "--name", "s2").code == 0
    assert project.run("work", "s2").code == 0
    assert project.status("s2")["done"] == 2


PLACES = [
    *("sweeps", "sweeps/s", "sweeps/s/code", "sweeps/s/tasks", "sweeps/s/journal"),
    *("sweeps/s/runs", "sweeps/s/sweep.yaml", "sweeps/s/plan.json", "sweeps/s/claims.lock"),
]


@pytest.mark.parametrize("link", PLACES)
def test_a_sweep_is_not_declared_through_a_link(
    project: Project, say: Say, private: Path, file: Path, link: str
) -> None:
    before = everything(private)
    target = private if "." not in Path(link).name else private / "id"
    placed = place(project, link, target)
    refused(say("sweep", str(file)), f"{placed} is a link to {target} and leads out of the project")
    assert everything(private) == before


@pytest.mark.parametrize("link", ["code/t", "tasks/00000.jsonl", "code/notebooks"])
def test_a_declaration_writes_through_no_link_in_its_folders(
    project: Project, say: Say, private: Path, file: Path, link: str
) -> None:
    target = private / "new" if "." in link else private
    link = link.replace("code/t", "code/notebooks/ana/train.py")
    target = private / "helper.py" if link.endswith("train.py") else target
    before = everything(private)
    place(project, f"sweeps/s/{link}", target)
    said = say("sweep", str(file))
    assert everything(private) == before
    refused(said, f"sweeps/s/{link}", "is a link")


@pytest.mark.parametrize("link", PLACES[2:6])
def test_a_command_uses_no_sweep_behind_a_link(
    declared: Project, say: Say, private: Path, link: str
) -> None:
    link = link.replace("/s/", "/first/")
    before = everything(private)
    placed = place(declared, link, private)
    for command in ("work", "status", "results", "pause", "retry", "trust", "workers"):
        refused(say(command, "first"), f"{placed} is a link to", "leads out of the project")
    assert everything(private) == before
    said = say("doctor")
    assert said.code == 3
    assert f"wrong {placed} is a link to {private} and leads out of the project" in said.out


def test_one_sweep_behind_a_link_stops_no_other(declared: Project, say: Say, private: Path) -> None:
    declared.declare("second", SWEEP, TRAIN)
    place(declared, "sweeps/first/journal", private)
    said = say("status")
    assert said.code == 0
    assert "note: " in said.err
    assert declared.run("work").code == 0
    assert declared.status("second")["done"] == 2


def test_a_journal_that_is_a_link_is_passed_over(
    declared: Project, say: Say, private: Path
) -> None:
    journal = declared.journal("first", {"event": "done", "task": 0, "attempt": 1})
    shutil.move(journal.parent, private / "eve")
    place(declared, "sweeps/first/journal/eve", private / "eve")
    place(declared, "sweeps/first/journal/zoe/events.jsonl", private / "eve/events.jsonl")
    assert declared.status("first")["done"] == 0
    assert declared.run("work").code == 0
    said = say("doctor")
    assert "sweeps/first/journal/eve is not part of the sweep" in said.out
    assert "journal/zoe/events.jsonl line 1 is damaged (is not a regular file)" in said.out


@pytest.mark.parametrize("link", ["notebooks/ana/out", "results/ana/out.csv", "out"])
def test_a_file_of_results_is_not_written_through_a_link(
    declared: Project, say: Say, private: Path, link: str
) -> None:
    before = everything(private)
    is_file = link.endswith(".csv")
    placed = place(declared, link, private / "new.csv" if is_file else private)
    file = placed if is_file else placed / "new.csv"
    for command in (
        ("results", "first", "-o"),
        ("export", "first", "--to", "csv", "-o"),
        ("export", "first", "--to", "wandb", "-o"),
        ("export", "first", "--to", "optuna", "-o"),
    ):
        refused(say(*command, str(file)), f"{placed} is a link to", "leads out of the project")
    assert everything(private) == before


def test_an_output_outside_the_project_is_the_users_own_choice(
    declared: Project, say: Say, private: Path
) -> None:
    (private.parent / "mine").symlink_to(private)
    assert say("results", "first", "-o", str(private.parent / "mine/r.csv")).code == 0
    assert (private / "r.csv").is_file()
    evil = place(declared, "notebooks/ana/out", private)
    (private.parent / "two").symlink_to(evil)
    file = str(private.parent / "two/other.csv")
    refused(say("results", "first", "-o", file), f"{evil} is a link to")


@pytest.mark.parametrize("link", ["notebooks", "notebooks/ana", "notebooks/workers", ".colabctl"])
def test_no_notebook_is_written_through_a_link(
    declared: Project, say: Say, private: Path, link: str
) -> None:
    before = everything(private)
    placed = place(declared, link, private)
    commands = [("notebook", "new", "plot"), ("workers", "first")]
    said = [say(*command) for command in commands]
    assert any(f"{placed} is a link to {private} and leads out" in each.err for each in said)
    assert everything(private) == before


def test_a_prepared_notebook_is_not_written_through_a_link(
    project: Project, say: Say, private: Path
) -> None:
    cell: dict[str, object] = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    source = "lr = 0.1\nloss = lr * 2\nprint(loss)"
    text = json.dumps(
        {"cells": [{**cell, "source": source}], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    )
    project.write("n.ipynb", text)
    link = place(project, "n-sweep.ipynb", private / "new.ipynb")
    before = everything(private)
    refused(
        say("notebook", "prepare", "n.ipynb", "--metric", "loss", "--yes"), f"{link} is a link to"
    )
    assert everything(private) == before
    place(project, "out", private)
    refused_here = say("notebook", "prepare", "n.ipynb", "-o", "out/x.ipynb", "--yes")
    assert (refused_here.code, "leads out of the project" in refused_here.err) == (1, True)
    (private / "p.ipynb").write_text(text.replace("0.1", "'s3cr3t'"))
    place(project, "p.ipynb", private / "p.ipynb")
    assert say("notebook", "prepare", "p.ipynb", "--yes").code == 1
    assert not leaks(project)


def test_init_creates_nothing_behind_a_link(project: Project, say: Say, private: Path) -> None:
    before = everything(private)
    link = place(project, "data", private)
    said = say("init", ".")
    assert said.code == 0
    assert f"note: {link} is a link to {private} and leads out of the project" in said.err
    assert everything(private) == before
    link.unlink()
    placed = place(project, "results", private)
    refused(say("init", "."), f"{placed} is a link to")
    refused(say("member", "add", "cleo"), f"{placed} is a link to")
    assert everything(private) == before
    assert not (project.root / "notebooks/cleo").exists()


@pytest.mark.parametrize("link", ["data", "data/raw"])
def test_nothing_behind_a_link_is_protected_unasked(
    project: Project, say: Say, private: Path, link: str
) -> None:
    (private / "raw").mkdir()
    (private / "raw/x.csv").write_text("1")
    target = private if link == "data" else private / "raw"
    mode = (private / "raw/x.csv").stat().st_mode
    before = everything(private)
    placed = place(project, link, target)
    refused(say("protect"), f"{placed} is a link to {target} and leads out", "--follow-links")
    assert everything(private) == before
    assert (private / "raw/x.csv").stat().st_mode == mode
    assert say("protect", "--follow-links").code == 0
    assert say("verify").code == 0


def test_no_probe_is_written_through_a_link(project: Project, say: Say, private: Path) -> None:
    before = everything(private)
    placed = place(project, ".colabctl/probes", private)
    assert f"{placed} is a link to" in say("doctor").out
    said = say("doctor", "--answer", "--wait", "1s")
    assert (said.code, f"colabctl: {placed} is a link to" in said.err) == (1, True)
    assert everything(private) == before


def test_a_checkpoint_is_not_read_or_saved_through_a_link(project: Project, private: Path) -> None:
    before = everything(private)
    place(project, "checkpoints/ana", private)
    script = "import colabctl\ncolabctl.open().checkpoint('x.json', lambda: 1)"
    ended = project.python(script)
    assert ended.code == 1
    assert "checkpoints/ana is a link to" in ended.err
    assert everything(private) == before


def test_a_link_for_a_target_of_control_characters_forges_no_message(
    project: Project, say: Say, private: Path, file: Path
) -> None:
    place(project, "sweeps/s", f"{private}\ncolabctl: all is well\033[2J")
    said = say("sweep", str(file))
    assert said.err.count("\n") == 1
    assert "\033" not in said.err


def test_a_project_reached_through_a_link_works(project: Project, say: Say) -> None:
    shortcut = project.root.parent / "shortcut"
    shortcut.symlink_to(project.root)
    project.write("train.py", TRAIN)
    project.write("s.yaml", FILE)
    assert say("sweep", "s.yaml", cwd=shortcut).code == 0
    assert say("status", "s", "--root", str(shortcut)).code == 0
    assert say("results", "s", "-o", str(shortcut / "r.csv")).code == 0
