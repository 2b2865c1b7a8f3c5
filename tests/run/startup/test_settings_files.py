"""Files that configure programs are in a workspace only if they are frozen."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from colabctl.run.startup.settings_files import configures
from tests.run.workspace.scene import Scene

Make = Callable[..., Scene]
HOSTILE = (
    *(".Rprofile", ".Renviron", ".RData", ".env", ".env.local", ".envrc", ".npmrc", ".pdbrc"),
    *("Makefile", "makefile", "package.json", "matplotlibrc", ".numba_config.yaml", "pip.conf"),
    *("Project.toml", ".python-version", "jupyter_nbconvert_config.json", ".cargo/config.toml"),
)


@pytest.mark.parametrize("name", ["data.csv", "env", "environment.yml", "config.yaml", ".cache"])
def test_data_and_configurations_of_the_task_itself_are_no_such_files(name: str) -> None:
    assert not configures(name)


def test_they_are_not_linked_and_frozen_ones_are_as_declared(scene: Make) -> None:
    here = scene({**dict.fromkeys(HOSTILE, "live"), "Snakefile": "frozen"}, ["Snakefile"])
    (here.project / "Snakefile").write_text("changed")
    assert not [name for name in HOSTILE if (here.workspace / name).exists()]
    assert (here.workspace / "Snakefile").read_text() == "frozen"


def test_they_do_not_appear_while_tasks_run_either(scene: Make) -> None:
    here = scene({"train.py": ""}, ["train.py"])
    for name in (".Rprofile", ".env", "data.csv"):
        (here.project / name).write_text("live")
    here.run("true")
    looked = "import os; print([os.path.exists(n) for n in ('.Rprofile', '.env', 'data.csv')])"
    assert here.python(looked) == "[False, False, True]\n"


def test_the_current_folder_is_no_link_even_without_frozen_files(scene: Make) -> None:
    files = {"train.py": "", "runs/a/.Rprofile": "live", "runs/a/x.csv": "data"}
    here = scene(files, ["train.py"], cwd="runs/a")
    assert not (here.workspace / "runs/a/.Rprofile").exists()
    assert (here.workspace / "runs/a/x.csv").read_text() == "data"


def test_one_that_a_task_writes_is_used_there_and_kept_in_the_project(scene: Make) -> None:
    here = scene({"train.py": "", "Makefile": "all:\n\techo live\n"}, ["train.py"])
    made = "all:\n\t@echo made\n"
    here.run("printf 'all:\\n\\t@echo made\\n' > Makefile")
    assert (here.project / "Makefile").read_text() == made
    make = subprocess.run(["make"], cwd=here.workspace, capture_output=True, text=True, check=True)
    assert make.stdout == "made\n"
    assert not (here.workspace / "Makefile").is_symlink()


def test_dotenv_finds_no_file_of_the_project(scene: Make) -> None:
    here = scene({"train.py": "", ".env": "BASH_ENV=/evil.sh"}, ["train.py"])
    search = """
import pathlib
print([str(f) for f in map(lambda p: p / ".env", pathlib.Path(__file__).resolve().parents) if f.is_file()])
"""
    assert here.python(search) == "[]\n"
    assert Path(here.project, ".env").is_file()
