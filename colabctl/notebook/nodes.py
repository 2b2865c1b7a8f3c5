"""Creates the nodes of notebooks with nbformat, which is imported when first needed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode


def notebook(text: str) -> "NotebookNode":
    """Return a notebook of format 4 as format 4.5, in which each cell has an id.

    Raises ValueError, with a message of one line, if the text is not such a notebook.
    """
    import nbformat  # noqa: PLC0415 - see above
    from nbformat.validator import normalize  # noqa: PLC0415

    try:
        node = nbformat.reader.reads(text)  # type: ignore[no-untyped-call]
        minor = node.get("nbformat_minor", 0)
        if minor < 5:
            node = nbformat.v4.upgrade(node, from_version=4, from_minor=minor)  # type: ignore[no-untyped-call]
        normalized: NotebookNode
        _, normalized = normalize(node)
        nbformat.validate(normalized)
    except (nbformat.ValidationError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(str(error).partition("\n")[0] or type(error).__name__) from None
    return normalized


def code(name: str, source: str, tag: str) -> "NotebookNode":
    """Return a code cell; `name` is its unique id."""
    return _node(
        cell_type="code", id=name, source=source, metadata={"tags": [tag]}, execution_count=None,
        outputs=[],
    )  # fmt: skip


def markdown(name: str, source: str, tag: str) -> "NotebookNode":
    """Return a cell of text."""
    return _node(cell_type="markdown", id=name, source=source, metadata={"tags": [tag]})


def stream(name: str, text: str) -> "NotebookNode":
    """Return a text output; `name` is stdout or stderr."""
    return _node(output_type="stream", name=name, text=text)


def _node(**parts: Any) -> "NotebookNode":
    import nbformat  # noqa: PLC0415 - see above

    # nbformat's functions for each kind would check every node against its schema.
    node: NotebookNode = nbformat.from_dict(parts)  # type: ignore[no-untyped-call]
    return node
