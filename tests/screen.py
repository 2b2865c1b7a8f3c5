"""A real terminal for a command of a project, and the screen that a person sees on it."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import pyte

from tests.processes import COMMAND, PATIENCE, Project, clean


class Screen:
    """`colabctl ARGUMENTS` on a terminal of its own, as the member ana.

    Attributes:
        shown: every byte that the command wrote.

    """

    def __init__(
        self, project: Project, *arguments: str, columns: int = 80, rows: int = 24, **environ: str
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.shown = b""
        self._terminal, theirs = pty.openpty()
        self._set_size(columns, rows)
        self._process = subprocess.Popen(
            [sys.executable, *COMMAND[1:], *arguments],
            cwd=project.root,
            env=_on_terminal(environ),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - so that Ctrl-C reaches it
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    @property
    def lines(self) -> list[str]:
        """What the screen shows, without the empty lines at its end."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip().split("\n")

    @property
    def text(self) -> str:
        """What the screen shows, as one text."""
        return "\n".join(self.lines)

    def until(self, condition: Callable[[str], object]) -> str:
        """Read what the command writes until the screen is as expected; return its text."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self.text):
            left = deadline - time.monotonic()
            assert left > 0, f"the screen still shows:\n{self.text}"
            assert self._read(left), f"the command has ended, and the screen shows:\n{self.text}"
        return self.text

    def end(self) -> int:
        """Read the rest, and return the exit code."""
        while self._read(PATIENCE):
            pass
        return self._process.wait(PATIENCE)

    def type(self, keys: str) -> None:
        """Press keys; the character 3 is Ctrl-C."""
        os.write(self._terminal, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        self._screen.resize(rows, columns)
        self._set_size(columns, rows)

    def _set_size(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)

    def _read(self, seconds: float) -> bool:
        """Read what there is within some seconds; return False at the end."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # EIO: the command has ended
            return False
        self.shown += data
        self._stream.feed(data)
        return bool(data)


def _on_terminal(environ: Mapping[str, str]) -> dict[str, str]:
    mine = {name: value for name, value in clean(os.environ).items() if name != "JPY_PARENT_PID"}
    return {**mine, "TERM": "xterm-256color", "COLABCTL_MEMBER": "ana", **environ}


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
