"""Each heading of the troubleshooting page is part of a message that colabctl really gives."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "colabctl"
_HOLE = "\0"  # where a message has a value


def headings() -> list[str]:
    page = (PACKAGE / "guide" / "troubleshooting.md").read_text(encoding="utf-8")
    return re.findall(r"^### (.+)$", page, re.MULTILINE)


@cache
def messages() -> str:
    """Return every text in the source but docstrings, a line each; a value in one is a hole."""
    texts: list[str] = []
    for file in sorted(PACKAGE.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        texts += [_text(node) for node in nodes if id(node) not in docstrings]
    return "\n".join(text.replace("\n", " ") for text in texts if text)


def _text(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) or _HOLE for part in parts)
    return ""


def test_the_page_explains_the_messages_that_people_search_for() -> None:
    assert len(headings()) >= 30
    assert len(set(headings())) == len(headings())


@pytest.mark.parametrize("heading", headings())
def test_a_heading_is_part_of_a_message(heading: str) -> None:
    pattern = ".*".join(map(re.escape, heading.split("...")))
    assert re.search(pattern, messages()), f"no message of colabctl has: {heading}"
