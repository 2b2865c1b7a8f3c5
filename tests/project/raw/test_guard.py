"""Python code that is about to change raw data fails at once, and says why."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from colabctl.project.layout import Layout
from colabctl.project.raw import protect
from tests.project.conftest import everything

PROJECT = """
import json, os, pathlib, shutil, sys
import colabctl
project = colabctl.open(sys.argv[1], "ana")
raw, file, outside = project.raw, project.raw / "a.csv", project.interim / "x.csv"
outside.write_text("x")
"""

CHANGES = [
    "file.open('w')", "file.open('a')", "file.open('r+')", "file.open('x')", "open(raw / 'n', 'wb')",
    "open(os.fsencode(file), 'wb')", "file.write_text('1')", "file.write_bytes(b'1')",
    "(raw / 'new.csv').touch()", "file.touch()", "os.open(file, os.O_WRONLY)",
    "os.open(raw / 'n', os.O_CREAT)", "os.open(file, os.O_RDWR | os.O_TRUNC)", "file.unlink()",
    "os.remove(file)", "file.rename(raw / 'b.csv')", "file.rename(outside)",
    "outside.rename(file)", "outside.replace(file)", "os.replace(outside, raw / 'n')",
    "(raw / 'd').mkdir()", "os.makedirs(raw / 'd' / 'e')", "(raw / 'deep').rmdir()",
    "os.truncate(file, 0)", "shutil.rmtree(raw)", "shutil.rmtree(raw / 'deep')",
    "shutil.copy(outside, raw)", "shutil.copy(outside, file)", "shutil.copyfile(outside, file)",
    "shutil.move(file, outside)", "shutil.move(outside, raw)", "shutil.copytree(raw / 'deep', raw / 'x')",
    "os.link(outside, raw / 'l')", "os.symlink(outside, raw / 'l')", "os.utime(file)",
    "os.chdir(raw); open('a.csv', 'w')", "os.chdir(raw.parent); open('interim/../raw/a.csv', 'w')",
    "os.symlink(file, project.interim / 'l'); (project.interim / 'l').write_text('1')",
    "os.symlink(raw / 'deep', project.interim / 'd'); (project.interim / 'd' / 'n').write_text('1')",
    "os.remove('a.csv', dir_fd=os.open(raw, os.O_RDONLY))",
    "import numpy; numpy.save(raw / 'n.npy', [1])",
    "import pandas; pandas.DataFrame({'a': [1]}).to_csv(file)",
    "import zipfile; zipfile.ZipFile(raw / 'n.zip', 'w')",
]  # fmt: skip


@pytest.fixture
def raw(project: Layout) -> Path:
    (project.raw / "deep").mkdir()
    (project.raw / "a.csv").write_text("1,2\n")
    (project.raw / "deep/b.csv").write_text("3,4\n")
    protect(project, project.raw)
    for name in ("a.csv", "deep/b.csv"):  # as on a Drive, where there are no permissions
        (project.raw / name).chmod(0o644)
    return project.raw


def python(project: Layout, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROJECT + text, str(project.root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=project.root)


EACH = """
for text in json.loads(sys.argv[2]):
    os.chdir(project.root)
    for name in os.listdir(project.interim):
        os.remove(project.interim / name)
    outside.write_text("x")
    try:
        exec(text)
    except PermissionError as error:
        print(error.strerror)
    except Exception as error:
        print(type(error).__name__, error)
    else:
        print("done")
"""


def outcomes(project: Layout, changes: list[str]) -> dict[str, str]:
    """Run each change in one process of Python; return what came of it."""
    ended = python(project, EACH, json.dumps(changes))
    assert ended.returncode == 0, ended.stderr
    return dict(zip(changes, ended.stdout.splitlines(), strict=True))


def test_a_change_of_raw_data_fails_with_the_reason(project: Layout, raw: Path) -> None:
    before = everything(raw)
    for change, outcome in outcomes(project, CHANGES).items():
        assert outcome.startswith("raw data must not be changed"), change
        assert "project.interim" in outcome
        assert "colabctl protect" in outcome
    assert everything(raw) == before


USES = [
        "assert file.read_text() == '1,2\\n'", "open(file, 'rb').read()", "os.open(file, os.O_RDONLY)",
        "raw.mkdir(exist_ok=True)", "os.makedirs(raw / 'deep', exist_ok=True)", "list(raw.rglob('*'))",
        "shutil.copy(file, outside)", "shutil.copytree(raw, project.processed / 'copy')",
        "os.link(file, project.interim / 'l')", "(raw.parent / 'raw2').mkdir()",
        "(raw.parent / 'raw.txt').write_text('1')", "(project.root / 'Data').mkdir(exist_ok=True)",
        "os.symlink(file, project.interim / 'l'); os.remove(project.interim / 'l')",
        "os.symlink(file, project.interim / 'l'); os.rename(project.interim / 'l', project.interim / 'm')",
        "import sqlite3; sqlite3.connect(f'file:{file}?mode=ro', uri=True)",
        "sys.audit('open', 1); sys.audit('os.remove'); sys.audit('os.rename', None, [], b'\\0')",
        "open(1, 'w', closefd=False)",
]  # fmt: skip


def test_reading_raw_data_and_writing_elsewhere_work(project: Layout, raw: Path) -> None:
    before = everything(raw)
    assert {*outcomes(project, USES).values()} == {"done"}
    assert everything(raw) == before


def test_originals_can_be_added_but_not_replaced_in_a_block(project: Layout, raw: Path) -> None:
    (project.root / "new.zip").unlink(missing_ok=True)
    text = """
import zipfile
with zipfile.ZipFile(project.root / "new.zip", "w") as archive:
    archive.writestr("new/c.csv", "5")
with project.adding_raw() as folder:
    shutil.unpack_archive(project.root / "new.zip", folder)
    (raw / "d.csv").write_text("6")
    shutil.move(raw / "d.csv", raw / "e.csv")
    for change in (lambda: file.write_text("1"), lambda: shutil.rmtree(raw / "deep"),
                   lambda: (raw / "e.csv").rename(file), lambda: (raw / "deep").rename(raw / "x")):
        try:
            change()
        except PermissionError as error:
            print(error.strerror[:8])
(raw / "f.csv").write_text("6")
"""
    ended = python(project, text)
    assert ended.stdout == "raw data\n" * 4, ended
    assert "f.csv" in ended.stderr.splitlines()[-1]
    assert set(everything(raw)) >= {"new/c.csv", "e.csv", "a.csv", "deep/b.csv"}
    assert (raw / "a.csv").read_text() == "1,2\n"


def test_processes_that_code_forks_are_guarded(project: Layout, raw: Path) -> None:
    text = """
import multiprocessing
def change():
    file.write_text("1")
process = multiprocessing.get_context("fork").Process(target=change)
process.start()
process.join()
sys.exit(process.exitcode)
"""
    ended = python(project, text)
    assert (ended.returncode, "raw data must not" in ended.stderr) == (1, True), ended
    assert (raw / "a.csv").read_text() == "1,2\n"


def test_folders_that_are_not_read_only_are_not_guarded(
    project: Layout, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLABCTL_READ_ONLY", "labels")
    ended = python(project, "file.write_text('1')")
    assert ended.returncode == 0, ended.stderr
