"""A notebook as plain text, for people who want to read or compare what it runs."""

import json

from colabctl.notebook import nodes


def listing(content: bytes, *, numbered: bool = False) -> str | None:
    """Return a notebook's cells one below the other; None for what is no notebook.

    Each cell begins with `# %%` and its tags, as some of them decide whether it runs; its lines
    are indented, so that none of them looks like the beginning of a cell, and text is commented
    out. Outputs and other metadata run nowhere, and are left out. Two notebooks have the same
    listing only if their cells have the same types, tags and sources.

    numbered  whether each cell is shown with its number: easier to read, and worse to compare
    """
    try:
        node = nodes.notebook(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    parts: list[str] = []
    for number, cell in enumerate(node.cells, 1):
        code = cell.cell_type == "code"
        tags = cell.metadata.get("tags")
        head = (
            "# %%",
            str(number) if numbered else "",
            "" if code else f"[{cell.cell_type}]",
            f"tags: {json.dumps(tags, ensure_ascii=False)}" if tags else "",
        )
        indent = "    " if code else "    # "
        # Not splitlines: Python and IPython do not begin a line at each of its line ends.
        lines = [f"{indent}{line}" for line in cell.source.split("\n")]
        parts.append("\n".join([" ".join(filter(None, head)), *lines]))
    return "\n\n".join(parts) + "\n"
