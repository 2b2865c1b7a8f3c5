"""Shows a notebook as plain text, to read or compare the code that it runs."""

import json

from colabctl.errors import UserError
from colabctl.notebook.document import decode


def listing(content: bytes, *, numbered: bool = False) -> str | None:
    """Return a notebook's cells one after the other; None if the content is not a notebook.

    Each cell starts with `# %%` and its tags, because some tags decide whether it runs. Its lines
    are indented, so that none of them looks like the start of a cell. Text is commented out.
    Outputs and other metadata do not run, and are left out. Two notebooks have the same listing
    only if their cells have the same types, tags and sources. Numbered cells are easier to read,
    and harder to compare.
    """
    try:
        cells = decode(content, "").cells
    except UserError:
        return None
    parts: list[str] = []
    for number, cell in enumerate(cells, 1):
        code = cell.kind == "code"
        head = (
            "# %%",
            str(number) if numbered else "",
            "" if code else f"[{cell.kind}]",
            f"tags: {json.dumps(cell.tags, ensure_ascii=False)}" if cell.tags else "",
        )
        indent = "    " if code else "    # "
        # Not splitlines: it splits at characters that are not line ends in Python and IPython.
        lines = [f"{indent}{line}" for line in cell.source.split("\n")]
        parts.append("\n".join([" ".join(filter(None, head)), *lines]))
    return "\n\n".join(parts) + "\n"
