"""Finds what a worker runs on, for its start event: accelerators, memory, packages, system.

It imports none of the packages, and a worker does not wait for it: a thread looks while the worker
starts.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from colabctl.run.slots.memory import memory_here

PACKAGES = frozenset({
    "accelerate", "catboost", "datasets", "diffusers", "flax", "jax", "keras", "lightgbm",
    "lightning", "numpy", "optuna", "pandas", "peft", "polars", "pytorch-lightning",
    "scikit-learn", "scipy", "tensorflow", "timm", "torch", "torchvision", "transformers",
    "wandb", "xgboost",
})  # fmt: skip
"""The packages whose versions decide what a task of machine learning computes, or how fast."""

_INSTALLED = re.compile(r"(.+?)-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info")
_PATIENCE = 5.0  # seconds; a worker then starts without what is not known yet
_ANSWER = 60.0  # seconds that the driver's tool may take
_MOST = 64  # accelerators
_MIB = 1 << 20
_GIB = 1 << 30
_PCI = Path("/sys/bus/pci/devices")
_GOOGLE = "0x1ae0"
# As jax/_src/hardware_utils.py lists them. The memory of a chip is that of Google's documentation.
_TPUS = {
    "0x0027": ("TPU v2 or v3", 0),
    "0x005e": ("TPU v4", 32 * _GIB),
    "0x0062": ("TPU v5p", 95 * _GIB),
    "0x0063": ("TPU v5e", 16 * _GIB),
    "0x006f": ("TPU v6e", 32 * _GIB),
    "0x0076": ("TPU7x", 192 * _GIB),
}


class _Search(threading.Thread):
    """Looks for what takes longest, in a thread of its own."""

    def __init__(self) -> None:
        super().__init__(name="colabctl-machine", daemon=True)
        self.parts: dict[str, Any] = {}

    def run(self) -> None:
        self.parts["packages"] = dict(sorted(_packages(sys.path)))
        accelerators, driver = _nvidia(os.environ)
        accelerators = accelerators or list(_tpus(_PCI))
        if accelerators:
            self.parts["accelerators"] = accelerators[:_MOST]
        if driver:
            self.parts["driver"] = driver


@cache
def look() -> threading.Thread:
    """Begin to look, once for this process, so that `describe` need not wait."""
    search = _Search()
    search.start()
    return search


def describe() -> dict[str, Any]:
    """Return the parts of a start event that say what this process runs on."""
    search = look()
    assert isinstance(search, _Search)
    search.join(_PATIENCE)
    memory = memory_here()
    return {
        "python": platform.python_version(),
        "system": _system(),
        **({"memory": memory} if memory else {}),
        **search.parts,
    }


def wait() -> None:
    """Wait until it is known what this process runs on, for about a minute at most."""
    look().join()


def _system() -> str:
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    with suppress(OSError):  # not Linux
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
        return f"{name}, {kernel}"
    return kernel


def _packages(path: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the packages of note that are installed, and their versions; the first of two counts.

    The names of their folders say it, which is many times faster than to read their metadata.
    """
    seen: set[str] = set()
    for folder in path:
        with suppress(OSError):
            for entry in os.listdir(folder or "."):  # noqa: PTH208 - there may be thousands
                match = entry.endswith("-info") and _INSTALLED.fullmatch(entry)
                if not match:
                    continue
                name = re.sub(r"[-_.]+", "-", match[1]).lower()
                if name in PACKAGES and name not in seen:
                    seen.add(name)
                    yield name, match[2]


def _nvidia(environ: Mapping[str, str]) -> tuple[list[dict[str, Any]], str]:
    """Return the GPUs that this process may use, and the version of their driver."""
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    chosen = None if visible is None else [each.strip() for each in visible.split(",")]
    tool = shutil.which("nvidia-smi")
    if tool is None or chosen in ([""], ["-1"]):
        return [], ""
    query = "--query-gpu=index,uuid,name,memory.total,driver_version"
    try:
        output = subprocess.run(  # noqa: S603 - a fixed command, part of the driver
            [tool, query, "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=_ANSWER, check=True, stdin=subprocess.DEVNULL,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError, ValueError):
        return [], ""
    rows = [[part.strip() for part in line.split(",")] for line in output.splitlines()]
    rows = [row for row in rows if len(row) == 5]
    mine = [row for row in rows if chosen is None or _is_chosen(row[0], row[1], chosen)]
    chips = [
        {"name": name, **({"memory": int(memory) * _MIB} if memory.isdecimal() else {})}
        for _, _, name, memory, _ in mine or rows  # a part of a GPU has a name of its own
    ]
    return chips, rows[0][4] if rows else ""


def _is_chosen(index: str, uuid: str, chosen: list[str]) -> bool:
    return any(each == index or (len(each) > 4 and uuid.startswith(each)) for each in chosen)


def _tpus(devices: Path) -> Iterator[dict[str, Any]]:
    """Yield the chips of a TPU in this machine."""
    with suppress(OSError):
        for device in sorted(devices.iterdir()):
            if _word(device / "vendor") != _GOOGLE:
                continue
            name, memory = _TPUS.get(_word(device / "device"), ("", 0))
            if name:
                yield {"name": name, **({"memory": memory} if memory else {})}


def _word(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, ValueError):
        return ""
