"""Holds the outputs of one running cell to a size: the beginning and the end are kept."""

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from colabctl.notebook import nodes

if TYPE_CHECKING:
    from nbformat import NotebookNode

_CHUNKS = 8  # the part of the size in which text is taken and left out
_AROUND = 100  # characters that an output takes in the file beside what it holds
_LONGEST_ERROR = 2000  # characters of what an exception says


class Outputs:
    """What is kept of a cell's outputs while they arrive.

    Half of `most` characters is for the first ones, half for the last ones. nbclient remembers
    outputs by their place, to update displays: so until `close` nothing moves, and what is left
    out leaves an empty text in its place.
    """

    def __init__(self, kept: "list[NotebookNode]", most: int) -> None:
        self._kept = kept
        self._half = max(most // 2, 1)
        self._chunk = max(most // _CHUNKS, 1)
        self._forget()

    def _forget(self) -> None:
        self._seen = 0  # outputs that were looked at, and the newest of them
        self._newest: NotebookNode | None = None
        self._first = 0  # characters of the first ones
        self._last: deque[tuple[int, int]] = deque()  # places and sizes of the last ones
        self._last_size = 0
        self._left_out = 0  # characters
        self._gap = 0  # the place before which something is left out

    def holds(self, outputs: "list[NotebookNode]") -> bool:
        """Tell whether it is these outputs that it looks at."""
        return self._kept is outputs

    def settle(self) -> None:
        """Look at what has arrived since the last time."""
        if self._seen and self._kept[self._seen - 1 : self._seen] != [self._newest]:
            self._forget()  # cleared in between
        arrived = self._kept[self._seen :]
        del self._kept[self._seen :]
        for output in arrived:
            if output.output_type == "stream":
                for start in range(0, len(output.text), self._chunk):
                    self._take_text(output, output.text[start : start + self._chunk])
            else:
                shortened = _shorten(output, self._half)
                self._take(output)
                if shortened:
                    self._left_out += shortened
                    self._gap = len(self._kept) - 1
        self._seen = len(self._kept)
        self._newest = self._kept[-1] if self._kept else None

    def close(self) -> None:
        """Say what was left out, and join texts that belong together."""
        self.settle()
        outputs = list(self._kept)
        if self._left_out:
            note = f"\n[{self._left_out:,} characters of output are left out]\n"
            outputs.insert(self._gap, nodes.stream("stderr", note))
        self._kept.clear()
        for output in outputs:
            before = self._kept[-1] if self._kept else None
            if output.output_type != "stream":
                self._kept.append(output)
            elif before is not None and _joins(before, output):
                before.text = rewritten(before.text + output.text)
            elif output.text:
                output.text = rewritten(output.text)
                self._kept.append(output)

    def _take_text(self, output: "NotebookNode", text: str) -> None:
        before = self._kept[-1] if self._kept else None
        if before is not None and _joins(before, output) and before.text:
            joined = rewritten(before.text + text)
            more = len(joined) - len(before.text)
            if len(joined) <= self._chunk and (self._last or self._first + more <= self._half):
                self._grow(more)
                before.text = joined
                return
        self._take(nodes.stream(output.name, text))

    def _grow(self, more: int) -> None:
        """Count what the newest output has gained, or lost where a line was rewritten."""
        if self._last:
            place, size = self._last.pop()
            self._last.append((place, size + more))
            self._last_size += more
            self._make_room()
        else:
            self._first += more

    def _take(self, output: "NotebookNode") -> None:
        self._kept.append(output)
        size = _size(output)
        if not self._last and self._first + size <= self._half:
            self._first += size
            return
        self._last.append((len(self._kept) - 1, size))
        self._last_size += size
        self._make_room()

    def _make_room(self) -> None:
        while self._last_size > self._half and len(self._last) > 1:
            place, size = self._last.popleft()
            self._last_size -= size
            self._left_out += size
            self._kept[place] = nodes.stream("stdout", "")
            self._gap = place + 1


def rewritten(text: str) -> str:
    """Return a text as a terminal would show it: a carriage return rewrites its line.

    A progress bar, which rewrites its line a thousand times, is worth one line.
    """
    if "\r" not in text:
        return text
    text = text.replace("\r\n", "\n")
    lines = [line.rstrip("\r").rpartition("\r")[2] + "\r" * line.endswith("\r")
             for line in text.split("\n")]  # fmt: skip
    return "\n".join(lines)


def _joins(before: "NotebookNode", output: "NotebookNode") -> bool:
    return bool(before.output_type == output.output_type == "stream" and before.name == output.name)


def _size(output: "NotebookNode") -> int:
    match output.output_type:
        case "stream":
            return len(output.text)
        case "error":
            return _AROUND + len(output.evalue) + sum(map(len, output.traceback))
    return _AROUND + sum(map(_length, output.data.values()))


def _length(part: Any) -> int:
    return len(part) if isinstance(part, str) else len(json.dumps(part, default=str))


def _shorten(output: "NotebookNode", most: int) -> int:
    """Shorten an output that is too large by itself; return how many characters went."""
    before = _size(output)
    if before <= most:
        return 0
    if output.output_type == "error":
        output.evalue = output.evalue[: min(_LONGEST_ERROR, most // 2)]
        trace: list[str] = []
        left = most - _AROUND - len(output.evalue)
        for part in reversed(output.traceback):  # its end says most
            if len(part) > left:
                trace.append(part[len(part) - left :] if left > 0 else "")
                break
            trace.append(part)
            left -= len(part)
        output.traceback = trace[::-1]
    else:  # a plot may be too large where the text beside it is not
        for kind in sorted(output.data, key=lambda kind: _length(output.data[kind]), reverse=True):
            if sum(map(_length, output.data.values())) > most:
                del output.data[kind]
        if not output.data:
            output.data["text/plain"] = "[too large to be kept]"
    return max(before - _size(output), 0)
