"""One IPython kernel: a process of this interpreter, in this process's group, and its messages.

Only the process that runs notebooks imports this: Jupyter is heavy.
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
    import ipykernel  # noqa: F401 - what is started; psutil comes with it
    import psutil  # type: ignore[import-untyped]
    from jupyter_client.asynchronous.client import AsyncKernelClient
    from jupyter_client.connect import write_connection_file
    from nbclient import NotebookClient
    from nbclient.exceptions import DeadKernelError
    from nbformat import NotebookNode
except ImportError as missing:
    raise TaskError(f"a notebook needs ipykernel ({missing}); run: pip install ipykernel") from None

_START = 120.0  # seconds that a kernel may take to start; a loaded machine needs many
_LOOK_EVERY = 1.0  # seconds between looks whether a kernel that does not answer lives
_LONGEST_PLACE = 90  # characters; the name of a socket may have hardly more than a hundred
_REPLY = 10.0  # seconds between a cell's end and its reply, after which the kernel is lost
_INSIDE = '__import__("colabctl.run.notebook.in_kernel", fromlist=["inside"])'

# What nbclient logs is told in better words by whoever calls it.
_LOG = logging.getLogger(__name__)
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


class KernelDied(Exception):  # noqa: N818 - it happens
    """The kernel has ended; `code` is its exit code, where it is known."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class KernelRefused(Exception):  # noqa: N818 - it is for others to say what it means
    """A kernel could not do what it was asked; the text says what it raised."""


class Raised(NamedTuple):
    """What a cell raised and nobody caught."""

    name: str
    text: str


class Kernel:
    """A kernel, from its start on; `ready` waits until it answers.

    It belongs to the group of the process that starts it and so ends with that one whatever
    happens; jupyter_client's own way would put it into a session of its own, where neither a
    signal to the group nor its end reaches it.

    scratch  where it has its folder; whoever gives it deletes that if the kernel is killed
    """

    def __init__(self, environ: Mapping[str, str], scratch: Path | None) -> None:
        # A short name, as it is in those of sockets.
        self._place = Path(tempfile.mkdtemp(prefix="colabctl-", dir=scratch))
        file = str(self._place / "kernel.json")
        # No ports that others could take or listen to, where there are sockets with names.
        named = os.name == "posix" and len(str(self._place)) < _LONGEST_PLACE
        write_connection_file(
            file,
            key=secrets.token_hex(16).encode(),
            transport="ipc" if named else "tcp",
            ip=str(self._place / "s") if named else "",
        )
        options = ("--HistoryManager.enabled=False", "--IPKernelApp.log_level=50")
        self.process = subprocess.Popen(  # noqa: S603 - the interpreter that runs this
            # -P and an empty current folder: nothing is imported from where others write.
            [sys.executable, "-P", "-m", "ipykernel_launcher", "-f", file, *options],
            cwd=self._place,
            env={
                **environ,
                "JPY_PARENT_PID": str(os.getpid()),  # should this process be killed all by itself
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a debugger's warning about nothing
            },
            stdin=subprocess.DEVNULL,
        )
        self._client = _Client(self.process)
        self._client.load_connection_file(file)

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    async def ready(self) -> None:
        """Wait until the kernel answers; raise KernelDied if it ends before, or takes too long."""
        self._client.start_channels(stdin=False, hb=False)
        until = time.monotonic() + _START
        while time.monotonic() < until:
            asked = self._client.kernel_info()
            if await self._replied(asked, within=_LOOK_EVERY) is None:
                continue
            with suppress(Empty):  # its answers come by two ways, and this one opens later
                await self._client.iopub_channel.get_msg(timeout=0.1)
                return
        raise KernelDied(None)

    async def ask(self, call: str) -> None:
        """Call a function of `in_kernel`; raise KernelRefused if that raises."""
        reply = None
        asked = self._send(call)
        while reply is None:
            reply = await self._replied(asked, within=_LOOK_EVERY)
        content = reply["content"]
        if content["status"] != "ok":
            raise KernelRefused(f"{content.get('ename')}: {content.get('evalue')}")

    def tell(self, call: str) -> None:
        """Have a function of colabctl.run.notebook.in_kernel called, and do not wait for it."""
        self._send(call)

    def _send(self, call: str) -> str:
        asked: str = self._client.execute(f"{_INSIDE}.{call}", silent=True, store_history=False)
        return asked

    async def _replied(self, asked: str, within: float) -> dict[str, Any] | None:
        """Return the reply to a message; None if it has not come within so many seconds."""
        until = time.monotonic() + within
        while (left := until - time.monotonic()) > 0:
            with suppress(Empty):
                reply: dict[str, Any] = await self._client.shell_channel.get_msg(timeout=left)
                if reply["parent_header"].get("msg_id") == asked:
                    return reply
        if not self.alive:
            raise KernelDied(self.process.returncode)
        return None

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the cell that runs; an idle kernel takes no notice."""
        if os.name != "posix":
            self.process.kill()  # SIGINT would reach every process of the console
        elif self.alive:
            self.process.send_signal(signal.SIGINT)

    def end(self, patience: float = 0.0) -> None:
        """End the kernel and all that it started; `patience` seconds are for what it has to do."""
        left: list[psutil.Process] = []
        with suppress(psutil.Error):
            left = psutil.Process(self.process.pid).children(recursive=True)
        if patience and self.alive:
            self.tell("leave()")
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        self.process.kill()
        self.process.wait()
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        self._client.stop_channels()
        self._client.context.destroy(linger=0)
        shutil.rmtree(self._place, ignore_errors=True)


class _Client(AsyncKernelClient):
    """A client that knows the process: whether a kernel lives is asked there, not by heartbeats."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        super().__init__()
        self._process = process

    async def _async_is_alive(self) -> bool:
        return self._process.poll() is None

    is_alive = _async_is_alive


class Cells(NotebookClient):
    """Runs cells of one document in a kernel, and keeps of their outputs what has room.

    most  characters of output that are kept of a cell
    echo  takes the outputs as text while they come
    conceal  replaces what must not be shown in a text
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
        self.kc = kernel._client  # noqa: SLF001 - the other half of this module
        self._kernel = kernel
        self._most = most
        self._echo = echo
        self._conceal = conceal
        self._outputs: Outputs | None = None
        self._raised: Raised | None = None
        self._overdue: asyncio.TimerHandle | None = None

    async def run(self, index: int) -> Raised | None:
        """Run a cell and return what it raised; raise KernelDied if the kernel ends meanwhile.

        An exception that is shown counts as raised, though the kernel may say that all is well:
        in older IPython, %%time and %%capture show it and swallow it.
        """
        cell = self.nb.cells[index]
        self._raised = self._outputs = self._overdue = None
        replies: list[Mapping[str, Any]] = []
        self.on_cell_executed = lambda **told: replies.append(told["execute_reply"]["content"])
        try:
            await self.async_execute_cell(cell, index)
        except DeadKernelError:
            raise KernelDied(self._kernel.process.poll()) from None
        finally:
            if self._overdue is not None:
                self._overdue.cancel()
            if self._outputs is not None:
                self._outputs.close()
        for reply in replies:
            if reply["status"] != "ok" and self._raised is None:
                said = self._conceal(reply.get("evalue", ""))
                self._raised = Raised(reply.get("ename", reply["status"]), said)
        if self._raised is None or self._raised.name == "SystemExit":
            return self._raised
        tolerated = "raises-exception" in cell.metadata.get("tags", ())
        return None if tolerated else self._raised

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        """Take note of an exception that is shown, and of the cell's end.

        A kernel whose output a cell has broken says that it is idle, but never replies.
        """
        kind, content = msg["msg_type"], concealed(msg["content"], self._conceal)
        if kind == "error":
            self._raised = Raised(content["ename"], content["evalue"])
        elif kind == "status" and content["execution_state"] == "idle":
            assert self.task_poll_for_reply is not None
            cancel = self.task_poll_for_reply.cancel
            self._overdue = asyncio.get_running_loop().call_later(_REPLY, cancel)
        return super().process_message({**msg, "content": content}, cell, cell_index)

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        """Keep an output and echo it."""
        output = super().output(outs, msg, display_id, cell_index)
        if output is not None:
            self._echo(_as_text(output))
            if self._outputs is None or not self._outputs.holds(outs):
                self._outputs = Outputs(outs, self._most)
            self._outputs.settle()
        return output


def _as_text(output: NotebookNode) -> str:
    match output.output_type:
        case "stream":
            return str(output.text)
        case "error":
            return "\n".join(output.traceback) + "\n"
    text = output.data.get("text/plain", "")
    return f"{text}\n" if text else ""
