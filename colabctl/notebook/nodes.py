"""Makes the nodes that notebooks consist of, by nbformat, which is imported when first needed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode


def notebook(text: str) -> "NotebookNode":
    """Return the notebook of format 4 that a file holds, as format 4.5: its cells have names.

    Raises ValueError, with one line, if it is none.
    """
    import nbformat  # noqa: PLC0415 - see above
    from nbformat.validator import normalize  # noqa: PLC0415

    try:
        node = nbformat.reader.reads(text)  # type: ignore[no-untyped-call]
        minor = node.get("nbformat_minor", 0)
        if minor < 5:
            node = nbformat.v4.upgrade(node, from_version=4, from_minor=minor)  # type: ignore[no-untyped-call]
        _, whole = normalize(node)
        nbformat.validate(whole)
    except (nbformat.ValidationError, LookupError, TypeError, ValueError, AttributeError) as wrong:
        raise ValueError(str(wrong).partition("\n")[0] or type(wrong).__name__) from None
    found: NotebookNode = whole
    return found


def code(name: str, source: str, tag: str) -> "NotebookNode":
    """Return a code cell; `name` is its id, which no other cell has."""
    return _node(
        cell_type="code", id=name, source=source, metadata={"tags": [tag]}, execution_count=None,
        outputs=[],
    )  # fmt: skip


def markdown(name: str, source: str, tag: str) -> "NotebookNode":
    """Return a cell of text."""
    return _node(cell_type="markdown", id=name, source=source, metadata={"tags": [tag]})


def stream(name: str, text: str) -> "NotebookNode":
    """Return an output of text; `name` is stdout or stderr."""
    return _node(output_type="stream", name=name, text=text)


def _node(**parts: Any) -> "NotebookNode":
    import nbformat  # noqa: PLC0415 - see above

    # Not by nbformat's own functions for each kind: these check every node against its schema.
    node: NotebookNode = nbformat.from_dict(parts)  # type: ignore[no-untyped-call]
    return node
