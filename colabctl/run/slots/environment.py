"""Sets the environment variables of a worker's slots, and shares the GPUs among them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from colabctl.needs import share_of
from colabctl.run import startup
from colabctl.run.startup.environment import clean
from colabctl.run.startup.paths import STAGED as STAGED_PATHS
from colabctl.run.startup.paths import VARIABLE as WORKSPACE
from colabctl.run.startup.raw_guard import VARIABLE as GUARDED
from colabctl.staged import VARIABLE as STAGED
from colabctl.staged import StagedCopy


def slot_environs(
    root: Path,
    member: str,
    workspaces: Sequence[str | None],
    *,
    guarded: Sequence[str] = (),
    staged: Mapping[str, str] | None = None,
    gpus_needed: int = 1,
) -> list[dict[str, str]]:
    """Return the environment of each slot, given its workspace, if it has one.

    Python does not write in the `guarded` folders, which are paths from the project's folder.
    `staged` holds the variables that say where staged data is.
    If there are several GPUs, slots share them evenly, with one for each slot unless a task may
    need more.
    """
    base = startup.environ(
        {
            **clean(os.environ, root),
            "COLABCTL_ROOT": str(root.absolute()),
            "COLABCTL_MEMBER": member,
            GUARDED: "\n".join(str(root.absolute() / folder) for folder in guarded),
            # A notebook's backend does not work outside its kernel.
            "MPLBACKEND": "Agg",
        }
    )
    base.pop(WORKSPACE, None)  # this may itself be a task
    base = {
        name: value for name, value in base.items() if not name.startswith((STAGED, STAGED_PATHS))
    }
    base |= staged or {}
    environs = [{**base, **({WORKSPACE: place} if place else {})} for place in workspaces]
    devices = gpus(os.environ) if len(environs) > 1 else []
    if len(devices) < 2:
        return environs
    each = share_of(len(devices), len(environs), gpus_needed)
    return [
        {
            **environ,
            "CUDA_VISIBLE_DEVICES": ",".join(
                devices[(number * each + i) % len(devices)] for i in range(each)
            ),
        }
        for number, environ in enumerate(environs)
    ]


def staged_variables(copies: Iterable[StagedCopy]) -> dict[str, str]:
    """Return the environment variables that tell tasks where staged copies are."""
    copies = list(copies)
    entries = {each.name: {"source": each.source, "path": str(each.path)} for each in copies}
    lines = [f"{each.path}\t{each.source if each.is_linked else ''}" for each in copies]
    own = {f"{STAGED}_{name.upper()}": entry["path"] for name, entry in entries.items()}
    return {STAGED: json.dumps(entries), STAGED_PATHS: "\n".join(lines), **own}


def links(copies: Iterable[StagedCopy]) -> dict[str, str]:
    """Return the copies that tasks find at the paths of their sources, from the project's root."""
    return {each.source: str(each.path) for each in copies if each.is_linked}


def gpus(environ: Mapping[str, str]) -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [device.strip() for device in visible.split(",") if device.strip()]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    with suppress(OSError, subprocess.TimeoutExpired):
        output = subprocess.run(  # noqa: S603 - a fixed command, part of the driver
            [tool, "--list-gpus"], capture_output=True, text=True, timeout=20, check=False
        ).stdout
        lines = [line for line in output.splitlines() if line.startswith("GPU ")]
        return [str(number) for number in range(len(lines))]
    return []
