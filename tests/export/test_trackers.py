"""A sweep's finished tasks as TensorBoard, MLflow and Trackio themselves read them."""

import json
import math
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.see.test_status import claim, done, failed
from tests.processes import Project, linux

SWEEP = """\
method: grid
metric: {name: y, goal: maximize}
max_retries: 0
foreach: [model]
parameters:
  model: {values: [a, b]}
  lr: {values: [0.1, 0.2]}
  "a (b)/ü": {value: "</script>"}
  layers: {value: [1, 2]}
"""


def report(task: int, *values: tuple[float | None, object]) -> dict[str, object]:
    reports = [[step, {"y": value, "word": "x"}] for step, value in values]
    return {"event": "report", "task": task, "attempt": 1, "reports": reports}


@pytest.fixture
def finished(project: Project) -> Project:
    project.declare("s", SWEEP)
    project.journal(
        "s",
        claim(0, 1, 2, 3),
        report(0, (0, 0.25), (1, 0.5)),
        done(0, y=0.5, note="good", nan=math.nan, deep={"z": 3}),
        {**done(1, y=0.125), "event": "pruned"},
        failed(2, 1, "no \u2028 \x1b[31m"),
    )
    return project


def export(project: Project, to: str, *more: str) -> Any:
    answer = project.run("export", "s", "--to", to, "--json", *more)
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def ask(url: str, **body: object) -> Any:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@contextmanager
def tensorboard(folder: Path) -> Iterator[str]:
    """Run TensorBoard on the folder; yield the address of its interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
    command += ["--port", str(port), "--bind_all", "--load_fast", "false"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as it:
        address = f"http://127.0.0.1:{port}/data"
        try:
            while True:
                assert it.poll() is None
                with suppress(urllib.error.URLError, ConnectionError):
                    ask(f"{address}/plugin/hparams/experiment", experimentName="")
                    break
                time.sleep(0.2)  # until it answers and has read all
            yield address
        finally:
            it.terminate()
            it.wait()


def test_tensorboard_shows_a_session_for_each_finished_task(finished: Project) -> None:
    exported = export(finished, "tensorboard")
    assert exported["runs"] == 3
    folder = finished.root / exported["files"][0]["file"]
    with tensorboard(folder) as address:
        experiment = ask(f"{address}/plugin/hparams/experiment", experimentName="")
        types = {each["name"]: each["type"] for each in experiment["hparamInfos"]}
        text, number = "DATA_TYPE_STRING", "DATA_TYPE_FLOAT64"
        assert types == {"model": text, "lr": number, "a (b)/ü": text, "layers": text}
        assert "y" in {each["name"]["tag"] for each in experiment["metricInfos"]}
        groups = ask(
            f"{address}/plugin/hparams/session_groups",
            startIndex=0,
            sliceSize=10,
            allowedStatuses=["STATUS_SUCCESS", "STATUS_FAILURE"],
            colParams=[{"metric": {"tag": "y", "group": ""}, "order": "ORDER_DESC"}],
        )["sessionGroups"]
        by_name = {group["name"]: group for group in groups}
        assert by_name.keys() == {"t000000", "t000001", "t000002"}
        assert groups[0]["name"] == "t000000"
        params = by_name["t000001"]["hparams"]
        assert params == {"model": "a", "lr": 0.2, "a (b)/ü": "</script>", "layers": "[1, 2]"}
        [session] = by_name["t000002"]["sessions"]
        assert (session["status"], session["name"]) == ("STATUS_FAILURE", "t000002")
        curve = ask(f"{address}/plugin/scalars/scalars?run=t000000&tag=y")
        assert [(step, value) for _, step, value in curve] == [(0, 0.25), (1, 0.5)]


def test_tensorboard_forgets_a_task_that_no_longer_counts(finished: Project) -> None:
    folder = finished.root / export(finished, "tensorboard")["files"][0]["file"]
    (folder / "t000003").mkdir()
    (folder / "t000003/events.out.tfevents.0.colabctl").write_bytes(b"of an earlier export")
    (folder / "mine").mkdir()
    export(finished, "tensorboard")
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {
        "t000000", "t000001", "t000002", "mine",
    }  # fmt: skip


def test_tensorboard_removes_no_file_of_the_user(finished: Project) -> None:
    folder = finished.root / export(finished, "tensorboard")["files"][0]["file"]
    for run in ("t000001", "t000003"):
        (folder / run).mkdir(exist_ok=True)
        (folder / run / "notes.txt").write_text("mine")
    events = folder / "t000003/events.out.tfevents.0.colabctl"
    events.write_bytes(b"of an earlier export")
    (finished.root / "elsewhere").mkdir()
    (finished.root / "elsewhere" / events.name).write_bytes(b"mine")
    (folder / "t000004").symlink_to(finished.root / "elsewhere")
    export(finished, "tensorboard")
    assert not events.exists()
    for kept in ("t000001/notes.txt", "t000003/notes.txt", f"t000004/{events.name}"):
        assert (folder / kept).read_bytes() == b"mine"


@linux
@pytest.mark.parametrize("options", [(), ("--force",)])
@pytest.mark.parametrize("name", ["t000001", "t000001/events.out.tfevents.0.colabctl"])
def test_tensorboard_writes_through_no_link(
    finished: Project, name: str, options: tuple[str, ...]
) -> None:
    folder = finished.root / export(finished, "tensorboard")["files"][0]["file"]
    shutil.rmtree(folder / "t000001")
    outside = finished.root.parent / "outside"
    outside.mkdir()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(outside)
    answer = finished.run("export", "s", "--to", "tensorboard", *options)
    assert answer.code == 1
    assert f"{name} is a link" in answer.err
    assert list(outside.iterdir()) == []


def test_mlflow_finds_the_runs_by_their_parameters(
    finished: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - slow to import

    exported = export(finished, "mlflow")
    client = MlflowClient(f"sqlite:///{finished.root / exported['files'][0]['file']}")
    experiment = client.get_experiment_by_name("s")
    assert experiment is not None
    of = [experiment.experiment_id]
    [run] = client.search_runs(of, "params.lr = '0.1' and params.model = 'a'")
    assert run.info.run_name == "t000000"
    assert run.info.end_time - run.info.start_time == 1500
    assert run.data.params == {
        "model": "a", "lr": "0.1", "a _b_/_": "</script>", "layers": "[1, 2]",
    }  # fmt: skip
    assert run.data.tags["note"] == "good"
    assert run.data.tags["member"] == "ana"
    assert run.data.metrics["y"] == 0.5
    assert run.data.metrics["deep.z"] == 3
    assert math.isnan(run.data.metrics["nan"])
    history = client.get_metric_history(run.info.run_id, "y")
    assert {(point.step, point.value) for point in history} == {(0, 0.25), (1, 0.5)}
    statuses = {run.info.run_name: run.info.status for run in client.search_runs(of)}
    assert statuses == {"t000000": "FINISHED", "t000001": "KILLED", "t000002": "FAILED"}
    [best] = client.search_runs(of, "metrics.y > 0.3")
    assert best.info.run_name == "t000000"


def test_mlflow_gets_names_that_are_no_path_out_of_a_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - slow to import

    project.declare("s", SWEEP)
    names = ("val//acc", "a/./b", "a/b", "../x", "/", "..", "c/../d", "e/")
    metrics = {name: number for number, name in enumerate(names)}
    project.journal("s", claim(0), done(0, y=0.5, **metrics))
    file = project.root / export(project, "mlflow")["files"][0]["file"]
    client = MlflowClient(f"sqlite:///{file}")
    [run] = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert {name: value for name, value in run.data.metrics.items() if name != "y"} == {
        "val/acc": 0, "a/b": 1, "a/b_2": 2, "x": 3, "_": 4, "__2": 5, "c/d": 6, "e": 7,
    }  # fmt: skip


def test_trackio_replaces_no_note_of_the_user(finished: Project) -> None:
    note = finished.write("t/colabctl.txt", "mine")
    answer = finished.run("export", "s", "--to", "trackio", "-o", "t")
    assert answer.code == 1
    assert "colabctl.txt exists and is not about sweep s" in answer.err
    assert [path.read_text() for path in (finished.root / "t").iterdir()] == ["mine"]
    export(finished, "trackio", "-o", "t", "--force")
    export(finished, "trackio", "-o", "t")
    assert note.read_text().startswith("The colabctl sweep s, for Trackio.")


def test_trackio_has_a_run_for_each_finished_task(finished: Project) -> None:
    folder = finished.root / export(finished, "trackio")["files"][0]["file"]
    program = (
        "import json, trackio\n"
        "runs = {run.name: run for run in trackio.Api().runs('s')}\n"
        "from trackio.sqlite_storage import SQLiteStorage as storage\n"
        "print(json.dumps({n: [r.config, storage.get_logs('s', n)] for n, r in runs.items()}))\n"
    )
    read = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TRACKIO_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    runs = json.loads(read.stdout.splitlines()[-1])
    assert runs.keys() == {"t000000", "t000001", "t000002"}
    config, logs = runs["t000000"]
    assert {name: config[name] for name in ("model", "lr", "layers")} == {
        "model": "a", "lr": 0.1, "layers": "[1, 2]",
    }  # fmt: skip
    assert config["colabctl"]["note"] == "good"
    assert [(line["step"], line.get("y")) for line in logs] == [(0, 0.25), (1, 0.5), (1, 0.5)]
    assert runs["t000002"][0]["colabctl"]["status"] == "failed"


@pytest.mark.parametrize("to", ["tensorboard", "mlflow", "trackio"])
def test_an_export_replaces_its_own_and_nothing_else(finished: Project, to: str) -> None:
    target = finished.root / export(finished, to)["files"][0]["file"]
    if to == "tensorboard":
        (target / "colabctl.txt").unlink()
    else:
        with closing(sqlite3.connect(target if target.is_file() else target / "s.db")) as database:
            database.execute("CREATE TABLE mine (x)")
    answer = finished.run("export", "s", "--to", to)
    assert answer.code == 1
    assert "--force" in answer.err
    export(finished, to, "--force")


@pytest.mark.parametrize("to", ["tensorboard", "mlflow", "trackio"])
def test_a_sweep_with_nothing_finished_is_not_exported(project: Project, to: str) -> None:
    project.declare("s", SWEEP)
    answer = project.run("export", "s", "--to", to)
    assert answer.code == 1
    assert "no task of s has finished yet" in answer.err
    assert {path.name for path in project.root.glob("s*")} == {"sweeps"}
