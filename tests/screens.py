"""Runs commands on a real terminal of some size, and tells what it shows."""

import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pyte

from tests.processes import COMMAND, PATIENCE, Project, clean


class Terminal:
    """A command of colabctl in a terminal with `columns` and `lines`."""

    def __init__(
        self,
        project: Project,
        *arguments: str,
        columns: int = 80,
        lines: int = 200,
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self.screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.written = ""
        self._ours, theirs = pty.openpty()
        _set_size(theirs, columns, lines)
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=project.root,
            stdin=theirs, stdout=theirs, stderr=theirs,
            env={**clean(os.environ), "COLABCTL_MEMBER": "ana", "TERM": "xterm-256color", **environ},
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size, as someone does who drags a corner of its window."""
        _set_size(self._ours, columns, lines)
        self.screen.resize(lines, columns)
        os.killpg(self.process.pid, signal.SIGWINCH)

    def press_ctrl_c(self) -> None:
        """Interrupt the command as the keyboard does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def until(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """Return the lines of the screen as soon as they meet a condition."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self.lines()):
            assert time.monotonic() < deadline, "\n".join(self.lines())
            assert self._read(1.0), "\n".join(self.lines())
        return self.lines()

    def end(self) -> list[str]:
        """Return the lines of the screen when the command has ended."""
        deadline = time.monotonic() + PATIENCE
        while self._read(1.0):
            assert time.monotonic() < deadline, "\n".join(self.lines())
        self.process.wait(PATIENCE)
        os.close(self._ours)
        return self.lines()

    def _read(self, seconds: float) -> bool:
        """Take what was written within some seconds; return False if nothing more will be."""
        ready, _, _ = select.select([self._ours], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._ours, 1 << 16)
        except OSError:  # Linux: the other end is closed
            return False
        text = self._decoder.decode(data)
        self.written += text
        self._stream.feed(text)
        return bool(data)

    def lines(self) -> list[str]:
        """Return the lines of the screen, without spaces and empty lines at their ends."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")


def _set_size(descriptor: int, columns: int, lines: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def shown(
    project: Project,
    *arguments: str,
    columns: int = 80,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    """Return what a command shows on a terminal of this width."""
    return Terminal(project, *arguments, columns=columns, environ=environ).end()
