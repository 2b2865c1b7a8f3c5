"""`where:` in a sweep file: what it reads, and what is said about a mistake."""

import pytest

from colabctl.search import InvalidFileError, expand, read

SWEEP = """method: random
parameters:
  depth: {min: 1, max: 8}
  width: {min: 1, max: 100}
  net-size: {values: [1, 2]}
  opt: {values: [sgd, adam, resnet-18, a/b]}
  lr: {min: 0.0, max: 1.0}
  use_bn: {values: [true, false]}
  nesterov: {values: [0, 1]}
  inner: {parameters: {x: {min: 0, max: 9}}}
  decay: {values: [null, 0.1]}
where:
- """


def where_of(condition: str) -> str:
    """Return the message for a condition; empty if it is read."""
    try:
        read(SWEEP + condition, "f.yaml")
    except InvalidFileError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "condition",
    [
        "depth * width < 100", "depth*width<100", "width/depth >= 2", "width / depth >= 2",
        "width-depth > 1", "width % depth == 0", "width // 2 > depth", "depth ** 2 < width",
        "-depth < -1", "-(depth + 1) < -2", "2 - -depth < 9", "(depth + 1) * 2 <= width", "net-size * depth < 9",
        "opt != sgd or lr > 0.5", "opt in [sgd, adam]", "opt not in (sgd, 'adam')", "opt == resnet-18",
        "opt == a/b", "opt = 'sgd'", "not (opt == 'sgd' and lr > 0.5)", "use_bn or lr < 0.5",
        "not use_bn", "use_bn", "nesterov and not use_bn", "use_bn == true", "inner.x < depth", "decay is None or decay < 0.2",
        "0.1 < lr < 0.9", "opt startswith 'a'", "depth*2 in [2, 4, width]", "1 == `net-size`",
    ],
)  # fmt: skip
def test_a_condition_is_read(condition: str) -> None:
    assert where_of(condition) == ""


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("dpth <= width", "dpth is neither a parameter nor a value of one; did you mean depth?"),
        ("net-sze < 2", "net-sze is neither a parameter nor a value of one; did you mean net-size?"),
        ("depth-wdth < 2", "wdth is neither a parameter nor a value of one; did you mean width?"),
        ("opt == sgdd", "sgdd is neither a parameter nor a value of one; did you mean sgd?"),
        ("opt == 'sgdd'", 'opt is never "sgdd"; did you mean sgd?'),
        ("opt in [sgd, 'nope']", 'opt is never "nope"; its values are sgd, adam, resnet-18, a/b'),
        ("net-size == 3", "net-size is never 3; its values are 1, 2"),
        ("opt < 3", "opt is text and 3 is a number, so they cannot be compared"),
        ("lr == 'x'", 'lr is a number and "x" is text, so they cannot be compared'),
        ("lr == opt", "lr is a number and opt is text, so they cannot be compared"),
        ("depth + opt < 3", "opt is text, and + needs numbers"),
        ("use_bn * 2 < 3", "use_bn is true or false, and * needs numbers"),
        ("inner < 3", "inner is a map and 3 is a number, so they cannot be compared"),
        ("inner", "a map is neither true nor false; name a parameter in it"),
        ("lr", "lr is a number, so it is not a condition; compare it, as in lr > 0"),
        ("opt != sgd or not net-size", "net-size is a number, so it is not a condition; compare it, as in"),
        ("opt", 'opt is text, so it is not a condition; compare it, as in opt == "sgd"'),
        ("decay", "decay is a number or null, so it is not a condition; write decay != null, or compare it"),
        ("depth in 3", "in needs a list, as in [16, 32], not 3"),
        ("1 < 2", "names no parameter, so it holds for all tasks or for none"),
        ("depth <", "cannot be read: expected a name or a value (character 8)"),
        ("depth width", "cannot be read: width is not expected here; join conditions with and, or (character 7)"),
        ("(depth < 3) * 2 < 3", "cannot be read: a condition is not a number, so * has no meaning (character 13)"),
        ("depth + 1", "cannot be read: a value alone is not a condition"),
        ("lr.__class__ == 3", "lr.__class__ is neither a parameter"),
        ("open('x') < 3", "cannot be read: ( is not expected here"),
        ("depth; lr", "cannot be read: ';' is not expected here; there are + - * / // % ** and comparisons"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_place(condition: str, message: str) -> None:
    said = where_of(condition)
    assert len(said.splitlines()) == 1
    assert said.startswith("f.yaml:13:3: where[0]: ")
    assert message in said


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "{lr: 0.1}",
            "f.yaml:3:8: where: must be a condition, such as lr < 0.1, or a list of them, not",
        ),
        ("[3]", "f.yaml:3:9: where[0]: must be a condition, such as lr < 0.1, not 3"),
        ("[true]", "f.yaml:3:9: where[0]: must be a condition, such as lr < 0.1, not true"),
        ('"' + "a" * 5000 + '"', "the condition has more than 4,000 characters; shorten it"),
        ('"' + "(" * 60 + "a < 1" + ")" * 60 + '"', "more than 50 levels of parentheses"),
        ('"' + "-" * 60 + 'a < 1"', "more than 50 levels of parentheses"),
        ('" "', "the condition is empty; write one, such as lr < 0.01"),
    ],
)
def test_a_value_that_is_not_a_condition_is_refused(value: str, message: str) -> None:
    with pytest.raises(InvalidFileError) as refused:
        read(f"method: grid\nparameters: {{a: {{values: [1, 2]}}}}\nwhere: {value}\n", "f.yaml")
    assert message in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_single_condition_needs_no_list() -> None:
    text = "method: grid\nparameters: {a: {values: [1, 2]}}\nwhere: a < 2\n"
    assert expand(read(text, "f.yaml")).total == 1


def test_huge_powers_and_products_take_no_time() -> None:
    text = (
        "method: grid\nparameters: {a: {values: [9, 1]}}\n"
        "where: ['a**9**9**9 >= 0', 'a * 1e300 * 1e300 > 0']\n"
    )
    assert expand(read(text, "f.yaml")).total == 2


def test_an_objective_checks_its_own_parameters_itself() -> None:
    text = (
        'method: optuna\nprogram: "s.py:objective"\nforeach: data\n'
        "parameters: {data: {values: [iris, wine]}}\nwhere: [data != wine, momentum > 0]\n"
    )
    with pytest.raises(InvalidFileError) as refused:
        read(text, "f.yaml")
    assert str(refused.value) == (
        'f.yaml:5:23: where[1]: "momentum > 0": momentum is not a parameter of foreach; an objective '
        "suggests the others, so check them there, and raise optuna.TrialPruned()"
    )
    (cell,) = expand(read(text.replace(", momentum > 0", ""), "f.yaml")).cells
    assert cell.values == {"data": "iris"}
