"""What happens inside a kernel before, between and after the tasks; only kernels import this."""

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

from colabctl.run.startup.patches import after_import

_INLINE = "module://matplotlib_inline.backend_inline"


class _Kept:
    """What the cells above the parameters cell have left, to which every task comes.

    Restored are: which names there are and what each is bound to, the environment, the current
    folder, the path of imports, the numbers of cells. Not restored is what is changed in place:
    the contents of lists, frames and models, attributes of modules, options of libraries, the
    state of random generators, threads and processes that were left running.
    """

    def __init__(self, shell: Any) -> None:
        history = shell.history_manager
        self.names = dict(shell.user_ns)
        self.hidden = dict(shell.user_ns_hidden)  # results as well: _, _1, _2
        self.environ = dict(os.environ)
        self.folder = Path.cwd()
        self.path = list(sys.path)
        self.streams = sys.stdout, sys.stderr
        self.count = shell.execution_count
        self.inputs = len(history.input_hist_parsed), len(history.input_hist_raw)
        self.clean = True

    def restore(self, shell: Any) -> None:
        sys.stdout, sys.stderr = self.streams
        if shell.exit_now:
            raise RuntimeError("the task has told the kernel to end")
        os.chdir(self.folder)
        _set_back(os.environ, self.environ)
        sys.path[:] = self.path
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        self._forget_outputs(shell)
        _set_back(shell.user_ns_hidden, self.hidden)
        _set_back(shell.user_ns, self.names)
        gc.collect()

    def _forget_outputs(self, shell: Any) -> None:
        """Let go of what IPython remembers of the task: results, inputs, the last exception."""
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


def _set_back(names: MutableMapping[str, Any], before: Mapping[str, Any]) -> None:
    for name in names.keys() - before.keys():
        del names[name]
    names.update(before)


_kept: _Kept | None = None


def prepare(folder: str, *, shell_errors: str) -> None:
    """Make a new kernel ready: its folder, and that it says of itself how things went."""
    shell: Any = get_ipython()
    # IPython looks for modules in the current folder, where others write.
    sys.path[:] = [place for place in sys.path if place not in ("", str(Path.cwd()))]
    os.chdir(folder)
    if hasattr(signal, "SIGTERM"):
        # The group is told to end: the cell that runs says where it was, an idle kernel stays.
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    streams: tuple[Any, Any] = sys.stdout, sys.stderr
    for stream in streams:
        stream.close = stream.flush  # without it the kernel could say nothing any more
    kernel = os.getpid()
    shell.events.register("post_execute", lambda: _after_cell(kernel, streams))
    shell.user_ns["exit"] = shell.user_ns["quit"] = _Leave()  # type: ignore[no-untyped-call]
    if shell_errors == "raise":
        _check_commands(shell)
    # Children draw into files; the kernel itself shows figures below the cell.
    os.environ["MPLBACKEND"] = "Agg"
    after_import("matplotlib", _draw_inline)


def remember() -> None:
    """Take what there is now for what every task begins with."""
    global _kept  # noqa: PLW0603 - a kernel has one state, and this is the one place that holds it
    _kept = _Kept(get_ipython())
    gc.freeze()  # it stays: let no later collection look through it again


def begin(environ: Mapping[str, str]) -> None:
    """Let a task begin; raise RuntimeError if the one before could not be cleared away."""
    if _kept is not None and not _kept.clean:
        raise RuntimeError("the kernel was not restored")
    os.environ.update(environ)


def finish(code: int) -> None:
    """End the W&B runs of a task, so that their logs are whole; `code` is 1 if it failed."""
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown(code)


def restore() -> None:
    """Go back to what was remembered."""
    assert _kept is not None
    _kept.clean = False
    _kept.restore(get_ipython())
    _kept.clean = True


def leave() -> NoReturn:
    """End the kernel after what libraries have registered for the end of the process.

    ipykernel's own way down takes half a second, and now and then its threads wait for each other.
    """
    try:
        atexit._run_exitfuncs()  # noqa: SLF001 - nothing public runs just these
    finally:
        os._exit(0)


def _after_cell(kernel: int, streams: tuple[Any, Any]) -> None:
    """Put the kernel's output back if the cell has broken it; end what the cell has forked.

    The kernel flushes whatever sys.stdout is, and says how the cell ended only if that works. A
    child that comes here would go on as a second kernel on the same connections.
    """
    if os.getpid() != kernel:
        os._exit(0)
    for name, stream in zip(("stdout", "stderr"), streams, strict=True):
        try:
            getattr(sys, name).flush()
        except Exception:  # noqa: BLE001 - it may be anything, such as None or a closed file
            setattr(sys, name, stream)


class _Leave(IPyAutocall):
    """`exit` ends the notebook here, as sys.exit does; IPython's own would end the kernel."""

    rewrite = False

    def __call__(self, code: Any = None) -> NoReturn:
        raise SystemExit(code)


def _check_commands(shell: Any) -> None:
    """Let failing commands raise what a failing %%bash raises: `!command`, `x = !command`, %sx.

    What the shell's methods call is replaced, and not they themselves: they look for the
    {variables} of a command where they are called.
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
        ran = subprocess.run(  # noqa: S602 - as IPython does it, but for its exit code
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
        if ran.returncode:
            print(ran.stdout, end="")  # it says why
        check(ran.returncode, command)
        return ran.stdout

    below.system, above.getoutput = checked, output


def _draw_inline(matplotlib: Any) -> None:
    if matplotlib.rcParams["backend"].lower() == "agg":  # the user has not chosen another one
        matplotlib.rcParams["backend"] = _INLINE
