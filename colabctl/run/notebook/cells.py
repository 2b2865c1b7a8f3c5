"""Runs the cells of a document in a kernel, and keeps their outputs."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from colabctl.notebook.outputs import Outputs
from colabctl.run.notebook.kernel import CellError, Kernel, KernelDied
from colabctl.run.redaction import concealed

_REPLY = 10.0  # seconds from a cell's end until its reply; without one, the kernel is lost

# nbclient's log messages say less than this module's errors.
_LOG = logging.getLogger(__name__)
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


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
