"""Creates a notebook from a template of the group's own; nothing in it is run."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from colabctl.notebook.document import CellKind
from colabctl.notebook.versions.saved import SavedCell, SavedNotebook
from colabctl.project.notebooks.rendering import ENDING, Cell, as_json

OPENING = "open"
"""The id of the cell that opens the project."""

_TITLE = "#@title Open the project"  # how that cell starts, if an editor has changed its id
_PLACEHOLDER = re.compile(r"\{\{ ?(\w+) ?\}\}")
# What Colab notes of the person who ran a cell or saved the notebook, and of the outputs.
_OF_RUNS = ("executionInfo", "outputId", "colab", "execution", "collapsed")
_OF_SAVES = ("widgets", "papermill")


def from_template(
    template: SavedNotebook, opening: Cell, words: Mapping[str, str]
) -> SavedNotebook:
    """Return a notebook with the cells of a template, without their outputs.

    `{{project}}`, `{{member}}` and `{{name}}` are replaced by `words`; in code, quotes in them are
    escaped, as they are most often used in strings. The cell `opening` takes the place of the
    template's own cell that opens the project; else it comes before the first cell of code.
    """
    cells = [_blank(cell, words) for cell in template.cells if not _opens(cell)]
    if first := next((cell for cell in template.cells if _opens(cell)), None):
        before = template.cells[: template.cells.index(first)]
        place = sum(not _opens(cell) for cell in before)
    else:
        code = (number for number, cell in enumerate(cells) if cell.kind == "code")
        place = next(code, len(cells))
    parts = as_json(opening)
    opens = SavedCell("code", opening.source.strip(), id=opening.id, metadata=parts["metadata"])
    colab = template.metadata.get("colab")
    settings = dict(colab) if isinstance(colab, dict) else {}
    lasting = {name: each for name, each in template.metadata.items() if name not in _OF_SAVES}
    return SavedNotebook(
        template.name,
        (*cells[:place], opens, *cells[place:]),
        {**lasting, "colab": {**settings, "name": f"{words['name']}{ENDING}", "provenance": []}},
    )


def _opens(cell: SavedCell) -> bool:
    return cell.kind == "code" and (
        cell.identity == OPENING or cell.source.lstrip().startswith(_TITLE)
    )


def _blank(cell: SavedCell, words: Mapping[str, str]) -> SavedCell:
    """Return a cell as if it never ran, with the placeholders replaced."""
    return replace(
        cell,
        source="".join(_filled(cell.source, cell.kind, words)),
        outputs=(),
        count=None,
        metadata={name: each for name, each in cell.metadata.items() if name not in _OF_RUNS},
    )


def _filled(source: str, kind: CellKind, words: Mapping[str, str]) -> Iterator[str]:
    end = 0
    for match in _PLACEHOLDER.finditer(source):
        word = words.get(match[1])
        if word is None:  # it is not ours: Jinja and LaTeX have braces too
            continue
        escaped = json.dumps(word, ensure_ascii=False)[1:-1].replace("'", "\\'")
        yield source[end : match.start()]
        yield escaped if kind == "code" else word
        end = match.end()
    yield source[end:]
