"""What a notebook does while colabctl is not there yet: mount the Drive, and install it from there.

This is written into notebooks word for word, so it uses the standard library only, and is short
enough to be read there.
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
    "# Nothing is imported from the folder of the notebook, where others write.\n"
    'sys.path[:] = [each for each in sys.path if os.path.realpath(each) != os.path.realpath("")]'
)
"""What comes before all other imports; these two are of modules that Python has loaded."""


class NotebookError(Exception):
    """Ends a run of all cells; IPython shows its line and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def mount_drive() -> Path | None:
    """Mount the Drive if this is Colab, and return where; doing so again changes nothing."""
    try:
        from google.colab import drive  # noqa: PLC0415 - Colab's
    except ImportError:
        return None
    drive.mount("/content/drive")
    return Path("/content/drive")


def places(chosen: str, drive: Path | None) -> Iterator[list[Path]]:
    """Give folders that may be the project: those here and above, then the Drive's by level.

    Each folder of the Drive comes once, whatever shortcuts lead to it, and 2,000 at most.
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
    """Return the wheel from the first project that has it as this notebook knows it."""
    fault = "is in no project here: in Drive, add a shortcut to the project's folder to My Drive"
    for folder in chain.from_iterable(folders):
        try:
            data = (folder / ".colabctl" / wheel).read_bytes()
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
        fault = f"in {folder} is half there, or was changed: wait, or make this notebook anew"
    raise NotebookError(f"{wheel} {fault}, and run this again")


def install(wheel: str, sha256: str, folders: Iterator[list[Path]]) -> None:
    """Install colabctl and what it lacks; what the notebook itself runs on stays as it is."""
    needed, here = wheel.split("-")[1], {}
    for name in ("colabctl-drive", "ipython", "ipykernel", "tornado"):
        with suppress(PackageNotFoundError):
            here[name] = version(name)
    present = here.pop("colabctl-drive", None)
    if present == needed:
        return
    if present:
        mend = "make it anew with that one, or run it where none is installed"
        raise NotebookError(f"this needs colabctl {needed}, and {present} is installed: {mend}")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, wheel).write_bytes(fetch(wheel, sha256, folders))
        Path(folder, "kept.txt").write_text("\n".join(f"{name}=={here[name]}" for name in here))
        pip = [sys.executable, "-m", "pip", "install", "-q", "-c", "kept.txt", wheel]
        done = subprocess.run(pip, check=False, cwd=folder, capture_output=True, text=True)  # noqa: S603 - pip
    if done.returncode:
        raise NotebookError(f"pip cannot install {wheel}: {done.stderr.strip()}")
    importlib.invalidate_caches()
