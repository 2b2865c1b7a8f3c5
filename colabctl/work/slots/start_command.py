"""Says how a worker starts a task, as a line for a shell."""

import os
import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger import params_of, program_of, task_name
from colabctl.search.language.commands.command import DEFAULT, expand
from colabctl.work.open_sweep import OpenSweep

_PARAMS = "params.json"


@dataclass(frozen=True)
class StartCommand:
    """A line to paste into a shell, and what to know of it."""

    line: str
    note: str


def start_command(sweep: OpenSweep, index: int, secrets: Sequence[str] = ()) -> StartCommand:
    """Return how a task is started; the line has the names of `secrets`, not their values.

    Raises UserError if the parameters of the task are not known yet or damaged, and if the code was
    changed after the sweep was declared.
    """
    plan, root = sweep.plan, sweep.root
    program = program_of(plan)
    sweep.code()
    if fault := sweep.tasks.fault(index) or sweep.tuner().fault(index):
        raise UserError(fault)
    params = params_of(sweep.ledger.state, sweep.tasks, index)
    if not params and sweep.tasks.params(index) is None:
        raise UserError(
            f"the parameters of {task_name(index)} are chosen when a worker claims it; name a task "
            "that has started"
        )
    code = sweep.code_folder
    how = None
    if plan.kind != "program":
        how = f"a worker calls {program} in a process of its own, with {params}"
    elif any(b"colabctl" in data.lower() for data in sweep.code().files.values()):
        how = f"{program} uses what a worker gives to it, and `colabctl try` gives it too"
    if how is not None:
        line = shlex.join(["colabctl", "try", plan.sweep, task_name(index)])
        return StartCommand(f"cd {shlex.quote(str(root))} && {line}", how)
    with tempfile.TemporaryDirectory() as folder:  # expanding may write the parameters there
        file = Path(folder, _PARAMS)
        command = expand(plan.command or DEFAULT, code / program, params, file, _Names())
    words = [word.replace(str(file), _PARAMS) for word in command]
    folders = [str((code / program).parent), *(str(code / each) for each in plan.import_path)]
    path = os.pathsep.join(dict.fromkeys([*folders, str(code)]))
    variables = [f"PYTHONPATH={shlex.quote(path)}", "PYTHONUNBUFFERED=1"]
    variables += [f'{name}="${name}"' for name in secrets]
    cwd = shlex.quote(os.path.normpath(root / plan.cwd))
    note = (
        "it runs the frozen copy of the code; a worker also sets COLABCTL_TASK and the other "
        "variables of colabctl.task(), which `colabctl try` does too"
    )
    if _PARAMS in words:
        note += f"; {_PARAMS} holds the parameters as JSON"
    return StartCommand(f"cd {cwd} && {' '.join(variables)} {' '.join(map(_quoted, words))}", note)


class _Names(dict[str, str]):
    """An environment in which each variable has a reference to itself as its value."""

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - never needed
        return f"${{{name}}}"


def _quoted(word: str) -> str:
    """Quote a word for a shell, which puts in the values of variables."""
    parts = re.split(r"(\$\{\w+\})", word)
    return (
        "".join(
            f'"{part}"' if n % 2 else part and shlex.quote(part) for n, part in enumerate(parts)
        )
        or "''"
    )
