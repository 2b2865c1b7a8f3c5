"""A real terminal for a command of a project, and the screen that a person sees on it."""

import codecs
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
        screen: what the terminal shows.
        written: everything that the command wrote.
        process: the command.

    """

    def __init__(
        self, project: Project, *arguments: str, columns: int = 80, rows: int = 24, **environ: str
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.written = ""
        self._terminal, theirs = pty.openpty()
        self._set_size(columns, rows)
        self.process = subprocess.Popen(
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
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)

    @property
    def lines(self) -> list[str]:
        """What the screen shows, without spaces and empty lines at their ends."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")

    @property
    def text(self) -> str:
        """What the screen shows, as one text."""
        return "\n".join(self.lines)

    def until(self, condition: Callable[[Self], object]) -> Self:
        """Read what the command writes until the screen is as expected."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self):
            left = deadline - time.monotonic()
            assert left > 0, f"the screen still shows:\n{self.text}"
            assert self._read(left), f"the command has ended, and the screen shows:\n{self.text}"
        return self

    def end(self) -> int:
        """Read the rest, and return the exit code."""
        while self._read(PATIENCE):
            pass
        return self.process.wait(PATIENCE)

    def type(self, keys: str) -> None:
        """Press keys; the character 3 is Ctrl-C."""
        os.write(self._terminal, keys.encode())

    def press_ctrl_c(self) -> None:
        """Interrupt the command."""
        self.type("\x03")

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal, as someone does who drags a corner of its window."""
        self.screen.resize(rows, columns)
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
        text = self._decoder.decode(data)
        self.written += text
        self._stream.feed(text)
        return bool(data)


def shown(project: Project, *arguments: str, columns: int = 80, **environ: str) -> list[str]:
    """Return what a command shows on a long terminal of this width."""
    with Screen(project, *arguments, columns=columns, rows=200, **environ) as screen:
        screen.end()
        return screen.lines


def _on_terminal(environ: Mapping[str, str]) -> dict[str, str]:
    mine = {name: value for name, value in clean(os.environ).items() if name != "JPY_PARENT_PID"}
    return {**mine, "TERM": "xterm-256color", "COLABCTL_MEMBER": "ana", **environ}


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
