"""The environment variables of each slot of a worker, and its GPU."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from colabctl.run import startup


def slot_environs(root: Path, member: str, jobs: int) -> list[dict[str, str]]:
    """Return the environment of each slot; with several jobs and several GPUs, each has its own."""
    base = startup.environ(
        {
            **os.environ,
            "COLABCTL_ROOT": str(root),
            "COLABCTL_MEMBER": member,
            # A notebook's own backend is no good to a process that has no notebook.
            "MPLBACKEND": "Agg",
        }
    )
    devices = gpus(os.environ)
    if jobs == 1 or len(devices) < 2:
        return [dict(base) for _ in range(jobs)]
    return [
        {**base, "CUDA_VISIBLE_DEVICES": devices[number % len(devices)]} for number in range(jobs)
    ]


def gpus(environ: Mapping[str, str]) -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    given = environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [device.strip() for device in given.split(",") if device.strip()]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    with suppress(OSError, subprocess.TimeoutExpired):
        listed = subprocess.run(  # noqa: S603 - a fixed question to the driver's own tool
            [tool, "--list-gpus"], capture_output=True, text=True, timeout=20, check=False
        ).stdout
        lines = [line for line in listed.splitlines() if line.startswith("GPU ")]
        return [str(number) for number in range(len(lines))]
    return []
