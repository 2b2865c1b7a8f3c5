"""Workers stage the data of a sweep before its first task, once for each machine."""

import json
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from colabctl.stage.sources import find_source
from tests.notebook.notebooks import content
from tests.processes import Project, end, end_together, until

SWEEP = """
program: {program}
method: grid
max_retries: 0
parameters: {{x: {{values: [1, 2, 3, 4]}}}}
stage: {{images: data/raw/images, packed: data/raw/more.zip}}
"""
BODY = """
import os, subprocess
from pathlib import Path
import colabctl
task = colabctl.task()
images, packed = task.staged["images"], task.staged["packed"]
assert task.stage("data/raw/images") == images == Path(os.environ["COLABCTL_STAGED_IMAGES"])
assert os.path.samefile("data/raw/images/1.txt", images / "1.txt")
assert not os.path.samefile("data/raw/other.txt", images / "1.txt")
assert sorted(os.listdir("data/raw/images")) == ["1.txt", "2.txt"]
assert sum(name == "2.txt" for _, _, files in os.walk("data/raw") for name in files) == 1
assert Path("data/raw/images").is_dir() and not Path("data/raw/images").is_symlink()
assert Path("data/raw/images").resolve().name == "images"
shell = subprocess.run("readlink data/raw/images", shell=True, capture_output=True, text=True)
assert shell.stdout.strip() == str(images), shell
for change in (
    lambda: open("data/raw/images/new.txt", "w"),
    lambda: open("data/raw/images/1.txt", "a"),
    lambda: os.remove("data/raw/images/1.txt"),
    lambda: Path("data/raw/images/folder").mkdir(),
    lambda: (images / "new.txt").write_text("x"),
):
    try:
        change()
    except OSError as error:
        assert "staged data must not be changed" in str(error), error
    else:
        raise AssertionError("it was changed")
y = int((packed / "more" / "y.txt").read_text()) + x
"""
FUNCTION = "def train(params, task):\n    x = params['x']\n{}\n    return {{'y': y}}\n"
PROGRAM = "import colabctl\nx = colabctl.task().params['x']\n{}\ntask.done(y=y)\n"


@pytest.fixture
def data(project: Project, tmp_path: Path) -> dict[str, str]:
    """Write raw data, and return the environment of a machine with a disk of its own."""
    project.write("data/raw/images/1.txt", "1")
    project.write("data/raw/images/2.txt", "2")
    project.write("data/raw/other.txt", "1")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/y.txt").write_text("10")
    shutil.make_archive(str(project.root / "data/raw/more"), "zip", tmp_path, "more")
    return {"COLABCTL_STAGE": str(tmp_path / "disk")}


def declare(project: Project, kind: str) -> None:
    body = "\n".join(f"    {line}" for line in BODY.splitlines())
    if kind == "function":
        text = FUNCTION.format(body.replace("task = colabctl.task()", "pass"))
        project.declare("s", SWEEP.format(program="run.py:train"), text)
    elif kind == "program":
        project.declare("s", SWEEP.format(program="run.py"), PROGRAM.format(BODY))
    else:
        cells = ("# parameters\nx = 0", BODY, "colabctl.task().done(y=y)")
        project.write("run.ipynb", content(*cells).decode())
        project.declare("s", SWEEP.format(program="run.ipynb"))


@pytest.mark.parametrize("kind", ["function", "program", "notebook"])
def test_tasks_read_the_copy_at_its_usual_place_and_cannot_change_it(
    project: Project, data: dict[str, str], kind: str
) -> None:
    project.run("protect")
    declare(project, kind)
    worked = project.run("work", "s", "-j", "2", **data)
    assert worked.code == 0, worked.err
    assert [row["metrics"] for row in project.results("s")] == [{"y": 10 + x} for x in range(1, 5)]
    raw = project.root / "data/raw"
    assert sorted(path.name for path in raw.glob("[!.]*")) == [*("images", "more.zip", "other.txt")]
    assert sorted(path.name for path in (raw / "images").iterdir()) == ["1.txt", "2.txt"]
    assert not (raw / "images").is_symlink()


def test_a_loop_in_a_script_stages_before_its_first_task(
    project: Project, data: dict[str, str]
) -> None:
    ended = project.python(
        """
import colabctl
project = colabctl.open()
sweep = project.sweep("s", {"x": [1, 2]}, stage="data/raw/more.zip")
for task in sweep.tasks():
    with task:
        task.done(y=(task.staged["more"] / "more/y.txt").read_text())
print(project.stage("data/raw/more.zip") == task.stage("more"))
""",
        **data,
    )
    assert (ended.code, ended.out) == (0, "True\n"), ended.err
    assert [row["metrics"] for row in project.results("s")] == [{"y": "10"}] * 2


def test_a_notebook_with_a_loop_stages_for_itself(project: Project, data: dict[str, str]) -> None:
    loop = """
import colabctl
for task in colabctl.open().sweep("s").tasks():
    with task:
        task.done(y=(task.stage("data/raw/more.zip") / "more/y.txt").read_text())
"""
    project.write("run.ipynb", content(loop).decode())
    project.declare("s", SWEEP.format(program="run.ipynb"))
    worked = project.run("work", "s", **data)
    assert worked.code == 0, worked.err
    assert [row["metrics"] for row in project.results("s")] == [{"y": "10"}] * 4


def test_try_stages_too(project: Project, data: dict[str, str]) -> None:
    declare(project, "program")
    tried = project.run("try", "s", "0", **data)
    assert tried.code == 0, tried.err
    assert "y = 11" in tried.out


def test_a_command_can_name_the_copy(project: Project, data: dict[str, str]) -> None:
    project.declare(
        "s",
        "program: show.py\nmethod: grid\nparameters: {x: {values: [1]}}\n"
        "command: ['${interpreter}', '${program}', '${envvar:COLABCTL_STAGED_MORE}']\n"
        "stage: [data/raw/more.zip]\n",
        "import colabctl, os, sys\ncolabctl.task().done(y=os.listdir(sys.argv[1]))\n",
    )
    assert project.run("work", "s", **data).code == 0
    assert project.results("s")[0]["metrics"] == {"y": ["more"]}


def large(project: Project) -> int:
    """Write raw data that takes a moment to copy; return its bytes."""
    drawn = random.Random(1)
    for number in range(12):
        file = project.root / f"data/raw/images/large-{number}.bin"
        file.write_bytes(drawn.randbytes(24 << 20))
    return 12 * (24 << 20)


SLOW = """
program: run.py:train
method: grid
parameters: {x: {values: [1, 2, 3, 4, 5, 6]}}
stage: data/raw/images
"""
COUNT = """
import os
def train(params, task):
    return {"inode": os.stat("data/raw/images/large-3.bin").st_ino}
"""


def test_two_workers_on_one_machine_stage_once(project: Project, data: dict[str, str]) -> None:
    large(project)
    project.run("protect")
    project.declare("s", SLOW, COUNT)
    workers = [project.start("work", "s", "-j", "2", member=who, **data) for who in ("ana", "ben")]
    end_together(workers)
    assert len({row["metrics"]["inode"] for row in project.results("s")}) == 1
    assert len(list(Path(data["COLABCTL_STAGE"]).glob("*/*/files"))) == 1


def test_a_worker_that_stages_is_alive_and_claims_nothing(
    project: Project, data: dict[str, str]
) -> None:
    """Another process holds the place's lock, as one that stages does, until this has been seen."""
    project.run("protect")
    project.declare("s", SLOW.replace("images", "other.txt"), "def train(params, task):\n    return {'y': 1}\n", COLABCTL_HEARTBEAT="1")  # fmt: skip
    layout = project.config({}).layout
    source = find_source(layout, Path("data/raw/other.txt"))
    holder = project.start_python(
        "-c",
        "import os, sys\nfrom pathlib import Path\n"
        "from colabctl.stage.places import place_of, stage_folder\n"
        "from colabctl.stage.sources import find_source\n"
        "from colabctl.project.config import load\nfrom colabctl.sharedfs.locks import locked\n"
        "root = Path.cwd()\n"
        "source = find_source(load(root, {}).layout, Path('data/raw/other.txt'))\n"
        "with locked(place_of(stage_folder(os.environ), source).lock):\n"
        "    Path('held').touch()\n"
        "    while not Path('go').exists():\n        pass\n",
        **data,
    )
    until((project.root / "held").exists)
    worker = project.start("work", "s", **data)
    until(lambda: len(project.events("s", "heartbeat")) >= 3, "signs of life")
    assert project.events("s", "claim") == []
    assert project.status("s")["workers"][0]["state"] != "gone"
    (project.root / "go").touch()
    assert end(holder).code == 0
    ended = end(worker)
    assert ended.code == 0, ended.err
    assert f"process {holder.pid}" in ended.err
    assert "is staging data/raw/other.txt on this machine; waiting for it" in ended.err
    assert len(project.results("s")) == 6
    assert source.manifest == "data/raw"


def test_an_interrupt_while_it_stages_ends_the_worker_and_keeps_the_copy(
    project: Project, data: dict[str, str]
) -> None:
    size = large(project)
    project.run("protect")
    project.declare("s", SLOW, COUNT)
    worker = project.start("work", "s", **data)
    disk = Path(data["COLABCTL_STAGE"])
    until(lambda: list(disk.glob("*/*/parts/*")))
    worker.send_signal(signal.SIGINT)
    assert end(worker).code in (130, 0)
    resumed = project.run("stage", "data/raw/images", "--json", **data)
    assert resumed.json[0]["copied"] < size
    assert project.run("work", "s", **data).code == 0


@pytest.mark.parametrize("damage", ["content", "manifest"])
def test_a_worker_starts_no_task_on_damaged_data(
    project: Project, data: dict[str, str], damage: str
) -> None:
    project.run("protect")
    project.declare("s", SLOW.replace("images", "other.txt"), "def train(params, task):\n    return {'y': 1}\n")  # fmt: skip
    file = project.root / "data/raw/other.txt"
    file.chmod(0o644)
    file.write_text("2")
    if damage == "manifest":
        assert project.run("protect", "--accept-changes").code == 0
    worked = project.run("work", "s", "--damaged-raw", **data)
    assert (worked.code, worked.out) == (1, "")
    last = worked.err.splitlines()[-1]
    if damage == "content":
        assert "data/raw/other.txt is damaged" in last
        assert "colabctl verify data/raw" in last
    else:
        assert "the manifest of data/raw has other checksums of data/raw/other.txt" in last
    assert project.events("s", "claim") == []


def test_the_plan_holds_what_the_manifest_says(project: Project, data: dict[str, str]) -> None:
    assert project.run("protect").code == 0
    project.write("data/interim/b.csv", "b")
    text = SLOW.replace("data/raw/images", "[data/raw/images, data/interim/b.csv]")
    project.write("s.yaml", text)
    project.write("run.py", COUNT)
    said = project.run("sweep", "s.yaml")
    assert said.code == 0, said.err
    assert "no manifest records data/interim/b.csv" in said.err
    assert "no manifest records data/raw/images" not in said.err
    plan: dict[str, Any] = json.loads((project.root / "sweeps/s/plan.json").read_text())
    source = find_source(project.config({}).layout, Path("data/raw/images"))
    assert plan["stage"] == {
        "images": {"path": "data/raw/images", "digest": source.digest},
        "b": {"path": "data/interim/b.csv", "digest": ""},
    }
    again = project.run("sweep", "s.yaml")
    assert again.code == 0, again.err
