"""No page links to a file or a heading that does not exist."""

from pathlib import Path

import pytest

from tests.docs.links import anchors, dead, links
from tests.docs.reference import PAGE

ROOT = Path(__file__).parents[2]
PAGES = sorted([*PAGE.parent.glob("*.md"), *ROOT.glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_of_a_page_is_dead(page: Path) -> None:
    assert dead(page) == []


@pytest.mark.parametrize("page", sorted(PAGE.parent.glob("*.md")), ids=lambda page: page.name)
def test_a_page_links_only_to_what_is_shipped_with_it(page: Path) -> None:
    """In a wheel there is only the guide; what is in the repository has an address."""
    relative = [target for target in links(page) if not target.startswith(("http", "#"))]
    assert [target for target in relative if "/" in target] == []


def test_dead_links_are_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page: `x` & more\n\n## Twice\n\n## Twice\n\n[ok](#twice-1) [a](#three) [ok](page.md#twice)"
        " [b](page.md#x) [c](gone.md) ![d](gone.svg) [ok](https://example.org)\n\n"
        "| table |\n|---|\n| [e](gone.md#x) |\n\n```\n[not a link](gone.md)\n```\n"
    )
    assert anchors(page) == {"a-page-x--more", "twice", "twice-1"}
    assert dead(page) == ["#three", "page.md#x", "gone.md", "gone.svg", "gone.md#x"]
