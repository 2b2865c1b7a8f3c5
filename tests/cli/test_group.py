"""Two users of one machine use a project in turn, and neither closes anything to the other.

Only root can start processes of other users. Elsewhere, the modes of all files stand for them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import PATIENCE, clean
from tests.sharedfs.test_rights import closed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="has no groups")

GROUP = 48_100  # no account has this number; the system needs no name for it
USERS = {"ana": 48_001, "ben": 48_002}
SWEEP = """\
method: grid
program: train.py:train
metric: {name: y}
parameters: {x: {values: [1, 2]}}
"""
TRAIN = """
from pathlib import Path

def train(params, task):
    (task.folder / "inner").mkdir()
    (task.folder / "inner/weights.bin").write_bytes(b"w")
    Path("left-in-the-project.txt").write_text("x")
    Path("made").mkdir(exist_ok=True)
    Path("made/by-a-task.txt").write_text("x")
    print("hello")
    task.report(1, y=1)
    return {"y": params["x"]}
"""
NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(
            ("# parameters\nx = 1", "open('by-a-notebook.txt', 'w').write('1')\ny = x")
        )
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "P", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
LIFE = """
sweep s.yaml --name s-{me}
work s-{me}
status s-{me}
log s-{me} t000000
results s-{me} -o results/all.csv --force
results s-{me} -o results/all.sqlite --force
report s-{me} -o results/page.html --force
export s-{me} --to wandb -o results/for-{me}
export s-{me} --to optuna -o results/{me}.db
workers s-{me} -n 2
notebook new mine
pause s-{me}
resume s-{me}
sweep n.yaml --name n-{me}
work n-{me}
archive n-{me}
member add guest-{me}
member rename guest-{me} visitor-{me}
member retire visitor-{me}
"""
UNUSABLE = """
import os
for folder, folders, files in os.walk("."):
    for name in folders + files:
        path = os.path.join(folder, name)
        need = os.R_OK | os.W_OK | (os.X_OK if os.path.isdir(path) else 0)
        if not os.path.islink(path) and not os.access(path, need):
            print(path)
"""


@dataclass(frozen=True)
class User:
    """A user of this machine with an umask, who has a name in the project."""

    name: str
    umask: int
    home: Path
    python: tuple[str, str] | None
    """The interpreter and PYTHONPATH of another user; None to be the user of the tests."""

    def run(self, root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run Python in the project."""
        own = {name: each for name, each in clean(os.environ).items() if "XDG_" not in name}
        environ = {**own, "HOME": str(self.home), "LOGNAME": self.name}
        environ["COLABCTL_MEMBER"] = self.name
        who: dict[str, object] = {"umask": self.umask}
        interpreter = sys.executable
        if self.python:
            interpreter, environ["PYTHONPATH"] = self.python
            number = USERS[self.name]
            who |= {"user": number, "group": number, "extra_groups": [GROUP]}
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            [interpreter, *arguments], cwd=root, env=environ, capture_output=True, text=True,
            check=False, timeout=PATIENCE, **who,
        )  # fmt: skip

    def live(self, root: Path) -> None:
        """Use the project for what people do in it."""
        for line in LIFE.format(me=self.name).strip().splitlines():
            done = self.run(root, "-m", "colabctl", *line.split())
            assert done.returncode == 0, (line, done.stderr)


def interpreter_for_others() -> tuple[str, str] | None:
    """Return an interpreter that other users can run, and its PYTHONPATH; None without one."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    path = os.pathsep.join(
        [str(Path(__file__).parents[2]), *(each for each in sys.path if "site-packages" in each)]
    )
    for python in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin")):
        if python is None:
            continue
        try:
            subprocess.run(
                [python, "-c", "import colabctl.cli, nbclient, ipykernel"], check=True, cwd="/",
                env={"PYTHONPATH": path, "HOME": "/nonexistent"}, capture_output=True, umask=0o022,
                user=USERS["ben"], group=GROUP, extra_groups=[], timeout=PATIENCE,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            continue
        return python, path
    return None


@pytest.fixture
def place() -> Iterator[Path]:
    """Provide a folder that every user of this machine may enter."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name).resolve()
        path.chmod(0o755)
        yield path


def users(place: Path, umasks: tuple[int, int], python: tuple[str, str] | None) -> list[User]:
    people = []
    for name, umask in zip(USERS, umasks, strict=True):
        home = place / f"home-{name}"
        home.mkdir(mode=0o700)
        if python:
            os.chown(home, USERS[name], USERS[name])
        people.append(User(name, umask, home, python))
    return people


def programs(root: Path, mode: int) -> None:
    """Write what people would write themselves, open to the group."""
    files = {
        "s.yaml": SWEEP,
        "train.py": TRAIN,
        "n.yaml": SWEEP.replace("train.py:train", "n.ipynb"),
        "n.ipynb": json.dumps(NOTEBOOK),
    }
    for name, text in files.items():
        file = root / name
        file.write_text(text)
        file.chmod(mode)
        if os.geteuid() == 0:
            os.chown(file, -1, root.stat().st_gid)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root has other users")
@pytest.mark.parametrize("mode", [0o2770, 0o770])
@pytest.mark.parametrize("umasks", [(0o022, 0o077), (0o077, 0o022)])
def test_what_one_user_creates_the_other_can_read_write_and_replace(
    place: Path, mode: int, umasks: tuple[int, int]
) -> None:
    python = interpreter_for_others()
    if python is None:
        pytest.skip("no interpreter that other users can run has what the tests need")
    ana, ben = users(place, umasks, python)
    root = place / "project"
    root.mkdir()
    os.chown(root, USERS["ana"], GROUP)
    root.chmod(mode)
    begun = ana.run(root, "-m", "colabctl", "init", "--member", "ana", "--member", "ben")
    assert begun.returncode == 0, begun.stderr
    programs(root, 0o664)
    ana.live(root)
    assert ben.run(root, "-c", UNUSABLE).stdout == ""
    ben.live(root)
    assert ana.run(root, "-c", UNUSABLE).stdout == ""
    for user in (ana, ben):
        examined = user.run(root, "-m", "colabctl", "doctor")
        assert examined.returncode == 0, examined.stdout


def test_a_whole_life_of_a_project_leaves_everything_to_its_group(place: Path) -> None:
    root = place / "project"
    root.mkdir()
    root.chmod(0o770)
    [ana, _] = users(place, (0o077, 0o077), None)
    begun = ana.run(root, "-m", "colabctl", "init", "--member", "ana")
    assert begun.returncode == 0, begun.stderr
    programs(root, 0o660)
    ana.live(root)
    assert closed(root) == []
