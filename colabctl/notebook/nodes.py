"""Creates the nodes of notebooks with nbformat, which is imported when first needed."""

from typing import TYPE_CHECKING, Any

from colabctl.notebook.document import Cell

if TYPE_CHECKING:
    from nbformat import NotebookNode


def notebook(cells: "list[NotebookNode]") -> "NotebookNode":
    """Return a notebook of format 4.5 in Python."""
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": spec, "language_info": {"name": "python"}}
    return _node(nbformat=4, nbformat_minor=5, metadata=metadata, cells=cells)


def cell(name: str, content: Cell) -> "NotebookNode":
    """Return a cell; `name` is its unique id."""
    parts: dict[str, Any] = {
        "cell_type": content.kind,
        "id": name,
        "source": content.source,
        "metadata": {"tags": list(content.tags)} if content.tags else {},
    }
    if content.kind == "code":
        parts |= {"execution_count": None, "outputs": []}
    return _node(**parts)


def code(name: str, source: str, tag: str) -> "NotebookNode":
    """Return a code cell with a tag."""
    return cell(name, Cell("code", source, (tag,)))


def markdown(name: str, source: str, tag: str) -> "NotebookNode":
    """Return a cell of text with a tag."""
    return cell(name, Cell("markdown", source, (tag,)))


def stream(name: str, text: str) -> "NotebookNode":
    """Return a text output; `name` is stdout or stderr."""
    return _node(output_type="stream", name=name, text=text)


def _node(**parts: Any) -> "NotebookNode":
    import nbformat  # noqa: PLC0415 - see above

    # nbformat's functions for each kind would check every node against its schema.
    node: NotebookNode = nbformat.from_dict(parts)  # type: ignore[no-untyped-call]
    return node
