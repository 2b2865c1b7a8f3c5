"""Data of a project in a store: it comes to a mirror when something needs it, and is checked."""

import shutil
import signal
from pathlib import Path

from tests.processes import Project, end, until
from tests.remote.conftest import Mirrors
from tests.remote.servers import S3Server

SWEEP = """\
program: train.py:train
method: grid
parameters: {x: {values: [1, 2]}}
stage: {texts: data/raw/texts}
"""
TRAIN = """\
def train(params, task):
    return {"y": sum(int(each.read_text()) for each in task.staged["texts"].iterdir())}
"""


def with_data(mirrors: Mirrors) -> Project:
    """Put raw data into the store; return a mirror that lacks it."""
    origin = mirrors.origin
    for number in (1, 2, 3):
        origin.write(f"data/raw/texts/{number}.txt", str(number))
    origin.write("data/raw/other.csv", "not needed")
    for command in (["protect"], ["sync", "--data"]):
        done = origin.run(*command)
        assert done.code == 0, done.err
    mirror = mirrors.clone()
    assert not (mirror.root / "data/raw/texts").exists()
    return mirror


def declare(project: Project, text: str) -> None:
    project.write("train.py", TRAIN)
    project.write("s.yaml", text)
    declared = project.run("sweep", "s.yaml")
    assert declared.code == 0, declared.err


def own_disk(folder: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(folder), "COLABCTL_STAGE": str(folder / "staged")}


def test_stage_brings_what_it_needs_and_no_more(mirrors: Mirrors, tmp_path: Path) -> None:
    mirror = with_data(mirrors)
    staged = mirror.run("stage", "data/raw/texts", **own_disk(tmp_path / "own"))
    assert staged.code == 0, staged.err
    assert f"data/raw/texts: 3 files carried here from {mirrors.url}" in staged.err
    folder = Path(staged.out.strip())
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "1.txt": "1", "2.txt": "2", "3.txt": "3",
    }  # fmt: skip
    assert not (mirror.root / "data/raw/other.csv").exists()


def test_data_that_was_removed_to_save_space_comes_again(mirrors: Mirrors, tmp_path: Path) -> None:
    mirror = with_data(mirrors)
    for round_ in range(2):
        assert mirror.run("sync", "--data", "data/raw/texts").code == 0
        shutil.rmtree(mirror.root / "data/raw/texts")
        staged = mirror.run("stage", "data/raw/texts/2.txt", **own_disk(tmp_path / str(round_)))
        assert staged.code == 0, staged.err
        assert Path(staged.out.strip()).read_text() == "2"


def test_data_that_someone_changed_in_the_store_is_refused(
    mirrors: Mirrors, s3: S3Server, tmp_path: Path
) -> None:
    mirror = with_data(mirrors)
    s3.put(f"{mirrors.url}/data/raw/texts/2.txt", b"9")
    staged = mirror.run("stage", "data/raw/texts", **own_disk(tmp_path / "own"))
    assert staged.code == 1
    assert f"data/raw/texts/2.txt in {mirrors.url} is not the file that was recorded" in staged.err
    assert not (mirror.root / "data/raw/texts/2.txt").exists()


def test_a_worker_brings_the_data_that_its_sweep_stages(mirrors: Mirrors, tmp_path: Path) -> None:
    mirror = with_data(mirrors)
    declare(mirrors.origin, SWEEP)
    worked = mirror.run("work", "s", **own_disk(tmp_path / "own"))
    assert worked.code == 0, worked.err
    assert [row["metrics"]["y"] for row in mirror.results("s")] == [6, 6]


def test_python_stages_and_tries_with_data_from_the_store(mirrors: Mirrors, tmp_path: Path) -> None:
    mirror = with_data(mirrors)
    script = "import colabctl\nprint(colabctl.open().stage('data/raw/texts/3.txt').read_text())"
    ended = mirror.python(script, **own_disk(tmp_path / "own"))
    assert ended.out == "3\n", ended.err
    mirror.write("train.py", TRAIN)
    mirror.write("s.yaml", SWEEP)
    tried = mirror.run("try", "s.yaml", **own_disk(tmp_path / "own"))
    assert tried.code == 0, tried.err


def test_staged_data_is_used_while_the_store_is_away(
    mirrors: Mirrors, s3: S3Server, tmp_path: Path
) -> None:
    mirror = with_data(mirrors)
    s3.stop()
    try:
        staged = mirror.run("stage", "data/raw/texts", **own_disk(tmp_path / "own"))
        assert (staged.code, staged.out) == (1, "")
        assert "does not answer" in staged.err
        ended = end(mirrors.origin.start("stage", "data/raw/texts", **own_disk(tmp_path / "o")))
        assert ended.code == 0, ended.err
    finally:
        s3.start()


RESUMED = """\
import time
def train(params, task):
    resumed = task.resume()
    first = resumed.step if resumed else 0
    for step in range(first, 4):
        task.save({"step": step}, step=step + 1)
        if step == 2 and not resumed:
            time.sleep(600)
    return {"first": first}
"""


def test_a_task_continues_in_another_mirror_from_its_last_save(mirrors: Mirrors) -> None:
    origin, other = mirrors.origin, mirrors.clone()
    origin.write("train.py", RESUMED)
    text = "program: train.py:train\nmethod: grid\nparameters: {x: {values: [1]}}\n"
    origin.write("s.yaml", text)
    assert origin.run("sweep", "s.yaml").code == 0
    worker = origin.start("work", "s")
    until(lambda: len(list(origin.root.glob("sweeps/s/runs/**/*.saved.json"))) >= 2, "it has saved")
    worker.send_signal(signal.SIGINT)
    assert end(worker).code == 130
    ended = other.run("work", "s")
    assert ended.code == 0, ended.err
    [row] = other.results("s")
    assert row["metrics"]["first"] in (2, 3)
