"""One IPython kernel: a process of this interpreter, in this process's group, and its messages.

Only the process that runs notebooks imports this file, because Jupyter is slow to import.
"""

import asyncio
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any, NamedTuple

from colabctl.notebook.outputs import Outputs
from colabctl.run.failure import TaskError
from colabctl.run.redaction import concealed

try:
    import ipykernel  # noqa: F401 - started as a module; psutil comes with it
    import psutil  # type: ignore[import-untyped]
    from jupyter_client.asynchronous.client import AsyncKernelClient
    from jupyter_client.connect import write_connection_file
    from nbclient import NotebookClient
    from nbclient.exceptions import DeadKernelError
    from nbformat import NotebookNode
except ImportError as missing:
    raise TaskError(f"a notebook needs ipykernel ({missing}); run: pip install ipykernel") from None

_START = 120.0  # seconds that a kernel may take to start, which is slow on a busy machine
_CHECK_ALIVE = 1.0  # seconds between checks whether a kernel that does not answer is alive
_LONGEST_PATH = 90  # characters; the limit for a socket's name is a little above a hundred
_REPLY = 10.0  # seconds from a cell's end until its reply; without one, the kernel is lost
_IN_KERNEL = '__import__("colabctl.run.notebook.in_kernel", fromlist=["in_kernel"])'

# nbclient's log messages say less than this module's errors.
_LOG = logging.getLogger(__name__)
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


class KernelDied(Exception):  # noqa: N818 - an event
    """The kernel has ended; `code` is its exit code, None if it does not answer."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class KernelCallFailed(Exception):  # noqa: N818 - an event
    """A function of `in_kernel` raised; the message says what."""


class CellError(NamedTuple):
    """An exception that ended a cell."""

    name: str
    text: str


class Kernel:
    """A kernel that is starting or running; `ready` waits until it answers.

    It belongs to the process group of the process that starts it, and so always ends with it.
    jupyter_client would start it in a new session, which the group's signals do not reach.

    Its folder is in `scratch`, which the caller deletes, because the kernel may be killed.
    """

    def __init__(self, environ: Mapping[str, str], scratch: Path | None) -> None:
        # A short name, because it is part of the sockets' names.
        self._folder = Path(tempfile.mkdtemp(prefix="colabctl-", dir=scratch))
        file = str(self._folder / "kernel.json")
        # Named sockets where possible: another process could take a port, or connect to it.
        named = os.name == "posix" and len(str(self._folder)) < _LONGEST_PATH
        write_connection_file(
            file,
            key=secrets.token_hex(16).encode(),
            transport="ipc" if named else "tcp",
            ip=str(self._folder / "s") if named else "",
        )
        options = ("--HistoryManager.enabled=False", "--IPKernelApp.log_level=50")
        self.process = subprocess.Popen(  # noqa: S603 - the interpreter that runs this
            # -P and an empty current folder: no imports from where others write.
            [sys.executable, "-P", "-m", "ipykernel_launcher", "-f", file, *options],
            cwd=self._folder,
            env={
                **environ,
                "JPY_PARENT_PID": str(os.getpid()),  # in case only this process is killed
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # silences a debugger's warning
            },
            stdin=subprocess.DEVNULL,
        )
        self.client = _Client(self.process)
        self.client.load_connection_file(file)

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self.process.poll() is None

    async def ready(self) -> None:
        """Wait until the kernel answers; raise KernelDied if it ends or takes too long."""
        self.client.start_channels(stdin=False, hb=False)
        until = time.monotonic() + _START
        while time.monotonic() < until:
            request = self.client.kernel_info()
            if await self._reply(request, within=_CHECK_ALIVE) is None:
                continue
            with suppress(Empty):  # answers come on two channels, and this one opens later
                await self.client.iopub_channel.get_msg(timeout=0.1)
                return
        raise KernelDied(None)

    async def call(self, code: str) -> None:
        """Call a function of `in_kernel` and wait; raise KernelCallFailed if it raises."""
        reply = None
        request = self._execute(code)
        while reply is None:
            reply = await self._reply(request, within=_CHECK_ALIVE)
        content = reply["content"]
        if content["status"] != "ok":
            raise KernelCallFailed(f"{content.get('ename')}: {content.get('evalue')}")

    def post(self, code: str) -> None:
        """Call a function of `in_kernel` without waiting for it."""
        self._execute(code)

    def _execute(self, code: str) -> str:
        request: str = self.client.execute(f"{_IN_KERNEL}.{code}", silent=True, store_history=False)
        return request

    async def _reply(self, request: str, within: float) -> dict[str, Any] | None:
        """Return the reply to a request; None if there is none within this many seconds."""
        until = time.monotonic() + within
        while (left := until - time.monotonic()) > 0:
            with suppress(Empty):
                reply: dict[str, Any] = await self.client.shell_channel.get_msg(timeout=left)
                if reply["parent_header"].get("msg_id") == request:
                    return reply
        if not self.alive:
            raise KernelDied(self.process.returncode)
        return None

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the running cell; an idle kernel ignores it."""
        if os.name != "posix":
            self.process.kill()  # SIGINT would reach every process of the console
        elif self.alive:
            self.process.send_signal(signal.SIGINT)

    def end(self, patience: float = 0.0) -> None:
        """End the kernel and everything it started, after `patience` seconds for exit handlers."""
        children: list[psutil.Process] = []
        with suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children(recursive=True)
        if patience and self.alive:
            self.post("leave()")
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        self.process.kill()
        self.process.wait()
        for child in children:
            with suppress(psutil.Error):
                child.kill()
        self.client.stop_channels()
        self.client.context.destroy(linger=0)
        shutil.rmtree(self._folder, ignore_errors=True)


class _Client(AsyncKernelClient):
    """A client that checks the process, not heartbeats, to see whether the kernel is alive."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        super().__init__()
        self._process = process

    async def _async_is_alive(self) -> bool:
        return self._process.poll() is None

    is_alive = _async_is_alive


class Cells(NotebookClient):
    """Runs a document's cells in a kernel and keeps their outputs, up to a limit.

    Args:
        node: the document.
        kernel: the kernel.
        most: characters of output to keep of each cell.
        echo: called with each output as text, when it arrives.
        conceal: replaces secrets in a text.
    """

    def __init__(
        self,
        node: NotebookNode,
        kernel: Kernel,
        most: int,
        echo: Callable[[str], object],
        conceal: Callable[[str], str] = str,
    ) -> None:
        super().__init__(node, allow_errors=True, log=_LOG)
        self.kc = kernel.client
        self._kernel = kernel
        self._most = most
        self._echo = echo
        self._conceal = conceal
        self._outputs: Outputs | None = None
        self._error: CellError | None = None
        self._deadline: asyncio.TimerHandle | None = None

    async def run(self, index: int) -> CellError | None:
        """Run a cell and return its error, if any; raise KernelDied if the kernel ends.

        A displayed exception counts as an error even if the kernel reports success: in older
        IPython, %%time and %%capture display it and continue.
        """
        cell = self.nb.cells[index]
        self._error = self._outputs = self._deadline = None
        replies: list[Mapping[str, Any]] = []
        self.on_cell_executed = lambda **event: replies.append(event["execute_reply"]["content"])
        try:
            await self.async_execute_cell(cell, index)
        except DeadKernelError:
            raise KernelDied(self._kernel.process.poll()) from None
        finally:
            if self._deadline is not None:
                self._deadline.cancel()
            if self._outputs is not None:
                self._outputs.close()
        for reply in replies:
            if reply["status"] != "ok" and self._error is None:
                text = self._conceal(reply.get("evalue", ""))
                self._error = CellError(reply.get("ename", reply["status"]), text)
        if self._error is None or self._error.name == "SystemExit":
            return self._error
        tolerated = "raises-exception" in cell.metadata.get("tags", ())
        return None if tolerated else self._error

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        """Note displayed exceptions, and the end of the cell.

        A kernel whose output streams a cell has broken reports that it is idle, but never replies.
        """
        kind, content = msg["msg_type"], concealed(msg["content"], self._conceal)
        if kind == "error":
            self._error = CellError(content["ename"], content["evalue"])
        elif kind == "status" and content["execution_state"] == "idle":
            assert self.task_poll_for_reply is not None
            cancel = self.task_poll_for_reply.cancel
            self._deadline = asyncio.get_running_loop().call_later(_REPLY, cancel)
        return super().process_message({**msg, "content": content}, cell, cell_index)

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        """Keep an output and echo it."""
        output = super().output(outs, msg, display_id, cell_index)
        if output is not None:
            self._echo(_as_text(output))
            if self._outputs is None or not self._outputs.shortens(outs):
                self._outputs = Outputs(outs, self._most)
            self._outputs.update()
        return output


def _as_text(output: NotebookNode) -> str:
    match output.output_type:
        case "stream":
            return str(output.text)
        case "error":
            return "\n".join(output.traceback) + "\n"
    text = output.data.get("text/plain", "")
    return f"{text}\n" if text else ""
