"""The variables of a task name nothing in the project that configures programs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from colabctl.run.startup.environment import clean


@pytest.mark.parametrize("name", ["BASH_ENV", "PYTHONSTARTUP", "R_ENVIRON", "LD_PRELOAD"])
@pytest.mark.parametrize("value", ["{root}/x", "x.sh", "{root}/../project/x", "/a:{root}/x", "@."])
def test_variables_that_lead_into_the_project_are_left_out(
    tmp_path: Path, name: str, value: str
) -> None:
    root = tmp_path / "project"
    assert name not in clean({name: value.format(root=root)}, root)


def test_the_user_s_own_files_stay(tmp_path: Path) -> None:
    before = {"BASH_ENV": "/home/ana/.env.sh", "MATPLOTLIBRC": "~/rc", "HOME": "/home/ana"}
    assert clean(before, tmp_path).items() >= before.items()


def test_lists_of_folders_have_no_entry_that_depends_on_the_current_folder(tmp_path: Path) -> None:
    before = {"PATH": ".:/usr/bin::bin", "LD_LIBRARY_PATH": "/usr/lib64-nvidia:"}
    after = clean(before, tmp_path)
    assert (after["PATH"], after["LD_LIBRARY_PATH"]) == ("/usr/bin", "/usr/lib64-nvidia")


def test_git_keeps_the_settings_that_the_user_gave_it(tmp_path: Path) -> None:
    own = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "ana"}
    environ = {**os.environ, **clean({**os.environ, **own}, tmp_path)}
    for key, value in (("user.name", "ana"), ("core.fsmonitor", "false")):
        asked = ["git", "config", key]
        ran = subprocess.run(asked, env=environ, capture_output=True, text=True, check=True)
        assert ran.stdout == f"{value}\n"


@pytest.mark.skipif(not shutil.which("Rscript") and "CI" not in os.environ, reason="needs R")
def test_r_reads_no_file_of_its_current_folder(tmp_path: Path) -> None:
    (tmp_path / ".Rprofile").write_text('cat("profile\\n")\n')
    (tmp_path / ".Renviron").write_text("FLAVOUR=evil\n")
    (tmp_path / "t.R").write_text('cat(Sys.getenv("FLAVOUR", "none"), "\\n")\n')

    def output(environ: dict[str, str]) -> str:
        ran = ["Rscript", "t.R"]
        return subprocess.run(
            ran, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
        ).stdout

    assert output({**os.environ}).split() == ["profile", "evil"]
    assert output(clean(os.environ, tmp_path)).split() == ["none"]
