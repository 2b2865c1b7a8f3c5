"""Limits the size of a running cell's outputs, of which it keeps the beginning and the end."""

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from colabctl.notebook import nodes

if TYPE_CHECKING:
    from nbformat import NotebookNode

_CHUNKS = 8  # text is kept or left out in chunks of this fraction of the size
_OVERHEAD = 100  # characters that an output takes in the file besides its content
_LONGEST_ERROR = 2000  # characters of an exception's message


class Outputs:
    """Shortens a list of outputs while they arrive, to `most` characters.

    The first outputs get half of them, the last ones the other half. To update displays, nbclient
    finds outputs by their position. So no output moves before `close`, and one that is left out
    becomes an empty text.
    """

    def __init__(self, outputs: "list[NotebookNode]", most: int) -> None:
        self._outputs = outputs
        self._half = max(most // 2, 1)
        self._chunk = max(most // _CHUNKS, 1)
        self._reset()

    def _reset(self) -> None:
        self._seen = 0  # number of outputs that have been handled
        self._newest: NotebookNode | None = None  # the last one of these
        self._first = 0  # characters of the first outputs
        self._last: deque[tuple[int, int]] = deque()  # indices and sizes of the last outputs
        self._last_size = 0
        self._left_out = 0  # characters
        self._gap = 0  # index of the output before which others are left out

    def shortens(self, outputs: "list[NotebookNode]") -> bool:
        """Return whether this is the list that it shortens."""
        return self._outputs is outputs

    def update(self) -> None:
        """Shorten the outputs that have arrived since the last call."""
        if self._seen and self._outputs[self._seen - 1 : self._seen] != [self._newest]:
            self._reset()  # the cell cleared its outputs
        arrived = self._outputs[self._seen :]
        del self._outputs[self._seen :]
        for output in arrived:
            if output.output_type == "stream":
                for start in range(0, len(output.text), self._chunk):
                    self._take_text(output, output.text[start : start + self._chunk])
            else:
                shortened = _shorten(output, self._half)
                self._take(output)
                if shortened:
                    self._left_out += shortened
                    self._gap = len(self._outputs) - 1
        self._seen = len(self._outputs)
        self._newest = self._outputs[-1] if self._outputs else None

    def close(self) -> None:
        """Add a note about the outputs that were left out, and join neighbouring texts."""
        self.update()
        outputs = list(self._outputs)
        if self._left_out:
            note = f"\n[{self._left_out:,} characters of output are left out]\n"
            outputs.insert(self._gap, nodes.stream("stderr", note))
        self._outputs.clear()
        for output in outputs:
            if output.output_type != "stream":
                self._outputs.append(output)
            elif before := self._continued_by(output):
                before.text = apply_carriage_returns(before.text + output.text)
            elif output.text:
                output.text = apply_carriage_returns(output.text)
                self._outputs.append(output)

    def _continued_by(self, output: "NotebookNode") -> "NotebookNode | None":
        """Return the last output if it is text of the same stream."""
        last = self._outputs[-1] if self._outputs else None
        stream = (output.output_type, output.get("name"))
        return last if last and (last.output_type, last.get("name")) == stream else None

    def _take_text(self, output: "NotebookNode", text: str) -> None:
        before = self._continued_by(output)
        if before and before.text:
            joined = apply_carriage_returns(before.text + text)
            more = len(joined) - len(before.text)
            if len(joined) <= self._chunk and (self._last or self._first + more <= self._half):
                self._grow(more)
                before.text = joined
                return
        self._take(nodes.stream(output.name, text))

    def _grow(self, more: int) -> None:
        """Count characters that the newest output gained, or lost to a carriage return."""
        if self._last:
            index, size = self._last.pop()
            self._last.append((index, size + more))
            self._last_size += more
            self._make_room()
        else:
            self._first += more

    def _take(self, output: "NotebookNode") -> None:
        self._outputs.append(output)
        size = _size(output)
        if not self._last and self._first + size <= self._half:
            self._first += size
            return
        self._last.append((len(self._outputs) - 1, size))
        self._last_size += size
        self._make_room()

    def _make_room(self) -> None:
        while self._last_size > self._half and len(self._last) > 1:
            index, size = self._last.popleft()
            self._last_size -= size
            self._left_out += size
            self._outputs[index] = nodes.stream("stdout", "")
            self._gap = index + 1


def apply_carriage_returns(text: str) -> str:
    """Return a text as a terminal shows it, where a carriage return overwrites its line.

    So a progress bar that rewrites its line a thousand times takes one line. A carriage return at
    the end of the text stays, because it applies to the text that follows.
    """
    if "\r" not in text:
        return text
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join(lines) + "\r" * text.endswith("\r")


def _size(output: "NotebookNode") -> int:
    match output.output_type:
        case "stream":
            return len(output.text)
        case "error":
            return _OVERHEAD + len(output.evalue) + sum(map(len, output.traceback))
    return _OVERHEAD + sum(map(_length, output.data.values()))


def _length(part: Any) -> int:
    return len(part) if isinstance(part, str) else len(json.dumps(part, default=str))


def _shorten(output: "NotebookNode", most: int) -> int:
    """Shorten an output that is too large by itself; return the number of characters removed."""
    before = _size(output)
    if before <= most:
        return 0
    if output.output_type == "error":
        output.evalue = output.evalue[: min(_LONGEST_ERROR, most // 2)]
        trace: list[str] = []
        left = most - _OVERHEAD - len(output.evalue)
        for part in reversed(output.traceback):  # its end says the most
            if len(part) > left:
                trace.append(part[len(part) - left :] if left > 0 else "")
                break
            trace.append(part)
            left -= len(part)
        output.traceback = trace[::-1]
    else:  # a plot may be too large while its text form is not
        for kind in sorted(output.data, key=lambda kind: _length(output.data[kind]), reverse=True):
            if sum(map(_length, output.data.values())) > most:
                del output.data[kind]
        if not output.data:
            output.data["text/plain"] = "[too large to keep]"
    return max(before - _size(output), 0)
