"""A notebook as plain text, for people who want to read or compare what it runs."""

from colabctl.notebook import nodes


def listing(content: bytes) -> str | None:
    """Return a notebook's cells one below the other; None for what is no notebook.

    Each cell begins with `# %%` and its tags, as some of them decide whether it runs; text is
    commented out. Outputs and other metadata run nowhere, and are left out.
    """
    try:
        node = nodes.notebook(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    parts: list[str] = []
    for cell in node.cells:
        kind = "" if cell.cell_type == "code" else f" [{cell.cell_type}]"
        tags = "".join(f" {tag}" for tag in cell.metadata.get("tags", ()))
        lines = cell.source.splitlines()
        if kind:
            lines = [f"# {line}".rstrip() for line in lines]
        parts.append("\n".join([f"# %%{kind}{tags and f' tags:{tags}'}", *lines]))
    return "\n\n".join(parts) + "\n"
