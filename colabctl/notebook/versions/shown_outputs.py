"""Describes a cell's outputs in a few words, or as lines of text."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from colabctl.notebook.outputs import apply_carriage_returns

Outputs = Sequence[Mapping[str, Any]]

# Colours and other commands to a terminal (ECMA-48: control sequences, and strings such as titles).
_ESCAPES = re.compile(
    r"\x1b(\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(\x07|\x1b\\|$)|[ -/]*[0-~])", re.DOTALL
)
_UNITS = ((1 << 20, "MB"), (1 << 10, "kB"))


def same_outputs(first: Outputs, second: Outputs) -> bool:
    """Whether two cells show the same, whatever their execution counts."""
    return _shown(first) == _shown(second)


def summary(outputs: Outputs) -> str:
    """Return outputs in a few words, such as "3 lines of text, 1 image/png (45 kB)"."""
    lines = sum(len(_text(each).splitlines()) for each in outputs if not _pictures(each))
    parts = [f"{lines:,} {'line' if lines == 1 else 'lines'} of text"] if lines else []
    for output in outputs:
        parts += [f"1 {kind} ({_size(data)})" for kind, data in _pictures(output)[:1]]
        if output.get("output_type") == "error":
            parts.append(f"error {_plain(output.get('ename')) or 'without a name'}")
    shown = ", ".join(parts[:4]) + (f" and {len(parts) - 4} more" if len(parts) > 4 else "")
    return shown or "none"


def output_lines(outputs: Outputs) -> list[str]:
    """Return outputs as lines of text, without escape codes; a picture is one line."""
    lines: list[str] = []
    for output in outputs:
        lines += _text(output).splitlines()
        for kind, data in _pictures(output):
            digest = hashlib.sha256(data.encode(errors="replace")).hexdigest()
            lines.append(f"[{kind}, {_size(data)}, SHA-256 {digest[:12]}]")
    return lines


def _shown(outputs: Outputs) -> list[dict[str, Any]]:
    # Two adjacent texts of a stream show the same as one.
    shown: list[dict[str, Any]] = []
    for output in outputs:
        parts = {k: v for k, v in output.items() if k not in ("execution_count", "metadata")}
        data = parts.get("data")
        if isinstance(data, Mapping):
            parts["data"] = {kind: _joined(value) for kind, value in data.items()}
        if "text" in parts:
            parts["text"] = _joined(parts["text"])
        last = shown[-1] if shown else {}
        is_stream = parts.get("output_type") == last.get("output_type") == "stream"
        if is_stream and parts.get("name") == last.get("name"):
            last["text"] = f"{last.get('text')}{parts.get('text')}"
        else:
            shown.append(parts)
    return shown


def _text(output: Mapping[str, Any]) -> str:
    if output.get("output_type") == "error":
        trace = output.get("traceback")
        text = "\n".join(map(str, trace)) if isinstance(trace, list) else ""
        return _ESCAPES.sub("", text or f"{output.get('ename')}: {output.get('evalue')}")
    data = output.get("data")
    shown = data.get("text/plain") if isinstance(data, Mapping) else output.get("text")
    return apply_carriage_returns(_ESCAPES.sub("", _joined(shown))).rstrip("\r")


def _pictures(output: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the data that is not plain text, each with its type."""
    data = output.get("data")
    return [
        (_plain(kind), _joined(value))
        for kind, value in (data.items() if isinstance(data, Mapping) else ())
        if kind != "text/plain"
    ]


def _joined(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, sort_keys=True)


def _plain(value: Any) -> str:
    return value[:60] if isinstance(value, str) else ""


def _size(data: str) -> str:
    for unit, name in _UNITS:
        if len(data) >= unit:
            return f"{len(data) / unit:.0f} {name}"
    return f"{len(data)} bytes"
