"""Makes the nodes that notebooks consist of, by nbformat, which is imported when first needed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

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


def code(source: str, tags: Sequence[str] = ()) -> "NotebookNode":
    """Return a code cell."""
    import nbformat  # noqa: PLC0415 - see above

    cell: NotebookNode = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})  # type: ignore[no-untyped-call]
    return cell


def markdown(source: str, tags: Sequence[str] = ()) -> "NotebookNode":
    """Return a cell of text."""
    import nbformat  # noqa: PLC0415 - see above

    cell: NotebookNode = nbformat.v4.new_markdown_cell(source, metadata={"tags": list(tags)})  # type: ignore[no-untyped-call]
    return cell


def stream(name: str, text: str) -> "NotebookNode":
    """Return an output of text; `name` is stdout or stderr."""
    import nbformat  # noqa: PLC0415 - see above

    output: NotebookNode = nbformat.v4.new_output("stream", name=name, text=text)  # type: ignore[no-untyped-call]
    return output
