"""Ctrl-C ends the command quietly, even while it is being loaded; and an old Python is refused."""

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.processes import clean

# Stands in for a library that takes long to import.
SLOW = """
import sys, time
print("loading", flush=True)
time.sleep(600)
"""
SCRIPT = Path(sysconfig.get_path("scripts"), "colabctl")


@pytest.mark.parametrize(
    "command", [[str(SCRIPT)], [sys.executable, "-m", "colabctl"]], ids=["script", "module"]
)
def test_ctrl_c_while_the_command_is_loaded_shows_no_traceback(
    command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "typer.py").write_text(SLOW)
    process = subprocess.Popen(
        [*command, "status"],
        env={**clean(os.environ), "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")


def test_a_script_that_imports_colabctl_keeps_its_own_ctrl_c(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import signal, colabctl\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    )
    assert subprocess.run([sys.executable, str(script)], check=False).returncode == 0


def test_an_old_python_is_refused_in_one_line() -> None:
    code = "import sys; sys.version_info = (3, 10, 12); sys.version = '3.10.12 (main)'; import colabctl"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (
        1, "colabctl needs Python 3.11 or newer, but this is 3.10.12\n",
    )  # fmt: skip


def test_a_folder_of_the_same_name_does_not_hide_the_package(tmp_path: Path) -> None:
    (tmp_path / "colabctl/colabctl").mkdir(parents=True)
    ran = subprocess.run(
        [sys.executable, "-m", "colabctl", "--version"],
        cwd=tmp_path, env=clean(os.environ), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
