"""Words that YAML reads as something else than they look like get a note, and others do not."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from colabctl.yamlfile.lookalikes import list_meant, number_meant, surprise
from colabctl.yamlfile.problems import InvalidFileError
from colabctl.yamlfile.reader import read_yaml


def notes_on(text: str) -> list[tuple[int, str]]:
    document, problems = read_yaml(text, "sweep.yaml")
    assert not problems
    return [(note.place.line, note.text) for note in document.notes]


@pytest.mark.parametrize(
    ("written", "note"),
    [
        ("no", 'no is read as false; for the text, write "no"'),
        ("On", 'On is read as true; for the text, write "On"'),
        ("12:30", '12:30 is read as 750, a number in base 60; for the text, write "12:30"'),
        ("1:30.5", '1:30.5 is read as 90.5, a number in base 60; for the text, write "1:30.5"'),
        ("017", '017 is read as 15 (base 8); write 17, or "017" for the text'),
        ("0o17", "0o17 is read as text; for the number, write 15"),
        ("08", "08 is read as text; for the number, write 8"),
        ("0x10", '0x10 is read as 16; for the text, write "0x10"'),
        ("2024_05", '2024_05 is read as 202405; for the text, write "2024_05"'),
        ("1e6", "1e6 is read as 1000000.0; for a whole number, write 1000000"),
        ("12e40", '12e40 is read as the number 1.2e+41; for the text, write "12e40"'),
        ("~", '~ is read as null; for the text, write "~"'),
        ("", "is empty, which is read as null; remove it, or write null if you mean that"),
        ("inf", "inf is read as text; the program can make a number of it: float('inf')"),
        ("10**-3", "since a sweep file does not calculate; for the number, write 0.001"),
        ("1/3", "for the number, write 0.3333333333333333"),
        ("10^-3", "for the number, write 0.001"),
        ("2e-4 * 2", "for the number, write 0.0004"),
        ("1 + 1", "for the number, write 2"),
        ("np.log(2)", "a sweep file does not run Python, so write the value"),
        ("range(1, 5)", "a sweep file does not run Python, so write the value"),
        ("0.1,", "0.1, is read as text because of its comma; for the number, write 0.1"),
        ("0.1;", "because of its semicolon"),
        ("adam,", "adam, is read with its comma; write adam"),
        ("0,05", "0,05 is read as text; for the number, write 0.05"),
        ("“adam”", 'curly quotes; write "adam"'),
        ("\u22120.1", "which is not a minus sign; for the number, write -0.1"),
        ("1e\u20133", "for the number, write 0.001"),
        ("0.1 0.2", "0.1 0.2 is read as one text; for a list, write [0.1, 0.2]"),
        ("0.1, 0.2", "for a list, write [0.1, 0.2]"),
        ("0.1#best", "write a space before the comment: 0.1 #"),
        ("a\u00a0b", "contains a non-breaking space"),
        ("(1", "a comma in ( ) divides it"),
    ],
)
def test_a_word_that_is_read_as_something_else_has_a_note_with_its_line(
    written: str, note: str
) -> None:
    notes = notes_on(f"a:\n- plain\n- {written}\n")
    assert len(notes) == 1
    assert notes[0][0] == 3
    assert note in notes[0][1]


@pytest.mark.parametrize(
    "written",
    [
        *("true", "False", "null", "NULL", "3", "-1", "+2", "0", "0.5", ".5", "-.5", "1.", "1e-3"),
        *(
            "1e2",
            "1.5e4",
            "1_000",
            "2_000_000",
            "2024-01-01",
            "2024/1/31",
            "y",
            "n",
            "None",
            "none",
        ),
        *("1-10", "8x8", "cuda:0", "08:30", "resnet-50", "a/b", "../data/x.csv", "~/data", "0,1"),
        *("1024,256", "white space", "ResNet (50)", "C:/x", "v1.2.3", "80%", "2fold", "nn.ReLU()"),
        *("adamw", "epoch=38-step=1.ckpt", ":)", "a,b", "x#1", "1.2.3.4", "Adam ", "--flag", "e5"),
        *("torch.float32", "klue/roberta-large", "kl_pondéré", "'no'", '"12:30"', '"1/3"'),
        *("'10**-3'", "'0.1,'", '"“x”"', "!!str no", "!!float 1e-5", "!!bool no", "1e0"),
    ],
)
def test_a_word_that_is_what_it_looks_like_has_no_note(written: str) -> None:
    assert notes_on(f"a:\n- plain\n- {written}\n") == []


def test_the_pieces_of_a_tuple_have_a_note() -> None:
    assert [text for _, text in notes_on("a: [(1, 2)]")] == [
        "is a piece of text, since a comma in ( ) divides it; write [1, 2] for a list, or quote the whole text"
    ] * 2


def test_a_key_that_is_set_twice_to_the_same_value_has_a_note() -> None:
    assert notes_on("a: {b: 1}\nc: 2\na: {b: 1}\n") == [
        (3, "is set twice to the same value, first in line 1; keep one")
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e-5,", 1e-5),
        (" 3 ", 3),
        ("0O17", 15),
        ("2*10^-3", 0.002),
        ("(1 + 2) * 3", 9),
        ("\uff11\uff12", 12),
        ("1/0", None),
        ("9**400**400", None),
        ("(9**400)**400", None),
        ("-1 ** 0.5 / 2", -0.5),
        ("(-1) ** 0.5", None),
        ("2 *", None),
        ("adam", None),
        ("9" * 400, None),
    ],
)
def test_a_number_is_found_in_a_text_or_not(text: str, number: float | None) -> None:
    meant = number_meant(text)
    assert meant == number
    assert type(meant) is type(number)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("0.1, 0.2", "[0.1, 0.2]"),
        ("0.1 0.2", "[0.1, 0.2]"),
        ("[1, 2]", "[1, 2]"),
        ("(1, 2)", "[1, 2]"),
        ("adam, sgd", "[adam, sgd]"),
        ("white space", None),
        ("adam", None),
        ("", None),
        (",", None),
    ],
)
def test_a_list_is_found_in_a_text_or_not(text: str, items: str | None) -> None:
    assert list_meant(text) == items


@given(st.text() | st.text(alphabet="0123456789eE.+-*/^() _,;:#\u2212oxb", max_size=30))
@example("((((((((((((((((((((((((((1))))))))))))))))))))))))))*2")
def test_any_word_is_examined_without_an_error(written: str) -> None:
    values: list[Any] = [None, True, 7, 1e30]
    if written:
        values.append(written)
    for value in values:
        assert surprise(written, value) is None or surprise(written, value)
    number_meant(written)
    list_meant(written)


PIECES = st.lists(
    st.sampled_from(
        [
            *"[]{}:,-&*!|>'\"#%@`?~<\n\t\r\0\ufeff\u00a0\u2028",
            *(": ", "- ", "\n  ", "&a ", "*a", "<<: ", "---\n", "...", "\r\n", "!x ", "? "),
            *("a", "12:30", "0o17", "no", "!!float ", "1e999"),
        ]
    ),
    max_size=25,
).map("".join)


@given(PIECES | st.text() | st.binary())
def test_any_text_is_a_document_or_a_clear_error(text: str | bytes) -> None:
    try:
        document, problems = read_yaml(text, "sweep.yaml")
    except InvalidFileError as error:
        problems = list(error.problems)
    else:
        assert all(note.text for note in document.notes)
    assert all(str(problem).startswith("sweep.yaml") for problem in problems)
