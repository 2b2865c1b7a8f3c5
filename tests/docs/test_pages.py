"""Every block of the README and of the guide does what its page says."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import Story

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "colabctl" / "guide"
# Generated from the commands, with a test of its own.
PAGES = [ROOT / "README.md", *sorted(set(GUIDE.glob("*.md")) - {GUIDE / "commands.md"})]
_MOST_SKIPPED = 2  # blocks of one page that are shown and not run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_a_story_that_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    story = Story(page, tmp_path)
    story.run()
    assert len(story.skipped) <= _MOST_SKIPPED, story.skipped


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_text_before_a_file_names_it(page: Path) -> None:
    """Neither GitHub nor a terminal shows the title of a block."""
    parts = re.split(r"(?ms)^```(.*?)$.*?^```$", page.read_text(encoding="utf-8"))
    for prose, info in zip(parts[::2], parts[1::2], strict=False):
        title = re.search(r'title="(.+?)"', info)
        if title:
            assert f"`{title[1]}`" in prose, f"{page.name}: {info}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_to_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        name, _, anchor = target.partition("#")
        if ":" in target:
            continue
        file = page.parent / name if name else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in _anchors(file), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.stem)
def test_a_page_of_the_guide_says_first_what_it_is_for(page: Path) -> None:
    title, empty, sentence, after = page.read_text(encoding="utf-8").split("\n")[:4]
    assert title.startswith("# ")
    assert sentence.endswith(".")
    assert empty == after == ""


def _prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
