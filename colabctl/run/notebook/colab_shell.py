"""Gives a task's kernel what Colab's own kernel has: its magics, its name, and files to import.

Only kernels import this file.
"""

import importlib
import importlib.util
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ipykernel import zmqshell
from IPython.core.error import UsageError
from IPython.utils.path import get_py_filename

from colabctl.notebook.magics import INSTALL
from colabctl.run.startup.patches import after_import

_SYSTEM: Any = zmqshell  # its function `system` runs every `!command`
_CONTENT = Path("/content")  # the current folder in Colab


class Written:
    """The modules that `%%writefile` writes, which later cells can import.

    Python does not import from the current folder, where others write. So each module also goes
    to a folder of the kernel's own.

    Args:
        folder: the kernel's folder for them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        sys.path.insert(0, str(folder))

    def path(self, name: str) -> Path:
        """Return where a module is kept, by the name of the file that the cell writes."""
        file = Path(name).expanduser().absolute()
        for start in (Path.cwd(), _CONTENT):
            if file.is_relative_to(start):
                return self.folder / file.relative_to(start)
        return self.folder / file.name

    def write(self, name: str, text: str, *, append: bool) -> None:
        """Keep a module; `append` to it or, if it is new, to the file with that name."""
        path = self.path(name)
        before = ""
        if append:
            with suppress(OSError):
                before = (path if path.exists() else Path(name).expanduser()).read_text("utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(before + text, "utf-8")
        importlib.invalidate_caches()

    def files(self) -> frozenset[Path]:
        """Return the files of the modules."""
        return frozenset(path for path in self.folder.rglob("*") if path.is_file())

    def restore(self, files: frozenset[Path], modules: frozenset[str]) -> None:
        """Forget all but these files, and all imported modules but these."""
        for file in self.files() - files:
            file.unlink()
        for name in sys.modules.keys() - modules:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and str(origin).startswith(f"{self.folder}{os.sep}"):
                del sys.modules[name]


def extend(shell: Any, written: Written, neighbours: Path) -> None:
    """Add Colab's magics to a kernel's shell; `neighbours` holds the frozen notebook."""
    system = _SYSTEM.system
    _SYSTEM.system = _one_install_at_a_time(system)
    # To find a magic also loads it: IPython would otherwise load it later, over ours.
    write, run = shell.find_cell_magic("writefile"), shell.find_line_magic("run")
    for kind, name, function in (
        ("line_cell", "shell", _shell_magic(system)),
        ("line", "tensorflow_version", _tensorflow_version),
        ("cell", "writefile", _writefile(write, written)),
        ("line", "run", _run(run, written, neighbours)),
    ):
        shell.register_magic_function(function, kind, name)
    extensions = shell.extension_manager
    for name in ("load_extension", "reload_extension", "unload_extension"):
        setattr(extensions, name, _without_autoreload(shell, getattr(extensions, name)))
    after_import("tqdm.notebook", _plain_bars)
    after_import("tensorboard.notebook", _no_tensorboard)


def imitate_colab(shell: Any) -> None:
    """Let code find Colab where it looks: in sys.modules, and in the name of the shell's class."""
    try:
        spec = importlib.util.find_spec("google.colab")
        if spec is None or spec.origin is None:  # not there, or a stand-in
            return
        importlib.import_module("google.colab")
    except Exception as error:  # noqa: BLE001 - the notebook may do without it
        print(f"colabctl: google.colab cannot be imported: {error}", file=sys.stderr)
        return
    kind = type(shell)
    shell.__class__ = type("Shell", (kind,), {"__module__": "google.colab._shell"})


# -- the magics ---------------------------------------------------------------------------------


def _shell_magic(system: Callable[[str], int]) -> Callable[..., None]:
    def shell(line: str, cell: str | None = None) -> None:
        """Run commands in bash; raise CalledProcessError if they fail."""
        options, script = ("", line) if cell is None else (line, cell)
        with _installing(script):
            code = system(f"bash -c {shlex.quote(script)}")
        if code and "--ignore-errors" not in options.split():
            raise subprocess.CalledProcessError(code, script.strip())

    return shell


def _tensorflow_version(line: str) -> None:
    """Do nothing for TensorFlow 2, the only one that there is."""
    if line.strip().startswith("1"):
        raise UsageError("TensorFlow 1 is not available; use TensorFlow 2")


def _writefile(write: Callable[[str, str], None], written: Written) -> Callable[..., None]:
    def writefile(line: str, cell: str) -> None:
        """Write a file, and keep a module for later cells."""
        words = shlex.split(line)
        names = [word for word in words if not word.startswith("-")]
        is_module = bool(names) and names[-1].endswith(".py")
        if is_module:
            written.write(names[-1], cell, append=len(names) < len(words))
        write(line, cell)

    return writefile


def _run(run: Callable[..., Any], written: Written, neighbours: Path) -> Callable[[str], Any]:
    start = Path.cwd()

    def find(name: str) -> str:
        """Return the file to run: what a cell wrote, what is frozen, or what is in this folder."""
        places = [Path.cwd(), neighbours] if Path.cwd() != start else [neighbours, Path.cwd()]
        for suffix in ("", ".py", ".ipynb"):
            file = f"{name}{suffix}"
            for path in (written.path(file), *(place / file for place in places)):
                if path.is_file():
                    return str(path)
        usual: str = get_py_filename(name)  # type: ignore[no-untyped-call]
        return usual

    def run_file(line: str) -> Any:
        """Run a script or a notebook."""
        return run(line, file_finder=find)

    return run_file


def _without_autoreload(shell: Any, change: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a way to load, reload or unload extensions, but for autoreload.

    A task's code does not change while it runs. IPython's own autoreload does not work with Python
    3.12 in the version that Colab has.
    """

    def changed(extension: str) -> Any:
        if extension.rpartition(".")[2] != "autoreload":
            return change(extension)
        for magic in ("autoreload", "aimport"):
            shell.register_magic_function(lambda _: None, "line", magic)
        return None

    return changed


def _plain_bars(module: Any) -> None:
    """Let tqdm draw bars as text where it has no widgets."""
    if module.IProgress is None:
        std = importlib.import_module("tqdm.std")
        module.tqdm = module.tqdm_notebook = std.tqdm
        module.trange = module.tnrange = std.trange


def _no_tensorboard(module: Any) -> None:
    def start(_: str) -> None:
        print("TensorBoard is not started: no one sees it in a task.")

    module.start = start


# -- installing packages ------------------------------------------------------------------------


def _one_install_at_a_time(system: Callable[[str], int]) -> Callable[[str], int]:
    def run(command: str) -> int:
        with _installing(command):
            return system(command)

    return run


@contextmanager
def _installing(command: str) -> Iterator[None]:
    """Wait until no other task on this machine installs packages, if the command does."""
    if not INSTALL.search(command):
        yield
        return
    folder = None
    with suppress(ImportError, OSError):  # not every system, and not every file system, has locks
        import fcntl  # noqa: PLC0415 - see above

        folder = os.open(sys.prefix, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if folder is not None:
            os.close(folder)
        importlib.invalidate_caches()
