"""The settings that a worker passes to the process that runs its tasks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from colabctl.notebook.kernel_options import KernelOptions


@dataclass(frozen=True)
class Settings:
    """How a process runs its tasks.

    Attributes:
        program: "file.py:function", or a program's file, relative to `code`.
        kind: the kind of the program, as in the plan.
        prunes: whether tasks may be stopped early.
        command: W&B's command list, for a program.
        scheduler: the functions by which Optuna chooses parameters, as in the plan.
        code: folder with a copy of the sweep's frozen code on this machine: the workspace.
        root: folder of the project.
        cwd: the current folder of every task.
        frozen: another copy of the frozen code, to restore what tasks change; "" if `code` is
            no workspace, see workspace.py.
        staged: paths from the project's root that lead to copies on this machine's disk.
        import_path: folders that Python imports from.
        log: file for the tasks' output, in the worker's own folder on this machine.
        kill_after: seconds between SIGTERM and SIGKILL.
        metric: the sweep's metric, which a number that a function returns is.
        parameters: the names of the parameters, and whether every task has them.
        process_tasks: number of tasks after which the process is replaced; 0 for never.
        kernels: how a notebook's kernels are used.
        keep_wandb: whether W&B's own files are kept in the task's folder.
        secrets: names of the variables whose values must not be stored.
        foreground: whether a program has the terminal, for debuggers.
    """

    program: str
    kind: str
    prunes: bool
    command: Sequence[str] | None
    code: str
    root: str
    cwd: str
    log: str
    kill_after: float
    scheduler: Mapping[str, Any] | None = None
    frozen: str = ""
    staged: Sequence[str] = ()
    import_path: Sequence[str] = ()
    metric: str | None = None
    parameters: Mapping[str, bool] = field(default_factory=dict)
    process_tasks: int = 0
    kernels: KernelOptions = field(default_factory=KernelOptions)
    keep_wandb: bool = False
    secrets: Sequence[str] = ()
    foreground: bool = False

    @property
    def python_path(self) -> list[str]:
        """The folders to import from: the program's as for a script, `import_path`, the root."""
        folder = Path(self.code, self.program.partition(":")[0]).parent
        return list(dict.fromkeys([str(folder), *self.import_path, self.code]))

    def encode(self) -> str:
        """Return the settings as one command-line argument."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, argument: str) -> Self:
        """Return the settings that `encode` wrote."""
        parts = json.loads(argument)
        return cls(**{**parts, "kernels": KernelOptions(**parts["kernels"])})
