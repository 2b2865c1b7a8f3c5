"""Jupyter's client for a kernel; to import it takes as long as a kernel takes to start."""

import subprocess

from colabctl.run.failures.failure import TaskError

try:
    import ipykernel  # noqa: F401 - started as a module; psutil comes with it
    from jupyter_client.asynchronous.client import AsyncKernelClient
except ImportError as missing:
    raise TaskError(f"a notebook needs ipykernel ({missing}); run: pip install ipykernel") from None


class Client(AsyncKernelClient):
    """A client that checks the process, not heartbeats, to see whether the kernel is alive."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        super().__init__()
        self._process = process

    async def _async_is_alive(self) -> bool:
        return self._process.poll() is None

    is_alive = _async_is_alive
