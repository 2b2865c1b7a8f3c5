"""Prepares the workspaces of slots, here or in an engine, and the settings of their processes."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from colabctl.ledger import Plan
from colabctl.notebook.kernel_options import KernelOptions
from colabctl.run.settings import Settings
from colabctl.run.workspace.workspace import create
from colabctl.sharedfs.faults import fault_of, patiently


def slot_settings(
    plan: Plan,
    project: Path,
    scratch: Path,
    *,
    jobs: int,
    kill_after: float,
    secrets: Sequence[str],
    tell: Callable[[str], None],
    wait: Callable[[float], bool],
    staged: Mapping[str, str] | None = None,
    foreground: bool = False,
) -> list[Settings]:
    """Return the settings of each of `jobs` slots, after creating its workspace in `scratch`.

    The frozen code is in `scratch`/code already. While the project's folder does not answer, this
    waits with `wait`, which returns whether to give up. `staged` holds the copies that tasks find
    at the paths of their sources, from the project's root.
    """
    code, root = scratch / "code", project.absolute()
    folders = [scratch / str(number) / root.name for number in range(jobs)]
    try:
        patiently(lambda: create(code, root, folders, plan.cwd, staged), tell=tell, wait=wait)
        places = folders
    except OSError as error:
        if fault_of(error) == "passing":
            raise
        tell(
            f"note: tasks run in {root}, not in a workspace, so code that is not frozen may run "
            f"there: {error}"
        )
        if staged:
            tell(
                "note: in this folder, tasks read the staged copies only by task.staged or the "
                "variables COLABCTL_STAGED_..."
            )
        folders, places = [code] * jobs, [root] * jobs
    return [
        Settings(
            program=plan.program or "",
            kind=plan.kind,
            prunes=plan.early_terminate is not None,
            command=plan.command,
            scheduler=plan.scheduler,
            code=str(folder),
            root=str(root),
            cwd=os.path.normpath(place / plan.cwd),
            frozen=str(code) if folder == place else "",
            staged=tuple(staged or ()),
            import_path=[os.path.normpath(folder / path) for path in plan.import_path],
            log=str(scratch / f"slot-{number}.log"),
            kill_after=kill_after,
            metric=plan.metric,
            parameters=plan.parameters or {},
            process_tasks=plan.process_tasks,
            kernels=plan.kernels or KernelOptions(),
            keep_wandb=plan.keep_wandb,
            secrets=secrets,
            foreground=foreground,
        )
        for number, (folder, place) in enumerate(zip(folders, places, strict=True))
    ]
