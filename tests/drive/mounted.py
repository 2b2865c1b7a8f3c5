"""The process of a mount, as seen by the test: it starts, takes messages and reports."""

import contextlib
import importlib.util
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from tests.drive.messages import Change, Counts, News, Order, Setting

PATIENCE = 60.0  # seconds that a mount may take to answer before the test fails
SOURCES = Path(__file__).parents[2]
DEVICE = Path("/dev/fuse")


class MountRefusedError(RuntimeError):
    """A drive cannot be mounted here; the message says why."""


def missing() -> str | None:
    """Return what this machine lacks to mount a drive, None if nothing is known to lack."""
    if not DEVICE.exists():
        return f"no {DEVICE} on this machine"
    try:
        os.close(os.open(DEVICE, os.O_RDWR))  # only an attempt tells: modes, groups, containers
    except OSError as error:
        return f"{DEVICE} cannot be opened by this user: {error.strerror}"
    if shutil.which("fusermount3") is None:
        return "no fusermount3 (on Debian and Ubuntu: apt-get install fuse3)"
    if importlib.util.find_spec("mfusepy") is None:
        return "no package mfusepy (pip install mfusepy)"
    return None


class MountProcess:
    """The process of a mount, and its connection to the test."""

    def __init__(self, setting: Setting, log: Path, hear: Callable[[Change], None]) -> None:
        ours, theirs = socket.socketpair()
        with theirs, log.open("ab") as errors:
            self._popen = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.drive.filesystem.process",
                    str(theirs.fileno()),
                    setting.path,
                ],
                cwd=SOURCES,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,  # so that Ctrl-C reaches only the test
            )
        self._connection: Connection = Connection(ours.detach())
        self._log = log
        self._hear = hear
        self._reports: queue.SimpleQueue[Counts | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        self.send(setting)

    def send(self, message: Setting | News | Order) -> None:
        """Send a message; a dead process loses it."""
        with contextlib.suppress(OSError):
            self._connection.send(message)

    def report(self) -> Counts:
        """Return the next report; raise RuntimeError if there is none because the process ended."""
        report = self._reports.get(timeout=PATIENCE)
        if report is None:
            errors = self._log.read_text().strip()
            for line in errors.splitlines():
                if "fusermount" in line:
                    raise MountRefusedError(f"no mount: {line}")
            raise RuntimeError(f"no mount: {errors}")
        return report

    def end(self) -> None:
        """Kill the process, and wait until all of its messages are received."""
        self._popen.kill()
        self._popen.wait()
        self._reader.join()
        self._connection.close()

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                message = self._connection.recv()
                if isinstance(message, Change):
                    self._hear(message)
                else:
                    self._reports.put(message)
        self._reports.put(None)
