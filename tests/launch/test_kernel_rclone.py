"""A kernel on Kaggle whose store is a remote of rclone."""

import json
from pathlib import Path

import pytest

from tests.launch.conftest import SWEEP, TRAIN
from tests.processes import new_project
from tests.servers.servers import PASSWORD, USER, obscured, rclone_serve
from tests.worker_notebooks.machine import Machine

pytestmark = pytest.mark.slow  # it starts a server, and pip installs rclone


def test_a_kernel_reaches_a_remote_whose_configuration_is_a_secret(
    tmp_path: Path, machine: Machine
) -> None:
    with rclone_serve("webdav", tmp_path / "served") as server:
        configuration = (
            f"[lab]\ntype = webdav\nurl = http://127.0.0.1:{server.port}\nvendor = other\n"
            f"user = {USER}\npass = {obscured(PASSWORD)}\n"
        )
        own = tmp_path / "rclone.conf"
        own.write_text(configuration)
        environ = {"RCLONE_CONFIG": str(own), "KAGGLE_USERNAME": "ana"}
        project = new_project(tmp_path / "churn")
        project.write("train.py", TRAIN)
        project.write("first.yaml", SWEEP)
        for arguments in (["remote", "add", "rclone:lab:churn"], ["sweep", "first.yaml"]):
            done = project.run(*arguments, **environ)
            assert done.code == 0, done.err
        [kernel] = json.loads(project.run("workers", "first", "--kaggle", "--json", **environ).out)
        machine.keep_secrets(RCLONE_CONF=configuration)
        folder = project.root / "notebooks/workers/kaggle/churn-first-ana-1"
        assert kernel["id"] == "ana/churn-first-ana-1"
        ran = machine.run(folder / "churn-first-ana-1.ipynb")
        assert not ran.failed, (ran.error, ran.text)
        assert PASSWORD not in ran.text
        assert project.run("sync", **environ).code == 0
        assert [each["metrics"]["y"] for each in project.results("first")] == [1, 2]
        project.end_all()
