"""Sets the environment variables of a worker's slots, and shares the GPUs among them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from colabctl.run import startup


def slot_environs(root: Path, member: str, jobs: int) -> list[dict[str, str]]:
    """Return the environment of each slot; if there are several GPUs, slots share them evenly."""
    base = startup.environ(
        {
            **os.environ,
            "COLABCTL_ROOT": str(root),
            "COLABCTL_MEMBER": member,
            # A notebook's backend does not work outside its kernel.
            "MPLBACKEND": "Agg",
        }
    )
    devices = gpus(os.environ) if jobs > 1 else []
    if len(devices) < 2:
        return [base] * jobs
    return [
        {**base, "CUDA_VISIBLE_DEVICES": devices[number % len(devices)]} for number in range(jobs)
    ]


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
