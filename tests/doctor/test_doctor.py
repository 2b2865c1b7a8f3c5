"""Doctor names each problem of a project with its fix, and exits 3."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colabctl.sharedfs.mounts import guard_for, mount_of
from tests.drive import Drive
from tests.eventual.group import Group
from tests.processes import PATIENCE, Project, clean

SWEEP = "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2]}}\n"
TRAIN = "def train(params, task):\n    return {'y': params['x']}\n"


def colabctl(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "colabctl", *arguments],
        capture_output=True, text=True, check=False, env={**clean(os.environ), **environ}, timeout=PATIENCE,
    )  # fmt: skip


def doctor(root: Path, **environ: str) -> tuple[int, list[dict[str, Any]]]:
    answer = colabctl("doctor", "--json", "--root", str(root), **environ)
    assert "Traceback" not in answer.stderr, answer.stderr
    return answer.returncode, json.loads(answer.stdout)


def problems(checks: list[dict[str, Any]]) -> list[str]:
    assert all(each["fix"] for each in checks if each["level"] == "wrong")
    return [each["what"] for each in checks if each["level"] == "wrong"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    assert colabctl("init", str(place), "--member", "ana").returncode == 0
    return place


def test_a_healthy_project_has_no_problems_and_is_unchanged(root: Path) -> None:
    before = sorted(root.rglob("*"))
    code, checks = doctor(root)
    assert (code, problems(checks)) == (0, [])
    assert {each["check"] for each in checks} >= {"mount", "guard", "speed", "space", "copies"}
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("plan.json", "plan (1).json"),
        ("notes.txt", "Copy of notes.txt"),
        ("notes.txt", "notes (ana's conflicted copy 2026-01-01).txt"),
    ],
)
def test_a_second_copy_of_a_file_is_named(root: Path, first: str, second: str) -> None:
    (root / "data" / first).write_text("a")
    (root / "data" / second).write_text("b")
    code, checks = doctor(root)
    assert code == 3
    assert [f"data/{second}" in what for what in problems(checks)] == [True]


def test_a_file_name_with_brackets_is_not_a_copy(root: Path) -> None:
    (root / "data" / "figure (2).png").write_text("a")
    assert doctor(root)[0] == 0


def test_a_damaged_journal_is_named_with_its_line(root: Path) -> None:
    (root / "sweep.yaml").write_text("method: grid\nparameters: {x: {values: [1, 2]}}\n")
    assert colabctl("sweep", str(root / "sweep.yaml"), "--root", str(root)).returncode == 0
    journal = root / "sweeps" / "sweep" / "journal" / "eve-h-1-a"
    journal.mkdir()
    (journal / "events.jsonl").write_text("nonsense\n")
    code, checks = doctor(root)
    assert code == 3
    assert "events.jsonl line 1 is damaged" in problems(checks)[0]


def test_an_incomplete_declaration_is_noted(root: Path) -> None:
    (root / "sweeps" / "half").mkdir()
    code, checks = doctor(root)
    assert code == 0
    assert [each["what"] for each in checks if each["level"] == "note"] == [
        "sweeps/half has no plan.json (yet)"
    ]


def test_a_sweep_without_its_code_is_wrong(project: Project) -> None:
    project.declare("first", SWEEP, TRAIN)
    shutil.rmtree(project.root / "sweeps" / "first" / "code")
    code, checks = doctor(project.root)
    assert code == 3
    assert any("code is missing or empty" in problem for problem in problems(checks))


def test_calling_a_drive_coherent_is_wrong(drives: Callable[..., Drive]) -> None:
    place = drives(machines=1, manual=True).machine(0).path / "project"
    assert colabctl("init", str(place), "--member", "ana").returncode == 0
    assert doctor(place)[0] == 0
    code, checks = doctor(place, COLABCTL_CONSISTENCY="coherent")
    assert code == 3
    assert "fuse.drive" in problems(checks)[0]


def test_two_machines_measure_how_late_files_arrive(drives: Callable[..., Drive]) -> None:
    group = Group(drives(machines=2, median=0.3, worst=1.0), tasks=1, seconds=0.1)
    answering = subprocess.Popen(
        [sys.executable, "-m", "colabctl", "doctor", "--answer", "--wait", "8s", "--json",
         "--root", str(group.root(1))],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=group.environ(1),
    )  # fmt: skip
    asked = group.command(
        0, "doctor", "--probe", "--rounds", "2", "--wait", "30s", "--json", "--root",
        str(group.root(0)),
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    figures = json.loads(asked.stdout)
    assert figures["rounds"] == 2
    assert 0.2 < figures["there_and_back_seconds"] < 10
    assert abs(figures["clock_ahead_seconds"]) < 2  # it is one machine after all
    out, _ = answering.communicate(timeout=PATIENCE)
    assert json.loads(out)["answered"] == 2


def test_a_probe_without_an_answer_says_what_to_run(root: Path) -> None:
    answer = colabctl("doctor", "--probe", "--wait", "1s", "--root", str(root))
    assert answer.returncode == 1
    assert "colabctl doctor --answer" in answer.stderr


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    "question",
    [
        f'{{"format": 1, "name": "a.0", "host": {nested(900)}, "sent": 1}}',
        f'{{"format": 1, "name": "a.0", "host": "h", "sent": {nested(4000)}}}',
        '{"format": 1, "name": "a.0", "host": "h", "sent": %s}' % ("9" * 400),
        '{"format": 1, "name": "a.0", "host": "h", "sent": NaN}',
        '{"format": 1, "name": ["a"], "host": "h", "sent": 1}',
        '{"format": 1, "name": "a.0", "host": "h", "sent": true}',
        "[]",
    ],
)
def test_a_question_that_no_probe_asked_is_passed_over(root: Path, question: str) -> None:
    folder = root / ".colabctl" / "probes" / "eve-1"
    folder.mkdir(parents=True)
    (folder / "question-0.json").write_text(question)
    (folder / "answer-1.json").write_text(question)
    answer = colabctl("doctor", "--answer", "--wait", "1s", "--root", str(root))
    assert (answer.returncode, answer.stdout) == (0, "0 questions answered\n")
    assert "Traceback" not in answer.stderr


TABLE = """\
/dev/vda / ext4 rw 0 0
tmpfs /dev/shm tmpfs rw 0 0
drive /content/drive fuse.drive rw 0 0
server:/home /home nfs4 rw 0 0
server:/old /old nfs rw,nolock,vers=3 0 0
mds@tcp:/work /lustre lustre rw,flock,lazystatfs 0 0
mds@tcp:/fast /fast lustre rw,localflock 0 0
mds@tcp:/bare /bare lustre rw 0 0
share /mnt/with\\040space 9p rw 0 0
overlay /content/drive/over overlay rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind", "consistency"),
    [
        ("/srv/project", "ext4", "coherent"),
        ("/dev/shm/x", "tmpfs", "coherent"),
        ("/content/drive/MyDrive/x", "fuse.drive", "eventual"),
        ("/content/drive2/x", "ext4", "coherent"),
        ("/home/ana/x", "nfs4", "coherent"),
        ("/old/x", "nfs", "eventual"),
        ("/lustre/x", "lustre", "coherent"),
        ("/fast/x", "lustre", "eventual"),
        ("/bare/x", "lustre", "eventual"),
        ("/mnt/with space/x", "9p", "eventual"),
        ("/content/drive/over/x", "overlay", "coherent"),
    ],
)
def test_the_mount_table_decides_the_guard(
    tmp_path: Path, folder: str, kind: str, consistency: str
) -> None:
    table = tmp_path / "mounts"
    table.write_text(TABLE)
    mount = mount_of(Path(folder), table)
    assert mount is not None
    assert mount.type == kind
    assert guard_for(Path(folder), "auto", table).consistency == consistency
    assert guard_for(Path(folder), "eventual", table).consistency == "eventual"


@pytest.mark.parametrize(
    "folder",
    [
        "/Users/ana/Library/CloudStorage/GoogleDrive-ana@example.org/My Drive/x",
        "/Users/ana/Dropbox/x",
        "/home/ana/Google Drive/x",
    ],
)
def test_folders_that_a_desktop_client_syncs_are_eventual(tmp_path: Path, folder: str) -> None:
    table = tmp_path / "mounts"
    table.write_text(TABLE)
    assert guard_for(Path(folder), "auto", table).consistency == "eventual"
