"""Mirrors of one project in a real S3 server: real processes of the command."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.processes import Project, end, end_together, until
from tests.remote.conftest import Mirrors
from tests.remote.servers import S3Server

SWEEP = """\
program: train.py:train
method: grid
metric: {name: loss, goal: minimize}
parameters:
  lr: {values: [1, 2, 3, 4, 5]}
  seed: {values: [1, 2, 3, 4]}
"""
TRAIN = """\
import time
def train(lr, seed):
    time.sleep(0.2)
    return {"loss": lr * seed}
"""


def declare(project: Project, train: str = TRAIN, **environ: str) -> None:
    project.write("train.py", train)
    project.write("s.yaml", SWEEP)
    declared = project.run("sweep", "s.yaml", **environ)
    assert declared.code == 0, declared.err


def files(project: Project) -> dict[str, bytes]:
    return {
        path.relative_to(project.root).as_posix(): path.read_bytes()
        for path in project.root.rglob("*")
        if path.is_file() and path.suffix != ".lock" and path.name != "mirror"
    }


def test_workers_in_two_mirrors_share_a_sweep_and_end_with_the_same_files(mirrors: Mirrors) -> None:
    declare(mirrors.origin)
    other = mirrors.clone()
    ended = end_together(
        [each.start("work", "s", member="ana") for each in (mirrors.origin, other)]
    )
    assert all("the sweep is finished" in each.err for each in ended)
    third = mirrors.clone()
    for each in (mirrors.origin, other, third):
        assert each.run("results", "s").code == 0
        rows = each.results("s")
        assert [row["metrics"]["loss"] for row in rows] == [
            lr * seed for lr in range(1, 6) for seed in range(1, 5)
        ]
    for each in (mirrors.origin, other):
        assert each.run("sync").code == 0
    assert files(mirrors.origin) == files(other) == files(third)


def test_steering_in_one_mirror_reaches_the_worker_in_another(mirrors: Mirrors) -> None:
    slow = TRAIN.replace("0.2", "1.0")
    declare(mirrors.origin, slow)
    other = mirrors.clone()
    worker = mirrors.origin.start("work", "s")
    until(lambda: other.run("status", "s", "--json").json["workers"], "the worker is seen")
    assert other.run("stop", "s", member="ben").code == 0
    ended = end(worker)
    assert "stopped" in ended.err
    assert other.run("status", "s", "--json").json["state"] == "stopped"


def test_a_server_that_ends_and_comes_back_costs_no_result(mirrors: Mirrors, s3: S3Server) -> None:
    declare(mirrors.origin, COLABCTL_CONSISTENCY="eventual")
    worker = mirrors.origin.start("work", "s")
    until(lambda: list(mirrors.origin.root.glob("sweeps/s/journal/*/*/*.jsonl")), "it has begun")
    s3.stop()
    try:
        until(lambda: mirrors.origin.status("s")["done"] == 20, "all tasks have run")
    finally:
        s3.start()
    ended = end(worker)
    assert ended.code == 0, ended.err
    assert "does not answer" in ended.err
    assert f"until then, everything stays in {mirrors.origin.root}" in ended.err
    assert mirrors.clone().status("s")["done"] == 20


def test_without_its_server_a_worker_claims_nothing_and_continues_later(
    mirrors: Mirrors, s3: S3Server
) -> None:
    declare(mirrors.origin)
    worker = mirrors.origin.start("work", "s")
    until(lambda: mirrors.origin.status("s")["done"], "a task has run")
    s3.stop()
    try:
        assert "does not answer" in mirrors.origin.run("status", "s").err
    finally:
        s3.start()
    ended = end(worker)
    assert ended.code == 0, ended.err
    status = mirrors.clone().status("s")
    assert (status["done"], status["duplicates"]) == (20, 0)


def test_a_look_works_while_the_server_is_away(mirrors: Mirrors, s3: S3Server) -> None:
    declare(mirrors.origin)
    s3.stop()
    try:
        looked = mirrors.origin.run("status", "s")
        assert looked.code == 0
        assert "0/20" in looked.out
        assert "does not answer" in looked.err
        assert mirrors.origin.run("pause", "s").code == 0
        assert mirrors.origin.run("sync").code == 1
    finally:
        s3.start()
    assert mirrors.origin.run("sync").code == 0
    assert mirrors.clone().status("s")["state"] == "paused"


def test_an_interrupted_worker_has_carried_what_it_did(mirrors: Mirrors) -> None:
    declare(mirrors.origin, TRAIN.replace("0.2", "0.5"))
    worker = mirrors.origin.start("work", "s")
    until(lambda: mirrors.origin.status("s")["running"], "tasks run")
    worker.send_signal(signal.SIGINT)
    assert end(worker).code == 130
    other = mirrors.clone()
    assert other.status("s")["running"] == 0
    assert files(other).keys() >= {
        name for name in files(mirrors.origin) if name.startswith("sweeps/s/journal/")
    }


def test_a_notebook_that_two_members_change_is_kept_in_both_forms(mirrors: Mirrors) -> None:
    mirrors.origin.write("notebooks/ana/a.ipynb", "first")
    assert mirrors.origin.run("sync").code == 0
    other = mirrors.clone()
    mirrors.origin.write("notebooks/ana/a.ipynb", "ana's form")
    other.write("notebooks/ana/a.ipynb", "ben's own form")
    assert mirrors.origin.run("sync").code == 0
    told = other.run("sync")
    assert "notebooks/ana/a.ipynb was changed here and elsewhere; yours is now " in told.err
    assert mirrors.origin.run("sync").code == 0
    for each in (mirrors.origin, other):
        notebooks = sorted((each.root / "notebooks/ana").glob("a*"))
        assert [path.read_text() for path in notebooks] == ["ben's own form", "ana's form"]


def test_a_change_of_one_side_replaces_the_file_on_the_other(mirrors: Mirrors) -> None:
    other = mirrors.clone()
    mirrors.origin.write("train.py", "one = 1\n")
    mirrors.origin.run("sync")
    other.run("sync")
    other.write("train.py", "two = 2\n")
    assert other.run("sync").out == "1 file up, 0 files down\n"
    assert mirrors.origin.run("sync").out == "0 files up, 1 file down\n"
    assert (mirrors.origin.root / "train.py").read_text() == "two = 2\n"
    assert other.run("sync").out == "nothing is new on either side\n"


def test_data_comes_on_demand_and_is_checked(mirrors: Mirrors) -> None:
    origin = mirrors.origin
    origin.write("data/raw/a.csv", "1,2,3\n")
    origin.write("data/raw/b.csv", "4,5,6\n")
    origin.write("results/ana/curve.csv", "0.1\n")
    assert origin.run("protect").code == 0
    assert origin.run("sync").code == 0
    early = mirrors.clone()
    assert not (early.root / "data/raw/a.csv").exists()
    assert origin.run("sync", "--data").code == 0
    assert early.run("sync", "--data", "data/raw/a.csv").code == 0
    assert (early.root / "data/raw/a.csv").read_text() == "1,2,3\n"
    assert not (early.root / "data/raw/b.csv").exists()
    assert early.run("sync", "--data").code == 0
    assert (early.root / "results/ana/curve.csv").read_text() == "0.1\n"
    assert early.run("verify").code == 0


def test_raw_data_that_was_not_fetched_is_not_damage(mirrors: Mirrors) -> None:
    origin = mirrors.origin
    origin.write("data/raw/a.csv", "1,2,3\n")
    assert origin.run("protect").code == 0
    declare(origin, "def train(lr, seed):\n    return {'loss': lr * seed}\n")
    mirror = mirrors.clone()
    assert mirror.run("trust", "s", "--yes", member="ben").code == 0
    early = mirror.run("sync", "--data", "data/raw")
    assert "1 recorded file of data/raw not in the store: data/raw/a.csv" in early.err
    worked = mirror.run("work", "s", member="ben")
    assert worked.code == 0, worked.err
    assert "1 of 1 files of data/raw are not in this mirror (a.csv)" in worked.err
    assert mirror.run("doctor").code == 0
    asked = mirror.run("verify")
    assert (asked.code, "colabctl sync --data data/raw" in asked.out) == (3, True)
    assert origin.run("sync", "--data").code == 0
    assert "note" not in mirror.run("sync", "--data", "data/raw").err
    assert mirror.run("verify").code == 0
    (mirror.root / "data/raw/a.csv").chmod(0o644)
    (mirror.root / "data/raw/a.csv").write_text("1,2,4\n")
    assert mirror.run("work", "s", member="ben").code == 1


def test_secrets_caches_and_locks_never_travel(mirrors: Mirrors) -> None:
    for name in (
        ".env",
        "kaggle.json",
        "keys/id_rsa",
        "__pycache__/a.pyc",
        ".git/config",
        ".colabctl/probes/x/question-1.json",
        "sweeps/s/claims.lock",
        "my_token.txt",
    ):
        mirrors.origin.write(name, "secret")
    mirrors.origin.write("uv.lock", "travels")
    mirrors.origin.run("sync", "--data")
    other = mirrors.clone()
    assert not [name for name, data in files(other).items() if data == b"secret"]
    assert (other.root / "uv.lock").exists()


def test_nothing_that_was_removed_here_is_removed_there(mirrors: Mirrors) -> None:
    mirrors.origin.write("notes.md", "keep")
    mirrors.origin.run("sync")
    other = mirrors.clone()
    (other.root / "notes.md").unlink()
    assert other.run("sync").code == 0
    assert not (other.root / "notes.md").exists()
    assert (mirrors.clone().root / "notes.md").read_text() == "keep"


def test_a_look_for_news_lists_little_in_a_large_project(mirrors: Mirrors) -> None:
    remote = mirrors.origin.run("remote", "--json").json
    assert remote["guard"] == "created"
    assert remote["url"] == mirrors.url
    assert mirrors.origin.run("remote").out.splitlines() == [
        mirrors.url,
        "guard created: this store refuses to create a file twice",
    ]


def test_a_forgotten_store_keeps_everything(mirrors: Mirrors) -> None:
    assert mirrors.origin.run("remote", "remove").code == 0
    assert "has no store" in mirrors.origin.run("sync").err
    assert mirrors.clone().run("status").code == 0
    again = mirrors.origin.run("remote", "add", mirrors.url)
    assert again.code == 0, again.err


def test_no_credentials_travel_or_are_written(mirrors: Mirrors, tmp_path: Path) -> None:
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        for path in Path(os.environ[variable]).rglob("*.json"):
            assert "key-of-a-test" not in json.dumps(path.read_text())


def test_an_engine_runs_the_tasks_that_a_mirror_claims(mirrors: Mirrors) -> None:
    pytest.importorskip("distributed")
    declare(mirrors.origin)
    other = mirrors.clone()
    ended = end_together(
        [other.start("work", "s", "--on", "dask", "-j", "2"), mirrors.origin.start("work", "s")]
    )
    assert all("the sweep is finished" in each.err for each in ended)
    status = other.status("s")
    assert (status["done"], status["duplicates"]) == (20, 0)


def test_a_sweep_of_a_guarded_store_is_refused_where_the_store_is_reached_without_guard(
    mirrors: Mirrors,
) -> None:
    declare(mirrors.origin)
    other = mirrors.clone()
    for record in (Path(os.environ["XDG_CONFIG_HOME"]) / "colabctl/remotes").glob("*.json"):
        text = record.read_text()
        if json.loads(text)["root"] == str(other.root):
            record.write_text(text.replace('"guard": "created"', '"guard": "eventual"'))
    refused = other.run("work", "s")
    assert refused.code == 1
    assert "the claims of sweep s are a log in the project's store, and through" in refused.err


def test_a_project_is_put_into_an_emptied_store_again(mirrors: Mirrors, s3: S3Server) -> None:
    origin = mirrors.origin
    declare(origin)
    assert origin.run("work", "s").code == 0
    s3.empty(mirrors.url)
    told = origin.run("sync")
    assert told.code == 1
    assert "does not hold this project any more, so nothing was carried" in told.err
    added = origin.run("remote", "add", mirrors.url)
    assert added.code == 0, added.err
    assert len(mirrors.clone().results("s")) == 20
