"""Parameters are read by W&B's rules, and each problem is reported with its place."""

import pytest

from colabctl.search import Declaration, InvalidFileError, read


def sweep(parameters: str, method: str = "random") -> str:
    return f"method: {method}\nparameters:\n{parameters}"


def notes_of(parameters: str, method: str = "random") -> str:
    return "\n".join(read(sweep(parameters, method), "sweep.yaml").notes)


def problems_of(text: str) -> list[str]:
    with pytest.raises(InvalidFileError) as refused:
        read(text, "sweep.yaml")
    return str(refused.value).split("\n")


def test_all_problems_of_a_file_are_reported_together_in_its_order() -> None:
    lines = [
        "  lr: {min: 0.1, max: 0.01}",
        "  width: {vlaues: [1, 2]}",
        "  depth: {distribution: int_unifrom, min: 1, max: 2}",
    ]
    bounds, key, kind = problems_of(sweep("\n".join(lines)))
    assert bounds == "sweep.yaml:3:7: parameters.lr: min 0.1 is not below max 0.01"
    assert key.startswith("sweep.yaml:4:11: parameters.width.vlaues: ")
    assert key.endswith("did you mean values?")
    assert kind.startswith("sweep.yaml:5:25: parameters.depth.distribution: ")
    assert kind.endswith("did you mean int_uniform?")


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        ("[1, 2]", "values: [...] to try each item"),
        ("", "value: null"),
        ("{}", "is empty"),
        ("{lr: {min: 1, max: 2}}", "under parameters:"),
        ("{values: []}", "is empty"),
        ("{values: 5}", "must be a list, not 5"),
        ("{value: 1, values: [2]}", "and also values"),
        ("{values: [2], min: 1}", "and also min"),
        ("{min: 3}", "needs max: too"),
        ("{min: 1, max: 2, q: 1}", "distribution: q_uniform"),
        ("{mu: 1}", "distribution: normal"),
        ("{a: 1, b: 2}", "distribution: beta"),
        ('{min: "0.1", max: 1}', "without quotes"),
        ("{min: x, max: 1}", "must be a number"),
        ("{min: true, max: 2}", "must be a number"),
        ("{distribution: int_uniform, min: 1.0, max: 3}", "whole number"),
        ("{distribution: uniform, min: 1}", "needs max: too"),
        ("{distribution: uniform, min: 1, max: 2, q: 1}", "did you mean distribution: q_uniform?"),
        ("{distribution: normal, mean: 1}", "mean: is not a key"),
        (
            "{distribution: categorical, values: [1, 2], probabilities: [0.5, 0.5]}",
            "did you mean distribution: categorical_w_probabilities?",
        ),
        ("{values: [a, b], probabilities: [0.5, -0.5]}", "probabilities[1]"),
        ("{values: [a, b], probabilities: [0.5, 0.6]}", "add up to 1.1"),
        ("{parameters: 5}", "must be a map"),
        ("{parameters: {x: 1}, value: 3}", "cannot be combined with parameters:"),
        ("{choices: [a, b]}", "must be a map of branches"),
        ("{choices: {}}", "must be a map of branches"),
        ("{choices: {a: {lr: 3}}}", "under parameters:"),
        ("{choices: {a: {}}, value: a}", "cannot be combined with choices:"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused_with_a_fix(parameter: str, words: str) -> None:
    problems = problems_of(sweep(f"  p: {parameter}"))
    assert len(problems) == 1
    assert problems[0].startswith("sweep.yaml:3:")
    assert "parameters.p" in problems[0]
    assert words in problems[0]


@pytest.mark.parametrize(
    "parameter",
    [
        "{min: 0.1, max: 1.0}",
        "{distribution: normal}",
        "{values: [a, b], probabilities: [0.5, 0.5]}",
        "{distribution: q_normal}",
    ],
)
def test_a_grid_over_values_that_cannot_be_listed_is_refused(parameter: str) -> None:
    for text in (f"  p: {parameter}", f"  n: {{parameters: {{p: {parameter}}}}}"):
        problems = problems_of(sweep(text, "grid"))
        assert len(problems) == 1
        assert "method: random" in problems[0]


def test_a_bare_word_is_a_constant() -> None:
    declaration = read(sweep("  p: adam"), "sweep.yaml")
    assert params(declaration) == {"p": "adam"}


def test_names_with_dots_hyphens_and_capitals_are_plain_names() -> None:
    text = "  model.lr: {value: 1}\n  l1-weight: {value: 2}\n  K_shot: {value: 3}"
    declaration = read(sweep(text), "sweep.yaml")
    assert params(declaration) == {"K_shot": 3, "l1-weight": 2, "model.lr": 1}
    assert declaration.notes == ()


def test_a_name_that_wandb_does_not_allow_is_noted() -> None:
    assert "^lr" in notes_of("  ^lr: {value: 1}")


def test_an_invisible_name_is_refused() -> None:
    assert "is not a name" in problems_of(sweep('  "": {value: 1}'))[0]
    assert "is not a name" in problems_of(sweep('  "a\\nb": {value: 1}'))[0]


def test_mixed_bounds_are_read_as_uniform_and_noted() -> None:
    assert "read as uniform" in notes_of("  p: {min: 0, max: 1.0}")
    assert notes_of("  p: {min: 0.0, max: 1.0}") == ""
    assert notes_of("  p: {distribution: uniform, min: 0, max: 1.0}") == ""


def test_exponents_that_look_like_values_are_noted() -> None:
    assert "log_uniform_values" in notes_of("  p: {distribution: log_uniform, min: 0.001, max: 1}")
    assert notes_of("  p: {distribution: log_uniform, min: -9, max: -1}") == ""


def test_the_text_none_is_noted_everywhere() -> None:
    for parameter in ("None", "{value: None}", "{values: [a, None]}", "{value: {deep: [None]}}"):
        assert "write null" in notes_of(f"  p: {parameter}")
    assert notes_of("  p: {value: null}") == ""


def test_one_note_names_all_its_parameters() -> None:
    lines = [f"  p{i}: {{min: 0, max: 1.0}}" for i in range(9)]
    notes = read(sweep("\n".join(lines)), "sweep.yaml").notes
    assert len(notes) == 1
    assert notes[0].startswith("p0, p1, p2, p3, p4, p5 and 3 more: ")


def test_a_mapping_from_python_is_read_like_a_file_without_lines() -> None:
    with pytest.raises(
        InvalidFileError, match=r"^space: parameters\.lr: min 2 is not below max 1$"
    ):
        read({"method": "random", "parameters": {"lr": {"min": 2, "max": 1}}}, "space")


def test_tuples_and_ranges_from_python_are_lists() -> None:
    values = {"a": {"values": (1, 2)}, "b": {"values": range(3)}}
    declaration = read({"method": "grid", "parameters": values}, "space")
    assert declaration.content["parameters"] == {
        "a": {"values": [1, 2]},
        "b": {"values": [0, 1, 2]},
    }


def test_values_that_no_file_can_hold_are_refused_from_python_too() -> None:
    endless: dict[str, object] = {}
    endless["value"] = endless
    for value in ({1, 2}, object(), float("inf"), 10**400, "\ud800", {1: 2}):
        with pytest.raises(InvalidFileError, match=r"^space: parameters\.p\.value"):
            read({"method": "random", "parameters": {"p": {"value": value}}}, "space")
    with pytest.raises(InvalidFileError, match="contains itself"):
        read({"method": "random", "parameters": {"p": endless}}, "space")


def params(declaration: Declaration) -> dict[str, object]:
    return declaration.parameters.sampler(lambda _: lambda _: 0.5)(0)
