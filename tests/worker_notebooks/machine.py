"""A machine that runs notebooks in real kernels, with a stand-in for Colab's package if it is one."""

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.processes import clean

_COLAB = Path(__file__).parent / "colab"
_PATIENCE = 600  # seconds for a cell


@dataclass
class Machine:
    """A machine with a disk and a Python; in Colab it also has a Drive to mount."""

    place: Path
    python: Path
    colab: bool = True
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.drive / "MyDrive").mkdir(parents=True)
        self.keep_secrets()

    @property
    def mount(self) -> Path:
        """Where its Drive is mounted, once it is."""
        return self.place / "mount"

    @property
    def drive(self) -> Path:
        """What is on its Drive."""
        return self.place / "drive"

    @property
    def calls(self) -> list[str]:
        """What notebooks asked of Colab."""
        notes = self.place / "calls"
        return notes.read_text().split() if notes.exists() else []

    def keep_secrets(self, **secrets: str | None) -> None:
        """Give Colab secrets; None is one that the notebook may not read."""
        (self.place / "secrets.json").write_text(json.dumps(secrets))

    def run(self, notebook: Path, *more: str, cwd: Path | None = None, times: int = 1) -> "Ran":
        """Run the cells of a notebook, each `times` times, and then `more`, in a new kernel."""
        text = notebook.read_text().replace("/content/drive", str(self.mount))
        content = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        content.cells = [cell for cell in content.cells for _ in range(times)]
        content.cells += map(nbformat.v4.new_code_cell, more)
        client = NotebookClient(
            content,
            timeout=_PATIENCE,
            resources={"metadata": {"path": str(cwd or self.place)}},
            km=self._kernel(),
        )
        try:
            client.execute(env=self._environ())
        except CellExecutionError:
            return Ran(content, failed=True)
        return Ran(content, failed=False)

    def _kernel(self) -> AsyncKernelManager:
        manager = AsyncKernelManager(ip="127.0.0.1")
        assert manager.kernel_spec is not None
        # With -P, the kernel's own imports ignore its current folder. Newer ipykernel does so by
        # itself; that of Colab does not, and a notebook can change nothing about it.
        manager.kernel_spec.argv = [
            f"{self.python}", "-P", "-m", "ipykernel_launcher", "-f", "{connection_file}",
        ]  # fmt: skip
        return manager

    def _environ(self) -> dict[str, str]:
        colab = {"STAND_IN": str(self.place), "PYTHONPATH": str(_COLAB)} if self.colab else {}
        own = {"XDG_CONFIG_HOME": str(self.place / "config"), "PIP_NO_INDEX": "1"}
        return {**clean(os.environ), **own, **colab, **self.environ}


def plant(folder: Path) -> Path:
    """Put modules that others wrote into a folder; return the file in which each notes its name."""
    notes = folder / "imported"
    text = f"open({str(notes)!r}, 'a').write(__name__ + ' ')\n"
    for name in ("colabctl", "typer", "glob", "shlex", "google/__init__", "google/colab/__init__"):
        file = folder / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return notes


@dataclass(frozen=True)
class Ran:
    """A notebook after it ran."""

    notebook: Any
    failed: bool

    @property
    def text(self) -> str:
        """All that its cells printed."""
        outputs = [out for cell in self.notebook.cells for out in cell.get("outputs", [])]
        return "".join(out.get("text", "") for out in outputs).replace("\r", "")  # of a terminal

    @property
    def error(self) -> list[str]:
        """What is shown of the exception that ended it: the lines of its traceback."""
        for cell in self.notebook.cells:
            for out in cell.get("outputs", []):
                if out.output_type == "error":
                    return list(out.traceback)
        return []

    @property
    def ended_at(self) -> str | None:
        """Return the id of the cell that raised."""
        for cell in self.notebook.cells:
            if any(out.output_type == "error" for out in cell.get("outputs", [])):
                return str(cell.id)
        return None


def bare_python(venv: Path) -> Path:
    """Make a Python that has all that this one has, but not colabctl."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    [packages] = (venv / "lib").glob("python*/site-packages")
    for here in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(here).iterdir():
            if "colabctl" not in entry.name:
                (packages / entry.name).symlink_to(entry)
    return venv / "bin" / "python"
