"""A reader that stops early, such as `head`, breaks no command."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import SWEEP, TRAIN
from tests.processes import COMMAND, PATIENCE, Finished, Project, clean

QUIET = [
    "--help", "--version", "work --help", "member list", "doctor", "verify", "sweep s.yaml --dry-run",
    "export first --to csv", "trust first", "status", "status first", "status first --json",
    "results first", "results first --format csv", "results first --format jsonl",
]  # fmt: skip


def unread(project: Project, *arguments: str, stderr: bool = False, **environ: str) -> Finished:
    """Run a command whose standard output no one reads; with `stderr`, nor its messages."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=project.root,
            env={**clean(os.environ), "COLABCTL_MEMBER": "ana", **environ},
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer if stderr else subprocess.PIPE,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    finally:
        os.close(writer)
    return Finished(done.returncode, "", done.stderr or "")


@pytest.fixture
def finished(project: Project) -> Project:
    """Return a project with a finished sweep."""
    project.declare("first", SWEEP, TRAIN)
    project.write("s.yaml", SWEEP)
    assert project.run("work", "first").code == 0
    assert project.run("protect").code == 0
    return project


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_command_without_a_reader_succeeds_silently(finished: Project, unbuffered: str) -> None:
    for typed in QUIET:
        done = unread(finished, *typed.split(), PYTHONUNBUFFERED=unbuffered)
        assert (typed, done.code, done.err) == (typed, 0, "")


def test_a_command_without_a_reader_does_all_its_work(finished: Project) -> None:
    for typed, file in (
        (f"init {finished.root.parent / 'new'}", "../new/colabctl.yaml"),
        ("sweep s.yaml --name second", "sweeps/second/plan.json"),
        ("notebook new look", "notebooks/ana/look.ipynb"),
        ("results first -o all.csv", "all.csv"),
    ):
        assert unread(finished, *typed.split()).code == 0
        assert (finished.root / file).is_file(), typed


def test_changed_data_is_an_error_even_without_a_reader(project: Project) -> None:
    raw = project.write("data/raw/a.csv", "1")
    assert project.run("protect").code == 0
    raw.chmod(0o644)
    raw.write_text("2")
    read = project.run("verify")
    assert (read.code, read.out) == (3, "changed: data/raw/a.csv\n")
    for unbuffered in ("", "1"):
        alone = unread(project, "verify", PYTHONUNBUFFERED=unbuffered)
        assert (alone.code, alone.err) == (3, read.err)


def test_an_error_keeps_its_exit_code_without_a_reader(project: Project) -> None:
    assert unread(project, "status", "nosuch", stderr=True).code == 1
    assert unread(project, "no-such-command", stderr=True).code == 2


def test_a_worker_continues_without_a_reader(project: Project) -> None:
    project.declare("first", SWEEP, TRAIN)
    assert unread(project, "work", "first", stderr=True).code == 0
    assert project.status("first")["done"] == 2


@pytest.mark.parametrize(
    ("typed", "filter_", "read"),
    [("--help", "head -1", "\n"), ("status --json", "head -c 10", "[\n  {\n")],
)
def test_head_may_cut_the_output(finished: Project, typed: str, filter_: str, read: str) -> None:
    line = f'set -o pipefail; "$@" {typed} | {filter_}'
    done = subprocess.run(
        ["bash", "-c", line, "bash", *COMMAND],
        cwd=finished.root, env=clean(os.environ), capture_output=True, text=True, check=False,
        timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, done.stderr, done.stdout.strip(" ")) == (0, "", read)


@pytest.mark.parametrize("typed", ["--help", "status", "results first --format csv"])
def test_a_closed_standard_output_is_not_an_error(finished: Project, typed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$@" {typed} >&-', "sh", *COMMAND],
        cwd=finished.root, env=clean(os.environ), capture_output=True, text=True, check=False,
        timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", ["--help", "member list", "status first --json"])
def test_output_to_a_full_disk_is_a_one_line_error(finished: Project, arguments: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments.split()],
            cwd=finished.root,
            env=clean(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        (
            "colabctl: standard output: No space left on device; "
            "free space (a Drive's trash counts), then try again\n"
        ),
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(("arguments", "code"), [("verify", 0), ("nonsense", 2), ("log x", 2)])
def test_messages_to_a_full_disk_leave_the_exit_code_alone(
    finished: Project, arguments: str, code: int
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments.split()],
            cwd=finished.root,
            env=clean(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=full,
            check=False,
        )
    assert done.returncode == code
