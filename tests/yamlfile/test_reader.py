"""YAML text becomes plain values with their places, or a clear error."""

import pytest

from colabctl.yamlfile.problems import InvalidFileError, Place
from colabctl.yamlfile.reader import LARGEST, read_yaml


def value_of(text: str | bytes) -> object:
    document, problems = read_yaml(text, "sweep.yaml")
    assert not problems
    return document.content


def refusal_of(text: str | bytes) -> str:
    with pytest.raises(InvalidFileError) as refused:
        read_yaml(text, "sweep.yaml")
    return str(refused.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("-2.5e4", -25000.0),
        ("+.5e1", 5.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-.5", -0.5),
        ("12", 12),
        ("0x10", 16),
        ("1_000", 1000),
        ("yes", True),
        ("Off", False),
        ("on", True),
        ("true", True),
        ("~", None),
        ("null", None),
        ("None", "None"),
        ("'1e-3'", "1e-3"),
        ("2024-05-01", "2024-05-01"),
        ("e5", "e5"),
        ("!!float 1e-5", 1e-5),
        ("!!str 5", "5"),
        ("!!bool no", False),
    ],
)
def test_scalars_are_read_as_wandb_reads_them(written: str, meant: object) -> None:
    read = value_of(f"key: {written}")
    assert read == {"key": meant}
    assert repr(read) == repr({"key": meant})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("2024", "2024"),
        ("1e3", "1e3"),
        ("1:30", "1:30"),
        ("2024-05-01", "2024-05-01"),
        ("'null'", "null"),
        ("''", ""),
        ("!!int 0x10", "0x10"),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_scalars_stay_text_on_request(written: str, meant: object) -> None:
    document, problems = read_yaml(f"key: {written}", "colabctl.yaml", typed=False)
    assert not problems
    assert document.content == {"key": meant}


def test_a_tag_of_a_python_object_is_refused_where_scalars_stay_text() -> None:
    _, problems = read_yaml("a: !!python/name:os.system", "colabctl.yaml", typed=False)
    assert [str(problem).partition(" ")[0] for problem in problems] == ["colabctl.yaml:1:4:"]


def test_keys_are_text_as_they_are_written() -> None:
    assert value_of("no: 1\n2: 2\n1e-3: 3\n~: 4") == {"no": 1, "2": 2, "1e-3": 3, "~": 4}


def test_every_key_and_value_knows_its_line_and_column() -> None:
    document, _ = read_yaml("a: 1\nb:\n  - x\n  - {c: 2}\n", "sweep.yaml")
    assert document.place(("b",), key=True) == Place(2, 1)
    assert document.place(("b", 0)) == Place(3, 5)
    assert document.place(("b", 1, "c"), key=True) == Place(4, 6)
    assert document.place(("b", 1, "c")) == Place(4, 9)


def test_a_missing_value_has_the_place_of_the_nearest_value_around_it() -> None:
    document, _ = read_yaml("a: 1\nb: {c: 2}", "sweep.yaml")
    assert document.place(("b", "d", "e")) == Place(2, 4)


def test_aliases_and_merge_keys_work_as_in_yaml() -> None:
    text = "base: &b {x: 1, y: 2}\nsame: *b\nmore: {<<: *b, y: 3}\nboth: {<<: [{x: 7}, *b]}"
    read = value_of(text)
    assert read == {
        "base": {"x": 1, "y": 2},
        "same": {"x": 1, "y": 2},
        "more": {"x": 1, "y": 3},
        "both": {"x": 7, "y": 2},
    }


@pytest.mark.parametrize("end", ["---\n", "---", "...\n", "...\n---\n# the end\n"])
def test_an_empty_second_document_is_ignored(end: str) -> None:
    assert value_of(f"a: 1\n{end}") == {"a": 1}


def test_line_ends_of_windows_and_old_macs_are_line_ends() -> None:
    for end in ("\r\n", "\r"):
        document, _ = read_yaml(f"a: 1{end}b: [1,{end} 2]{end}", "sweep.yaml")
        assert document.content == {"a": 1, "b": [1, 2]}
        assert document.place(("b", 1)) == Place(3, 2)


def test_an_empty_text_is_null() -> None:
    assert value_of("") is None


def test_a_byte_order_mark_is_ignored() -> None:
    assert value_of("\ufeffa: é".encode()) == {"a": "é"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: ]", "2:4", "invalid YAML"),
        ("a: 1\n- b", "2:1", "indented like its neighbours"),
        ("a: [1, 2\nb: 3", "2:2", "bracket left open"),
        ("a: 'x", "1:6", "quote left open"),
        ("a:\n\t- b", "2:1", "spaces, not with tabs"),
        ("a: b: c", "1:5", "quotes"),
        ("a: @b", "1:4", "quotes"),
        ("---\na: 1\n---\nb: 2", "3:1", "second document"),
        ("a: 1\n b: 2", "2:3", "indented like its neighbours"),
        ("a:\n  lr:0.1\n  wd: 3", "3:5", "write a space after the colon in line 2"),
        ("a: {values:[1, 2]}", "1:11", "write a space after the colon in line 1"),
        ("k:\n  a:{b: [1, 2]}", "2:15", "write a space after the colon in line 2"),
        ("a: Exp: lr: 1", "1:7", 'in quotes: a: "Exp: lr: 1"'),
        ("a: 1\nb\uff1a [1\nc: 2", "3:1", "write : instead of \uff1a in line 2"),
        (
            "a:\n\u00a0 - b\n  - c",
            "3:6",
            "replace a non-breaking space by an ordinary one in line 2",
        ),
        (b"\xff\xfea\0:\0", "", "UTF-16; save the file as UTF-8"),
        ("p: {{name}}", "1:5", "template"),
        ("? [a]\n: b", "1:3", "cannot be a key"),
        ("a: &a [*a]", "1:8", "never end"),
        ("a: *b", "1:4", "no anchor"),
        ("a: &x k\n*x : 1", "2:1", "cannot be a key"),
        ("a: " + "[" * 60, "1:53", "nested"),
        (b"a: 1\nb: \xe9", "2:4", "UTF-8"),
        ("a: 1\nb\0: 2", "2:2", "U+0000"),
    ],
)
def test_text_that_is_not_one_yaml_document_is_refused_with_its_place(
    text: str | bytes, line: str, words: str
) -> None:
    refusal = refusal_of(text)
    assert refusal.startswith(f"sweep.yaml:{line}: " if line else "sweep.yaml: ")
    assert words in refusal
    assert "\n" not in refusal


def test_a_file_above_a_megabyte_is_refused() -> None:
    assert "1 MB" in refusal_of("#" * (LARGEST + 1))
    assert value_of("#" * LARGEST) is None


def test_an_alias_bomb_is_refused() -> None:
    lines = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "repeat over" in refusal_of("\n".join(["a0: &a0 [1, 1, 1, 1]", *lines]))


def test_aliases_cannot_nest_deeper_than_brackets_may() -> None:
    lines = ["a0: &a0 " + "[" * 40 + "]" * 40]
    lines += [f"a{i}: &a{i} {'[' * 40}*a{i - 1}{']' * 40}" for i in range(1, 3)]
    assert "nested" in refusal_of("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2", "sweep.yaml:2:1: a: is set twice, first in line 1; keep one"),
        ("a: 1\na: 1.0", "sweep.yaml:2:1: a: is set twice, first in line 1; keep one"),
        ("a: {b: 1}\na: {b: 2}", "sweep.yaml:2:1: a: is set twice, first in line 1; keep one"),
        ("a: {min:0.1, max: 1}", "write a space after the colon: min: 0.1"),
        ("\u00a0a: 1", "starts or ends with a non-breaking space"),
        ("a: !!python/object/apply:os.system [ls]", "is not allowed"),
        ("a: !!set {b}", "is not allowed"),
        ("a: !!binary aGk=", "is not allowed"),
        ("a: !own x", "is not allowed"),
        ("a: !!int x", "cannot be read as int"),
        ("a: !!bool x", "cannot be read as bool"),
        ("a: .inf", "not a finite number"),
        ("a: .nan", "not a finite number"),
        ("a: 1e400", "not a finite number"),
        (f"a: {'9' * 350}", "too large"),
        (f"a: {'9' * 5000}", "cannot be read"),
        (f"a: 1{':59' * 200}", "cannot be read"),
        ("a: {<<: 3}", "must be a map"),
    ],
)
def test_a_value_that_is_not_plain_is_a_problem_at_its_place(text: str, words: str) -> None:
    _, problems = read_yaml(text, "sweep.yaml")
    assert len(problems) == 1
    assert words in str(problems[0])
    assert problems[0].place is not None
