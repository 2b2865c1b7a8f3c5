"""Runs the command lines that other people make, and says what to do where one is missing."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from colabctl.errors import UserError

_PATIENCE = 300.0  # seconds for an answer over the network


@dataclass(frozen=True)
class Tool:
    """A program, and how people get it."""

    name: str
    owner: str
    install: str

    def path(self) -> str:
        """Return where the program is; raise UserError if it is missing."""
        path = shutil.which(self.name)
        if path is None:
            raise UserError(
                f"{self.owner}'s command line, {self.name}, is not installed; {self.install}"
            )
        return path


@dataclass(frozen=True)
class Answer:
    """The exit code of a program, and all that it printed."""

    code: int
    text: str


def ask(tool: Tool, arguments: Sequence[str]) -> Answer:
    """Run a program to its end; a program that does not answer within minutes has code 124."""
    try:
        done = subprocess.run(  # noqa: S603 - the tool that the user asks for
            [tool.path(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(124, f"{tool.name} did not answer within {_PATIENCE:.0f} s")
    return Answer(done.returncode, done.stdout.strip())
