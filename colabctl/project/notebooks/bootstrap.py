"""The code in notebooks that mounts the Drive and installs colabctl from it.

Notebooks get a copy of it, so it only uses the standard library and is short enough to read there.
"""

import glob
import hashlib
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path

OWN_PATH = (
    "import os\n"
    "import sys\n"
    "\n"
    "# Import nothing from the notebook's folder, where other members can write.\n"
    'sys.path[:] = [each for each in sys.path if os.path.realpath(each) != os.path.realpath("")]'
)
"""Runs before all other imports; Python has already loaded these two modules."""


class NotebookError(Exception):
    """Stops a run of all cells; IPython shows its message without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def mount_drive() -> Path | None:
    """Mount the Drive and return its folder, or None outside Colab; safe to repeat."""
    try:
        from google.colab import drive  # noqa: PLC0415 - Colab's
    except ImportError:
        return None
    drive.mount("/content/drive")
    return Path("/content/drive")


def candidates(chosen: str, drive: Path | None) -> Iterator[list[Path]]:
    """Yield folders that may be the project: those here and above, then the Drive's by level.

    Yields at most 2,000 of the Drive, each once even if several shortcuts lead to it.
    """
    starts = [Path(each) for each in (chosen, os.environ.get("COLABCTL_ROOT"), Path.cwd()) if each]
    yield [folder for start in starts for folder in (start, *start.parents)]
    tops = ("MyDrive", "Shareddrives/*", ".shortcut-targets-by-id/*")
    level = [folder for top in tops for folder in sorted(drive.glob(top))] if drive else []
    seen: set[str] = set()
    while level and len(seen) < 2000:
        fresh: list[Path] = []
        for folder in level[: 2000 - len(seen)]:
            real = os.path.realpath(folder)
            if real not in seen:
                seen.add(real)
                fresh.append(folder)
        yield fresh
        level = [
            folder / name
            for folder in fresh
            if not os.path.exists(folder / "colabctl.yaml")  # noqa: PTH110 - False on any error
            for name in sorted(glob.glob("*/", root_dir=folder))  # noqa: PTH207 - none on any error
        ]


def fetch(wheel: str, sha256: str, folders: Iterator[list[Path]]) -> bytes:
    """Return the wheel from the first folder that has it with this digest."""
    fault = "was not found: in Drive, add a shortcut to the project's folder to My Drive"
    for folder in chain.from_iterable(folders):
        try:
            data = (folder / ".colabctl" / wheel).read_bytes()
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
        fault = f"in {folder} is incomplete or was changed: wait, or generate this notebook again"
    raise NotebookError(f"{wheel} {fault}, then run this cell again")


def install(wheel: str, sha256: str, folders: Iterator[list[Path]]) -> None:
    """Install colabctl and its dependencies, without changing the packages that run notebooks."""
    needed, pins = wheel.split("-")[1], {}
    for name in ("colabctl-drive", "ipython", "ipykernel", "tornado"):
        with suppress(PackageNotFoundError):
            pins[name] = version(name)
    present = pins.pop("colabctl-drive", None)
    if present == needed:
        return
    if present:
        fix = f"generate it again with {present}, or use a machine without colabctl"
        raise NotebookError(f"this notebook needs colabctl {needed}, not {present}: {fix}")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, wheel).write_bytes(fetch(wheel, sha256, folders))
        Path(folder, "pins.txt").write_text("\n".join(f"{name}=={pins[name]}" for name in pins))
        pip = [sys.executable, "-m", "pip", "install", "-q", "-c", "pins.txt", wheel]
        done = subprocess.run(pip, check=False, cwd=folder, capture_output=True, text=True)  # noqa: S603 - pip
    if done.returncode:
        raise NotebookError(f"pip cannot install {wheel}: {done.stderr.strip()}")
    importlib.invalidate_caches()
