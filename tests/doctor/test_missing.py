"""Doctor names what has gone from a sweep, with its fix, and exits 3."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.doctor.test_doctor import SWEEP, TRAIN, doctor, problems
from tests.processes import Project

Break = Callable[[Path], None]


def truncate(file: Path) -> None:
    """Remove the last line of a journal."""
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))


def journal_of(sweep: Path) -> Path:
    return next((sweep / "journal").iterdir())


@pytest.fixture
def worked(project: Project) -> Path:
    """Return the folder of a finished sweep."""
    project.declare("first", SWEEP, TRAIN)
    assert project.run("work", "first").code == 0
    assert doctor(project.root)[0] == 0  # it notes what it has read
    return project.root / "sweeps" / "first"


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda sweep: shutil.rmtree(sweep / "tasks"), "tasks/00000.jsonl of sweep first"),
        (lambda sweep: (sweep / "tasks/00000.jsonl").unlink(), "tasks/00000.jsonl of sweep first"),
        (
            lambda sweep: (sweep / "tasks/00000.jsonl").write_text("{}\n"),
            "is not what was declared",
        ),
        (lambda sweep: shutil.rmtree(sweep / "code"), "code is missing or empty"),
        (lambda sweep: (sweep / "code/train.py").unlink(), "code is"),
        (lambda sweep: (sweep / "code/train.py").write_text(""), "code is"),
        (lambda sweep: (sweep / "sweep.yaml").unlink(), "sweep.yaml is missing"),
        (lambda sweep: (sweep / "sweep.yaml").write_text("method: grid\n"), "was changed after"),
        (lambda sweep: (sweep / "plan.json").unlink(), "sweeps/first has no plan.json"),
        (lambda sweep: (sweep / "plan.json").write_text("{"), "plan.json is damaged"),
        (lambda sweep: shutil.rmtree(sweep / "journal"), "journal is missing"),
        (lambda sweep: shutil.rmtree(journal_of(sweep)), "is gone"),
        (lambda sweep: truncate(journal_of(sweep) / "events.jsonl"), "events of the journal of"),
    ],
)
def test_what_is_missing_or_damaged_is_named(
    project: Project, worked: Path, harm: Break, named: str
) -> None:
    project.declare("second", SWEEP, TRAIN)
    harm(worked)
    for _ in range(2):  # looking at it does not make it forget
        code, checks = doctor(project.root)
        assert code == 3, checks
        assert any(named in what for what in problems(checks)), problems(checks)
        assert any(each["what"].startswith("sweep second: coherent guard") for each in checks)
        assert not any("delete the" in each["fix"] for each in checks)


def test_one_broken_sweep_hides_no_check_of_another(project: Project, worked: Path) -> None:
    project.declare("second", SWEEP, TRAIN)
    shutil.rmtree(worked / "code")
    (worked / "sweep.yaml").unlink()
    shutil.rmtree(worked / "journal")
    (project.root / "sweeps/second/sweep.yaml").unlink()
    said = problems(doctor(project.root)[1])
    for named in ("first/code", "first/sweep.yaml", "first/journal", "second/sweep.yaml"):
        assert any(named in what for what in said), said


def test_a_journal_that_only_the_log_of_claims_names_has_gone(
    project: Project, worked: Path
) -> None:
    shutil.rmtree(journal_of(worked))
    said = problems(doctor(project.root, COLABCTL_CACHE="off")[1])
    assert any("the log of claims names them" in what for what in said), said


def write_journal(sweep: Path, writer: str, *events: dict[str, object]) -> None:
    folder = sweep / "journal" / writer / "00000000"
    folder.mkdir(parents=True)
    for n, event in enumerate(events):
        (folder / f"{n:08d}-{n:08d}.jsonl").write_text(json.dumps({"n": n, **event}) + "\n")


def test_a_writer_that_only_a_decision_names_has_not_gone(project: Project, worked: Path) -> None:
    name = "[red]rich[/red]"
    retry = {"event": "retry", "tasks": [0], "worker": name, "after": {name: 4}}
    project.journal("first", retry, writer="eve-vm-1")
    project.journal("first", {"event": "dismiss", "worker": name}, writer="eve-vm-2")
    assert "rich" not in str(doctor(project.root))


@pytest.mark.parametrize(("age", "code"), [(60.0, 0), (7200.0, 3)])
def test_on_an_eventual_folder_what_is_missing_counts_as_gone_after_an_hour(
    project: Project, age: float, code: int
) -> None:
    environ = {"COLABCTL_CONSISTENCY": "eventual"}
    project.declare("late", SWEEP, TRAIN, **environ)
    sweep, t = project.root / "sweeps/late", time.time() - age
    claim = {"t": t, "event": "claim", "tasks": [[0, 1]], "after": {"ben-vm-1": 4}}
    write_journal(sweep, "ana-vm-1", claim)
    write_journal(sweep, "eve-vm-1", *({"t": t, "event": "heartbeat"} for _ in range(3)))
    (sweep / "journal/eve-vm-1/00000000/00000001-00000001.jsonl").unlink()
    found, checks = doctor(project.root, **environ)
    said = " ".join(each["what"] for each in checks)
    assert "the journal of ben-vm-1 is gone (ana-vm-1 has read them)" in said
    assert "2 of at least 3 events of the journal of eve-vm-1 are there" in said
    assert found == code
    assert ("perhaps because files are late" in said) == (code == 0)


@pytest.mark.parametrize(("age", "code"), [(60.0, 0), (7200.0, 3)])
def test_files_of_a_declaration_may_be_late_for_an_hour(
    project: Project, age: float, code: int
) -> None:
    environ = {"COLABCTL_CONSISTENCY": "eventual"}
    project.declare("late", SWEEP, TRAIN, **environ)
    plan = project.root / "sweeps/late/plan.json"
    record = json.loads(plan.read_text())
    plan.write_text(json.dumps({**record, "declared_at": time.time() - age}))
    for name in ("sweep.yaml", "code/train.py", "tasks/00000.jsonl"):
        (plan.parent / name).unlink()
    found, checks = doctor(project.root, **environ)
    assert found == code, checks
    late = [each for each in checks if "is missing" in each["what"]]
    assert len(late) >= 1
    assert {each["level"] for each in late} == {"wrong" if code else "note"}


def test_a_full_disk_is_reported_as_space(project: Project) -> None:
    project.declare("first", SWEEP, TRAIN)
    folder = project.root / ".colabctl" / "probes"
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    import subprocess  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (folder / "fill").write_bytes(b"x" * 4096)
        code, checks = doctor(project.root)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    assert code == 3
    full = [each for each in checks if each["check"] == "space" and each["level"] == "wrong"]
    assert "nothing can be written" in full[0]["what"]
    assert "free space" in full[0]["fix"]
    assert not any("does not respond" in each["what"] for each in checks)
    assert any(each["what"].startswith("sweep first:") for each in checks)
