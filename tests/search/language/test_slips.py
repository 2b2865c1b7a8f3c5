"""Words and forms that people write by mistake are noted or refused, with what to write."""

import pytest

from colabctl.search import read
from tests.search.language.minimal import problem_of


def test_words_that_yaml_reads_as_something_else_are_named_with_their_line() -> None:
    declaration = read(
        """
        method: grid
        foreach: [lang]
        exclude: [{lang: off}]
        metric: {name: acc, goal: maximize}
        early_terminate: {type: hyperband, min_iter: 3, strict: yes}
        parameters:
          lang: {values: [en, no, off]}
          steps: {values: [1e4, 1e5]}
          c: {values: [1e-3, 1, 1e3]}
          base: 1e6
          flag: &flag no
        notes: 12:30
        """,
        "sweep.yaml",
    )
    assert declaration.notes[1:] == (
        'exclude[0].lang (line 4), lang.values[2] (line 8): off is read as false; for the text, write "off"',
        'lang.values[1] (line 8), flag (line 12): no is read as false; for the text, write "no"',
        "steps.values[0] (line 9): 1e4 is read as 10000.0; for a whole number, write 10000",
        "steps.values[1] (line 9): 1e5 is read as 100000.0; for a whole number, write 100000",
        "base (line 11): 1e6 is read as 1000000.0; for a whole number, write 1000000",
    )


def test_a_word_in_an_ignored_key_is_named_if_an_alias_repeats_it() -> None:
    text = "method: grid\nmine: &mine {lang: no}\nother: no\nparameters: {<<: *mine}\n"
    assert read(text, "sweep.yaml").notes[1:] == (
        'mine.lang (line 2): no is read as false; for the text, write "no"',
    )


def test_text_among_numbers_or_truth_values_is_named() -> None:
    notes = read(
        "method: grid\nparameters:\n  a: {values: [0.1, '0.2']}\n  b: {values: [true, 'False']}\n"
        "  c: {values: ['true', 'false']}\n  d: {values: ['1', '2']}\n  e: {values: [1, nan]}\n",
        "sweep.yaml",
    ).notes
    assert notes == (
        'a.values[1] (line 3): "0.2" is text among numbers; remove its quotes',
        'b.values[1] (line 4): "False" is text, which is true in Python; remove its quotes',
        "e.values[1] (line 7): nan is read as text; the program can make a number of it: float('nan')",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sweep_config: {method: grid, parameters: {a: 1}}", "under sweep_config:; move its keys"),
        ("- method: grid\n  parameters: {a: 1}", "remove the dashes before the keys"),
        ("- method: grid\n- parameters: {a: 1}", "remove the dashes before the keys"),
        ("method: grid\nparameters:\n  a:\n    values:[1,2]", "as in values: [1, 2]"),
        ("method: grid\nparameters:\n  a:\n    min:1\n    max:2", 'is the text "min:1 max:2"'),
        ("method: grid\nparameters: {a: {values: 0.1, 0.2}}", "in brackets, as in values: [0.1"),
        ("method: grid\nparameters: {a: {values: range(1, 5)}}", "write the list in brackets"),
        ("method: grid\nparameters:\n  a: {values: '0.1, 0.2'}", "write [0.1, 0.2]"),
        ("method: grid\nparameters:\n  a:\n    values: 0.1, 0.2", "write [0.1, 0.2]"),
        ("method: grid\nparameters: {a: {values: 3}}", "write [3]"),
        ("method: random\nparameters:\n  a:\n    min: 1e-5,\n    max: 1", "write 1e-05"),
        ("method: random\nparameters: {a: {min: 10**-3, max: 1}}", "write 0.001"),
        ("method: random\nparameters: {a: {min:0.1, max: 1}}", "after the colon: min: 0.1"),
        (
            "method: random\nparameters: {a: {distribution: loguniform, min: 0.1, max: 1}}",
            "did you mean log_uniform_values?",
        ),
        ("method:grid", "write a space after the colon of each key"),
        ("method\uff1a grid", "write an ordinary : after each key"),
        ("method: grid\nname: no\nparameters: {a: 1}", "put it in quotes"),
    ],
)
def test_a_common_slip_is_refused_with_what_to_write(text: str, words: str) -> None:
    assert words in problem_of(text)
