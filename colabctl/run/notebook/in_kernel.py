"""Runs inside a kernel before, between and after tasks; only kernels import this file."""

import atexit
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, NoReturn

from ipykernel import zmqshell
from IPython.core import interactiveshell
from IPython.core.autocall import IPyAutocall
from IPython.core.getipython import get_ipython

from colabctl.run.frames import leave_out_ours
from colabctl.run.notebook.colab_shell import Written, extend, imitate_colab
from colabctl.run.startup.patches import after_import

_INLINE = "module://matplotlib_inline.backend_inline"


class _Snapshot:
    """The state after the cells above the parameters cell, in which every task starts.

    It restores the names and what they are bound to, the environment, the current folder, the
    import path, and the cells' numbers. It does not restore what a task changes in place: the
    contents of lists, frames and models, attributes of modules, options of libraries, the state of
    random generators. A task's threads and processes keep running.
    """

    def __init__(self, shell: Any) -> None:
        history = shell.history_manager
        self.names = dict(shell.user_ns)
        self.hidden = dict(shell.user_ns_hidden)  # results too: _, _1, _2
        self.environ = dict(os.environ)
        self.folder = Path.cwd()
        self.visited = list(shell.user_ns["_dh"])  # for `%cd -`
        self.written = _written.files() if _written else frozenset()
        self.modules = frozenset(sys.modules)
        self.path = list(sys.path)
        self.streams = sys.stdout, sys.stderr
        self.count = shell.execution_count
        self.inputs = len(history.input_hist_parsed), len(history.input_hist_raw)
        self.clean = True

    def restore(self, shell: Any) -> None:
        sys.stdout, sys.stderr = self.streams
        if shell.exit_now:
            raise RuntimeError("the task asked the kernel to exit")
        os.chdir(self.folder)
        _reset(os.environ, self.environ)
        sys.path[:] = self.path
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        self._forget_outputs(shell)
        if _written is not None:
            _written.restore(self.written, self.modules)
        _reset(shell.user_ns_hidden, self.hidden)
        _reset(shell.user_ns, self.names)
        shell.user_ns["_dh"][:] = self.visited
        gc.collect()

    def _forget_outputs(self, shell: Any) -> None:
        """Drop what IPython remembers of a task: results, inputs, the last exception."""
        shell.displayhook.flush()
        history = shell.history_manager
        del history.input_hist_parsed[self.inputs[0] :]
        del history.input_hist_raw[self.inputs[1] :]
        shell.execution_count = self.count
        shell.last_execution_result = None
        for holder, names in (
            (sys, ("last_exc", "last_type", "last_value", "last_traceback")),
            (shell, ("_last_traceback",)),
            (shell.InteractiveTB, ("tb", "etype", "evalue")),
        ):
            for name in names:
                if hasattr(holder, name):
                    setattr(holder, name, None)


def _reset(names: MutableMapping[str, Any], before: Mapping[str, Any]) -> None:
    for name in names.keys() - before.keys():
        del names[name]
    names.update(before)


_snapshot: _Snapshot | None = None
_written: Written | None = None


def prepare(folder: str, *, shell_errors: str, neighbours: str, colab: bool) -> None:
    """Prepare a new kernel: set its folder, and make it report failures reliably.

    `neighbours` is the folder with the frozen notebook, from which `%run` runs files. With `colab`,
    the kernel looks like Colab's where google.colab is installed.
    """
    global _written  # noqa: PLW0603 - as below
    shell: Any = get_ipython()
    own = Path.cwd() / "written"
    # IPython looks for modules in the current folder, where others write.
    sys.path[:] = [entry for entry in sys.path if entry not in ("", str(Path.cwd()))]
    os.chdir(folder)
    shell.user_ns["_dh"][:] = [folder]  # for `%cd -`
    _written = Written(own)
    extend(shell, _written, Path(neighbours))
    if colab:
        imitate_colab(shell)
    if hasattr(signal, "SIGTERM"):
        # The group gets SIGTERM: the running cell shows where it was; an idle kernel continues.
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    streams: tuple[Any, Any] = sys.stdout, sys.stderr
    for stream in streams:
        stream.close = stream.flush  # a closed stream would silence the kernel
    kernel = os.getpid()
    shell.events.register("post_execute", lambda: _after_cell(kernel, streams))
    shell.user_ns["exit"] = shell.user_ns["quit"] = _Exit()  # type: ignore[no-untyped-call]
    if shell_errors == "raise":
        _check_commands(shell)
    _shorten_tracebacks(shell)
    # Child processes draw into files; the kernel itself shows figures below the cell.
    os.environ["MPLBACKEND"] = "Agg"
    after_import("matplotlib", _draw_inline)


def remember() -> None:
    """Take the snapshot in which every task starts."""
    global _snapshot  # noqa: PLW0603 - a kernel has one state, and this is where it is
    _snapshot = _Snapshot(get_ipython())
    gc.freeze()  # later collections need not look at it


def begin(environ: Mapping[str, str]) -> None:
    """Begin a task; raise RuntimeError if the snapshot was not restored after the last one."""
    if _snapshot is not None and not _snapshot.clean:
        raise RuntimeError("the kernel was not restored")
    finish(0)  # a session of W&B that the cells above began does not see the task's variables
    os.environ.update(environ)


def finish(code: int) -> None:
    """End a task's W&B runs, so that their logs are complete; `code` is 1 if it failed."""
    if "wandb" in sys.modules:
        sys.modules["wandb"].finish(code)
        sys.modules["wandb"].teardown(code)


def restore() -> None:
    """Restore the snapshot."""
    assert _snapshot is not None
    _snapshot.clean = False
    _snapshot.restore(get_ipython())
    _snapshot.clean = True


def leave() -> NoReturn:
    """End the kernel after its exit handlers have run.

    ipykernel's own shutdown takes half a second, and sometimes its threads deadlock.
    """
    try:
        atexit._run_exitfuncs()  # noqa: SLF001 - there is no public way to run only these
    finally:
        os._exit(0)


def _after_cell(kernel: int, streams: tuple[Any, Any]) -> None:
    """Replace output streams that the cell has broken; end a child process that it forked.

    The kernel flushes sys.stdout, whatever it is, and reports the cell's end only if that works.
    A forked child would continue from here as a second kernel on the same connections.
    """
    if os.getpid() != kernel:
        os._exit(0)
    for name, stream in zip(("stdout", "stderr"), streams, strict=True):
        current: Any = getattr(sys, name, None)
        if current is stream:  # the kernel's own, which flushes itself
            continue
        try:
            current.flush()
        except Exception:  # noqa: BLE001 - it may be anything, such as None or a closed file
            setattr(sys, name, stream)


class _Exit(IPyAutocall):
    """Makes `exit` end the notebook, as sys.exit does; IPython's own would end the kernel."""

    rewrite = False

    def __call__(self, code: Any = None) -> NoReturn:
        raise SystemExit(code)


def _shorten_tracebacks(shell: Any) -> None:
    """Leave our own frames out of tracebacks."""
    formatter = shell.InteractiveTB
    structured = formatter.structured_traceback

    def without_ours(etype: Any, evalue: Any = None, *arguments: Any, **options: Any) -> Any:
        if isinstance(evalue, BaseException):
            leave_out_ours(evalue)
        return structured(etype, evalue, *arguments, **options)

    formatter.structured_traceback = without_ours


def _check_commands(shell: Any) -> None:
    """Make failing commands raise, as a failing %%bash does: `!command`, `x = !command`, %sx.

    This replaces the functions that the shell's methods call, not the methods themselves, because
    these look up the {variables} of a command in their caller.
    """
    below: Any = zmqshell  # for `!command`
    above: Any = interactiveshell  # for the other forms
    system = below.system

    def check(code: int, command: str) -> None:
        shell.user_ns["_exit_code"] = code
        if code:
            raise subprocess.CalledProcessError(code, command)

    def checked(command: str) -> int:
        code: int = system(command)
        check(code, command)
        return code

    def output(command: str) -> str:
        process = subprocess.run(  # noqa: S602 - as IPython does it, except for the exit code
            command,
            shell=True,
            executable=os.environ.get("SHELL") if os.name == "posix" else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if process.returncode:
            print(process.stdout, end="")  # which says why
        check(process.returncode, command)
        return process.stdout

    below.system, above.getoutput = checked, output


def _draw_inline(matplotlib: Any) -> None:
    if matplotlib.rcParams["backend"].lower() == "agg":  # unless the user chose another one
        matplotlib.rcParams["backend"] = _INLINE
