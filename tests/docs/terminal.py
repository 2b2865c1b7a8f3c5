"""A bash that runs on a terminal of its own, as a reader of the guide has it before them."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PATIENCE = 300.0  # seconds that one command may take
_END = re.compile(rb"\x1e(\d+)\x1e")
_QUESTION = re.compile(r"\[y/N\]: (\w+)$", re.MULTILINE)


class Terminal:
    """A shell that keeps its folder and variables from one command to the next.

    Its commands come from a pipe, so that the terminal holds only what programs print and what a
    person types, in the order of a real screen.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._screen, theirs = pty.openpty()
        commands, self._commands = os.pipe()
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", f"/dev/fd/{commands}"],
            cwd=folder,
            env=dict(environ),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            pass_fds=[commands],
            start_new_session=True,
        )
        os.close(theirs)
        os.close(commands)

    def run(self, command: str, shown: str = "") -> tuple[str, int]:
        """Run a command; return what the screen shows and the exit code.

        What `shown` has after a question that ends in "[y/N]: " is typed in answer to it.
        Raises TimeoutError if the command takes too long.
        """
        answers = _QUESTION.findall(shown)
        line = f"{command}\nprintf '\\036%s\\036' $?\n"
        os.write(self._commands, line.encode())
        seen = b""
        deadline = time.monotonic() + PATIENCE
        while not (end := _END.search(seen)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._screen], [], [], left)[0]:
                raise TimeoutError(f"$ {command}\n{seen.decode(errors='replace')}")
            try:
                seen += os.read(self._screen, 65536)
            except OSError:  # EIO: the shell itself has ended
                raise EOFError(f"$ {command}\n{seen.decode(errors='replace')}") from None
            if answers and seen.endswith(b"[y/N]: "):
                os.write(self._screen, f"{answers.pop(0)}\n".encode())
        text = seen[: end.start()].decode(errors="replace").replace("\r\n", "\n")
        return text, int(end[1])

    def close(self) -> None:
        """End the shell and what it left running."""
        os.close(self._commands)
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()
        os.close(self._screen)
