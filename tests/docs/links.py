"""The links of a Markdown file, and the places in it that a link can name."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Return the target of each link and image of a page, in order."""
    words = [word for token in _tokens(page) for word in token.children or ()]
    targets = [word.attrs.get("href") or word.attrs.get("src") for word in words]
    return [str(target) for target in targets if target]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page.

    In lower case, without punctuation, with hyphens for spaces; a second heading of the same text
    ends in -1 (github.com/jch/html-pipeline, its table of contents).
    """
    return set(_numbered(_headings(page)))


def _headings(page: Path) -> Iterator[str]:
    tokens = _tokens(page)
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            text = "".join(word.content for word in token.children or ())
            yield re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _numbered(names: Iterator[str]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, -1) + 1
        yield f"{name}-{seen[name]}" if seen[name] else name


def dead(page: Path) -> list[str]:
    """Return the links of a page to files or headings that do not exist; addresses are not read."""
    return [target for target in links(page) if not _lives(page, target)]


def _lives(page: Path, target: str) -> bool:
    if re.match(r"(https?|mailto):", target):
        return True
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    if not file.exists():
        return False
    return not anchor or (file.suffix == ".md" and anchor in anchors(file))
