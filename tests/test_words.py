"""Messages, docstrings, comments, documentation and names are plain modern English."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "colabctl"

PHRASES = {
    r"(nobody|somebody|anybody|whoever|whosoever)": "no one, someone, anyone; or name the person",
    r"anew": "again",
    r"(?<!there )(is|are|was|were) no (?!longer\b|more\b|fewer\b|less\b)": "is not a",
    r"stands(?! for\b)|stood": "is",
    r"lies|lying": "is",
    r"told": "said, reported, or name what says it",
    r"mend(s|ed|ing)?": "fix",
    r"so many(?! that\b)": "that many, or a number",
    r"of (no|any) use": "has no effect",
    r"beside": "next to",
    r"heed(s|ed|ing)?": "respects",
    r"bec[ao]me of": "the outcome of",
    r"in spite of": "despite",
    r"go(es|ing)? on(?! (the|a|to)\b)": "continues",
    r"begun": "started",
    r"hungry|deaf|farewell|hopeless|unharmed": "the plain fact",
    r"will not do": "is not allowed",
    r"in question": "name the thing",
    r"in sight": "visible",
    r"the like of": "such as",
    r"as yet": "yet",
    r"had better": "should",
    r"comes? to its end": "finishes",
    r"takes? .{1,20} for granted": "assumes",
    r"out of the way": "name what happens",
}
"""Expressions that a native writer of today would not use, and what to write instead."""

NAMES = ["made", "given", "known", "opened", "told", "kept", "wrong", "found"]
"""Participles and adjectives that do not say what a variable holds."""

BANNED = {
    re.compile(rf"(?<![\w-])({phrase})(?![\w-])", re.IGNORECASE): instead
    for phrase, instead in PHRASES.items()
}


def rooms() -> list[str]:
    return sorted(path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir())


def modules(room: str) -> list[Path]:
    path = PACKAGE / room
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def tokens(file: Path) -> Iterator[tokenize.TokenInfo]:
    yield from tokenize.generate_tokens(io.StringIO(file.read_text(encoding="utf-8")).readline)


def faults(text: str, place: str) -> list[str]:
    text = re.sub(r"\s+", " ", text)
    return [
        f"{place}: …{text[max(0, match.start() - 30) : match.end() + 30]}… -> {instead}"
        for pattern, instead in BANNED.items()
        for match in pattern.finditer(text)
    ]


@pytest.mark.parametrize("room", rooms())
def test_texts_and_comments_of_a_room_are_plain_english(room: str) -> None:
    kinds = {tokenize.STRING, tokenize.COMMENT}
    found = [
        fault
        for file in modules(room)
        for token in tokens(file)
        if token.type in kinds
        for fault in faults(token.string, f"{file.relative_to(ROOT)}:{token.start[0]}")
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("room", rooms())
def test_names_in_a_room_are_nouns(room: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{token.start[0]}: {token.string}"
        for file in modules(room)
        for token in tokens(file)
        if token.type == tokenize.NAME and token.string in NAMES
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "page",
    [
        *sorted(path.name for path in ROOT.glob("*.md")),
        "colabctl.yaml.example",
        *sorted(str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*.md")),
    ],
)
def test_pages_are_plain_english(page: str) -> None:
    found = faults((ROOT / page).read_text(encoding="utf-8"), page)
    assert not found, "\n".join(found)
