"""One IPython kernel: a process of this interpreter, in this process's group, and its messages.

Jupyter's client is slow to import. It is imported while the kernel starts.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from colabctl.run.notebook.client import Client

_START = 120.0  # seconds that a kernel may take to start, which is slow on a busy machine
_CHECK_ALIVE = 1.0  # seconds between checks whether a kernel that does not answer is alive
_LONGEST_PATH = 90  # characters; the limit for a socket's name is a little above a hundred
_IN_KERNEL = '__import__("colabctl.run.notebook.in_kernel", fromlist=["in_kernel"])'


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
        self._connection = self._folder / "kernel.json"
        _write_connection(self._connection)
        options = ("--HistoryManager.enabled=False", "--IPKernelApp.log_level=50")
        module = (sys.executable, "-P", "-m", "colabctl.run.notebook.kernel_process")
        self.process = subprocess.Popen(  # noqa: S603 - the interpreter that runs this
            # -P and an empty current folder: no imports from where others write.
            [*module, "-f", str(self._connection), *options],
            cwd=self._folder,
            env={
                **environ,
                "JPY_PARENT_PID": str(os.getpid()),  # in case only this process is killed
            },
            stdin=subprocess.DEVNULL,
        )
        self._client: Client | None = None

    @property
    def client(self) -> "Client":
        """Jupyter's client for this kernel."""
        if self._client is None:
            from colabctl.run.notebook.client import Client  # noqa: PLC0415 - slow, see above

            self._client = Client(self.process)
            self._client.load_connection_file(str(self._connection))
        return self._client

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
        import psutil  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with ipykernel

        children: list[psutil.Process] = []
        with suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children(recursive=True)
        if patience and self.alive and self._client is not None:
            self.post("leave()")
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        self.process.kill()
        self.process.wait()
        for child in children:
            with suppress(psutil.Error):
                child.kill()
        if self._client is not None:
            self._client.stop_channels()
            self._client.context.destroy(linger=0)
        shutil.rmtree(self._folder, ignore_errors=True)


def _write_connection(file: Path) -> None:
    """Write what a kernel and its client need to connect; only this user may read it."""
    # Named sockets where possible: another process could take a port, or connect to it.
    if os.name == "posix" and len(str(file.parent)) < _LONGEST_PATH:
        names = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
        connection = {
            "transport": "ipc",
            "ip": str(file.parent / "s"),
            **{name: number for number, name in enumerate(names, 1)},
            "key": secrets.token_hex(16),
            "signature_scheme": "hmac-sha256",
        }
        file.touch(0o600)
        file.write_text(json.dumps(connection), encoding="utf-8")
        return
    from jupyter_client.connect import write_connection_file  # noqa: PLC0415 - finds free ports

    write_connection_file(str(file), key=secrets.token_hex(16).encode())
