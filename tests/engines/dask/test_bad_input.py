"""What `work --on dask` says of addresses, files and options that are wrong."""

import socket
import subprocess
import sys

import pytest

from colabctl.engines.dask.engine import engine
from colabctl.errors import UserError
from tests.engines.dask.test_work import grid
from tests.processes import Project


@pytest.mark.parametrize("address", ["host", "host:port", "http://host:1", ":8786", "a:1/b"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="this is not an address; write dask://HOST:PORT"):
        engine(address, {})


def test_a_scheduler_that_does_not_answer_is_named_with_the_time(project: Project) -> None:
    project.declare("none", grid(1), "def train(params, task):\n    return {'y': 1}\n")
    with socket.socket() as listener:  # it takes connections, and says nothing
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        worked = project.run("work", "none", "--on", f"dask://127.0.0.1:{port}")
    assert worked.code == 1
    where = f"the Dask scheduler at tcp://127.0.0.1:{port}"
    assert f"{where} cannot be reached: no answer within 10 s" in worked.err
    assert len(worked.err.splitlines()) == 1, worked.err


def test_files_that_are_no_scheduler_files_are_named(project: Project) -> None:
    project.declare("file", grid(1), "def train(params, task):\n    return {'y': 1}\n")
    file = project.write("some.json", "{}")
    for name, message in ((str(file), "not a file of a Dask scheduler"), ("no", "No such file")):
        worked = project.run("work", "file", "--on", "dask", "--scheduler-file", name)
        assert worked.code == 1
        assert message in worked.err
    both = project.run("work", "file", "--on", "dask://h:1", "--scheduler-file", str(file))
    assert "leave one out" in both.err


@pytest.mark.slow
def test_options_of_other_engines_are_refused(project: Project) -> None:
    project.declare("opts", grid(1), "def train(params, task):\n    return {'y': 1}\n")
    for options, message in (
        (["--scheduler-file", "f"], "--scheduler-file is for an engine"),
        (["--on", "dask", "-n", "3"], "use -j"),
        (["--on", "dask", "--dry-run"], "use -j"),
        (["--on", "dusk"], "did you mean dask?"),
    ):
        worked = project.run("work", "opts", *options)
        assert worked.code == 1
        assert message in worked.err


@pytest.mark.slow
def test_help_and_plain_work_import_no_dask(project: Project) -> None:
    project.declare("plain", grid(1), "def train(params, task):\n    return {'y': 1}\n")
    script = """
import sys
from colabctl.cli import main
sys.argv = ["colabctl", *sys.argv[1:]]
try:
    main()
finally:
    print("distributed" in sys.modules)
"""
    for arguments in (["--help"], ["work", "--help"], ["work", "plain"]):
        ran = subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=project.root, capture_output=True,
            text=True, check=False, env={"COLABCTL_MEMBER": "ana", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert ran.stdout.splitlines()[-1] == "False", ran.stderr
