"""A notebook as it was saved: all of its cells, with their outputs and metadata."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from colabctl.errors import UserError
from colabctl.notebook.document import CellKind, parse

_IDS_SINCE = 5  # the minor version of format 4 in which cells have ids
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SAVE_AGAIN = "open it in Jupyter or Colab and save it"


@dataclass(frozen=True)
class SavedCell:
    """A cell of a saved notebook.

    Attributes:
        kind: code, markdown or raw.
        source: its text.
        tags: its tags.
        id: its id; "" if it has none.
        attachments: pictures in its text, by name.
        outputs: its outputs, as in the file.
        count: its execution count.
        metadata: all of its metadata, tags included.
        key: what a person sees of a cell before it runs. Cells with one key are the same.
    """

    kind: CellKind
    source: str
    tags: tuple[str, ...] = ()
    id: str = ""
    attachments: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sequence[Mapping[str, Any]] = ()
    count: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    key: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pictures = json.dumps(self.attachments, sort_keys=True) if self.attachments else ""
        source = self.source.replace("\r\n", "\n").rstrip("\n")
        object.__setattr__(self, "key", (self.kind, source, pictures, *sorted(self.tags)))

    @property
    def identity(self) -> str:
        """The id by which an editor knows the cell; Colab keeps it in the metadata."""
        own = self.metadata.get("id")
        return self.id or (own if isinstance(own, str) else "")

    @property
    def lines(self) -> list[str]:
        """The lines of its text."""
        return self.key[1].split("\n") if self.key[1] else []


@dataclass(frozen=True)
class SavedNotebook:
    """A saved notebook of format 4; `minor` is the format's minor version."""

    name: str
    cells: tuple[SavedCell, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    minor: int = _IDS_SINCE


def read_saved(content: bytes, name: str) -> SavedNotebook:
    """Read a notebook's file of any format; formats before 4 are converted.

    What a notebook may do without, such as metadata or ids, may be missing or damaged. Raises
    UserError, with the `name`, for a file that is not a notebook.
    """
    parts = parse(content, name)
    if parts.get("worksheets") is not None and "cells" not in parts:
        parts = _converted(content, name)
    cells = parts.get("cells")
    if not isinstance(cells, list):
        raise UserError(f"{name} is not a notebook: it has no cells; {_SAVE_AGAIN}")
    try:
        saved = tuple(_cell(number, each) for number, each in enumerate(cells, 1))
    except ValueError as error:
        raise UserError(f"{name} is a damaged notebook ({error}); {_SAVE_AGAIN}") from None
    minor = parts.get("nbformat_minor")
    return SavedNotebook(
        name,
        saved,
        _mapping(parts.get("metadata")),
        minor if isinstance(minor, int) and 0 <= minor <= _IDS_SINCE else _IDS_SINCE,
    )


def write_saved(notebook: SavedNotebook) -> bytes:
    """Return a notebook's file; each cell gets an id of its own where the format has them.

    Raises UserError for a notebook that is not valid, with the reason.
    """
    import nbformat  # noqa: PLC0415 - slow, and only needed here

    has_ids = notebook.minor >= _IDS_SINCE
    parts = {
        "cells": [_parts(cell) for cell in _distinct(notebook.cells, has_ids=has_ids)],
        "metadata": dict(notebook.metadata),
        "nbformat": 4,
        "nbformat_minor": notebook.minor,
    }
    try:
        nbformat.validate(parts)
    except nbformat.ValidationError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{notebook.name} would not be a valid notebook ({reason}); open the notebooks in "
            "Jupyter or Colab, save them, and try again"
        ) from None
    text = json.dumps(parts, indent=1, ensure_ascii=False)
    return f"{text}\n".encode(errors="backslashreplace")  # a lone surrogate, as JSON escapes it


def _converted(content: bytes, name: str) -> dict[str, Any]:
    import nbformat  # noqa: PLC0415 - slow, and only needed here

    try:
        node = nbformat.reads(content.decode("utf-8-sig"), as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - it raises what it meets in a damaged file
        raise UserError(f"{name} is a damaged notebook ({error}); {_SAVE_AGAIN}") from None
    return dict(json.loads(json.dumps(node)))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    """Return a text that may be saved as a list of its lines; None if it is neither."""
    lines = value if isinstance(value, list) else [value]
    return "".join(lines) if all(isinstance(line, str) for line in lines) else None


def _cell(number: int, value: Any) -> SavedCell:
    parts = _mapping(value)
    named, text = parts.get("cell_type"), _text(parts.get("source", ""))
    if not isinstance(named, str):
        raise ValueError(f"cell {number} has no cell_type")  # noqa: TRY004 - the file is wrong
    if text is None:
        raise ValueError(f"the source of cell {number} is not text")
    kind: CellKind = "code" if named == "code" else "markdown" if named == "markdown" else "raw"
    metadata = _mapping(parts.get("metadata"))
    tags = metadata.get("tags")
    names = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    id_, count, outputs = parts.get("id"), parts.get("execution_count"), parts.get("outputs")
    return SavedCell(
        kind=kind,
        source=text,
        tags=tuple(dict.fromkeys(names)),
        id=id_ if isinstance(id_, str) else "",
        attachments={} if kind == "code" else _mapping(parts.get("attachments")),
        outputs=tuple(
            output
            for output in (outputs if kind == "code" and isinstance(outputs, list) else ())
            if isinstance(output, dict)
        ),
        count=count if kind == "code" and isinstance(count, int) else None,
        metadata=metadata,
    )


def _parts(cell: SavedCell) -> dict[str, Any]:
    parts: dict[str, Any] = {"cell_type": cell.kind}
    if cell.id:
        parts["id"] = cell.id
    parts["metadata"] = dict(cell.metadata)
    if cell.attachments:
        parts["attachments"] = dict(cell.attachments)
    if cell.kind == "code":
        parts |= {"execution_count": cell.count, "outputs": list(cell.outputs)}
    return {**parts, "source": cell.source.splitlines(keepends=True)}


def _distinct(cells: Iterable[SavedCell], *, has_ids: bool) -> list[SavedCell]:
    """Return the cells without ids that repeat an earlier one, or that the format does not allow.

    Colab's own id, in the metadata, is dropped where it repeats: Colab then gives a new one.
    """
    distinct: list[SavedCell] = []
    used: set[str] = set()
    colab: set[str] = set()
    for number, cell in enumerate(cells, 1):
        own = cell.metadata.get("id")
        metadata = cell.metadata
        if isinstance(own, str) and own in colab:
            metadata = {name: value for name, value in metadata.items() if name != "id"}
        elif isinstance(own, str):
            colab.add(own)
        id_ = ""
        if has_ids:
            wanted = cell.identity if _ID.fullmatch(cell.identity) else f"cell-{number}"
            id_, again = wanted, 2
            while id_ in used:
                id_, again = f"{wanted[:56]}-{again}", again + 1
            used.add(id_)
        distinct.append(replace(cell, id=id_, metadata=metadata))
    return distinct
