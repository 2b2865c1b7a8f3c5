"""Messages between a worker and its process arrive as they were sent; anything else is refused."""

from typing import Any

import pytest

from colabctl.run.messages import (
    Answer,
    Assign,
    Broken,
    Done,
    Failed,
    Message,
    Pruned,
    Ready,
    Report,
    Suggestion,
    decode,
    encode,
)
from colabctl.task import Assignment

METRICS: dict[str, Any] = {"loss": 0.5, "name": "é\n", "parts": [1, None, {"a": True}]}
TASK = Assignment(
    "s", "t000003", 3, 2, {"lr": 1e-3}, "runs/3", earlier=("runs/1", "runs/2"), study={"seed": 1}
)


@pytest.mark.parametrize(
    "message",
    [
        Ready(),
        Broken("SyntaxError: bad", "line one\nline two"),
        Report(3, 1.5, METRICS),
        Report(3, None, METRICS),
        Suggestion(3, "depth", 4, {"name": "IntDistribution", "attributes": {"low": 1}}),
        Done(3, 0.25, METRICS),
        Done(3, 0.25, {}, {"note": "x"}),
        Pruned(3, 0.25, METRICS, {"note": "x"}),
        Failed(3, 0.25, "ValueError: bad", "output", {"note": "x"}),
        Assign((TASK, Assignment("s", "t000004", 4, 1, {}, ""))),
        Assign(()),
        Answer(3, stop=True),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_arrives_as_it_was_sent_in_one_line(message: Message) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == message


@pytest.mark.parametrize(
    "line",
    [b"", b"not json\n", b"\xff\n", b"[1]\n", b"{}\n", b'{"type": "Nothing"}\n', b'{"type": []}\n',
     b'{"type": "Done"}\n', b'{"type": "Ready", "more": 1}\n', b'{"type": "Assign"}\n',
     b'{"type": "Assign", "assignments": [{"task": 1}]}\n'],
)  # fmt: skip
def test_a_line_that_holds_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="is not a message"):
        decode(line)
