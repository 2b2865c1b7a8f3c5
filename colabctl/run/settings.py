"""The settings that a worker gives the process that runs its tasks."""

from typing import Any, NamedTuple


class Settings(NamedTuple):
    """What a worker tells this process at its start.

    program  "file.py:function", or the file of a program, inside `code`
    kind     what the program is, as in the plan
    prunes   whether tasks may be stopped early
    command  W&B's command list, for a program
    code     a copy of the sweep's frozen code on this machine
    root     the project, the current folder of what runs
    log      file for what the tasks print, in the worker's own folder on this machine
    kill_after  seconds between SIGTERM and SIGKILL
    kernels     how a notebook's kernels are used
    secrets     variables whose values must not be kept
    """

    program: str
    kind: str
    prunes: bool
    command: list[str] | None
    code: str
    root: str
    log: str
    kill_after: float
    kernels: dict[str, Any] | None = None
    secrets: list[str] = []  # noqa: RUF012 - a default that nobody changes
