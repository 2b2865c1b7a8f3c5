"""Names that are safe wherever a Drive is mounted."""

import ntpath
import unicodedata
from collections.abc import Callable
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from colabctl.errors import UserError, nearest
from colabctl.sharedfs.names import check_folder, check_label, check_name, safe_name, slug

# Text as people type it, and characters that cause trouble on some system.
ANY_TEXT = st.one_of(
    st.text(st.characters(categories=["L", "N"]) | st.sampled_from(" .-_"), max_size=70),
    st.text(max_size=70),
    st.text(alphabet='aB1.-_ /\\:*?"<>|~\x00\n\u200b\u00e9e\u0301', max_size=8),
    st.sampled_from(["con", "NUL", "Lpt1", "com¹", "aux "]).flatmap(
        lambda device: st.sampled_from([device, f"{device}.txt", f"x{device}"])
    ),
)


def is_reserved(name: str) -> bool:
    """Whether Windows reserves the name, by the standard library's own lists."""
    asked: Callable[[str], bool] | None = getattr(ntpath, "isreserved", None)  # from 3.13
    return asked(name) if asked else PureWindowsPath(name).is_reserved()


def accepted(text: str) -> str | None:
    try:
        return check_name(text, "sweep")
    except UserError:
        return None


@given(ANY_TEXT)
def test_a_name_that_passes_is_one_plain_name_on_every_system(text: str) -> None:
    name = accepted(text)
    if name is None:
        return
    assert PurePosixPath("folder", name).parts == ("folder", name)
    assert PureWindowsPath("folder", name).parts == ("folder", name)
    assert not is_reserved(name)
    assert name not in (".", "..")
    assert 1 <= len(name) <= 64
    assert len(name.encode()) <= 255
    assert name.isprintable()
    assert unicodedata.is_normalized("NFC", name)


@given(ANY_TEXT)
def test_checking_a_name_again_changes_nothing(text: str) -> None:
    name = accepted(text)
    if name is None:
        return
    assert accepted(name) == name


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{3,63}", fullmatch=True))
@example("condor")
@example("a" * 64)
def test_letters_digits_hyphens_and_underscores_pass(text: str) -> None:
    assume(text.casefold() not in ("com1", "conin$") and not is_reserved(text))
    assert check_name(text, "member") == text


@given(ANY_TEXT | st.text(min_size=65))
def test_a_refusal_is_one_printable_line_that_names_the_kind(text: str) -> None:
    if accepted(text) is not None:
        return
    with pytest.raises(UserError, match=r"^sweep name ") as refusal:
        check_name(text, "sweep")
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 1500


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is empty"),
        ("a/b", "contains /"),
        ("a\\b", "contains \\"),
        ("..", "contains .."),
        ("a..b", "contains .."),
        ("a\nb", "contains U+000A (invisible)"),
        ("a\u200bb", "contains U+200B (invisible)"),
        ("\udcff", "contains U+DCFF (invisible)"),
        ('say "hi"', 'contains "'),
        ("a:b", "contains :"),
        ("NUL", "is a device on Windows"),
        ("com1.txt", "is a device on Windows"),
        ("LPT²", "is a device on Windows"),
        ("dot.", "ends with '.'"),
        ("space ", "ends with ' '"),
        (" space", "starts with ' '"),
        (".hidden", "starts with '.'"),
        ("-rf", "starts with '-'"),
        ("a" * 65, "is too long"),
        ("\N{PARTY POPPER}" * 60, "is too long"),
    ],
)
def test_a_refused_name_comes_with_the_problem_and_a_fix(name: str, problem: str) -> None:
    with pytest.raises(UserError, match=r"; .+") as refusal:
        check_name(name, "member")
    assert problem in str(refusal.value)


def test_a_name_typed_with_combining_accents_is_composed() -> None:
    assert check_name("Jose\u0301", "member") == "Jos\u00e9"


@given(ANY_TEXT)
def test_a_slug_is_always_a_safe_name(text: str) -> None:
    short = slug(text)
    assert set(short) <= set("abcdefghijklmnopqrstuvwxyz0123456789")
    assert 1 <= len(short) <= 20
    assert check_name(short, "host") == short


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anas-MacBook.local", "anasmacbooklocal"),
        ("Zoë", "zoe"),
        ("CON", "conx"),
        ("李", "x"),
        ("a" * 30, "a" * 20),
    ],
)
def test_a_slug_keeps_the_letters_and_digits_of_a_host_name(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(ANY_TEXT)
def test_a_name_from_a_title_is_safe_and_leaves_room_for_a_number(title: str) -> None:
    name = safe_name(title)
    assert check_name(name, "sweep") == name
    if name != unicodedata.normalize("NFC", title):
        assert check_name(f"{name}-2", "sweep")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("tabular", "tabular"),
        ("Exp1 (try 2)", "Exp1 (try 2)"),
        ("ResNet: lr/bs sweep", "ResNet-lr-bs-sweep"),
        ("Exp1: Eigenvalues", "Exp1-Eigenvalues"),
        ("kl pondéré / été", "kl-pondéré-été"),
        ("done...", "done"),
        ("a..b", "a-b"),
        ("\N{ROCKET}/\N{ROCKET}", "sweep"),
        ("lr\nbs", "lr-bs"),
        ("nul", "sweep-nul"),
        ("con: a", "con-a"),
        ("-rf", "rf"),
        ("../../etc", "etc"),
        ("x" * 200, "x" * 60),
        ("", "sweep"),
    ],
)
def test_a_title_becomes_a_name_of_words_and_dashes(title: str, name: str) -> None:
    assert safe_name(title) == name


@pytest.mark.parametrize("path", ["/data", "C:/data", "\\\\nas\\data", "../data", "a/../b", "a//b"])
def test_a_folder_outside_the_project_is_refused(path: str) -> None:
    with pytest.raises(UserError, match=r"^paths\.raw"):
        check_folder(path, "paths.raw")


def test_a_folder_inside_the_project_may_end_in_a_slash() -> None:
    assert check_folder("data/raw/", "paths.raw") == "data/raw"


@pytest.mark.parametrize("text", ["", "   ", "two\nlines", "x" * 101])
def test_a_label_is_one_printable_line(text: str) -> None:
    with pytest.raises(UserError, match="project name"):
        check_label(text, "project name")


def test_a_misspelt_name_is_matched_ignoring_case() -> None:
    assert nearest("Memebers", ["members", "paths"]) == "members"
    assert nearest("zzz", ["members", "paths"]) is None
