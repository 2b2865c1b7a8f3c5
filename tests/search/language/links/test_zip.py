"""`zip:` in a sweep file: parameters whose values go together, row by row."""

import pytest

from colabctl.search import Expansion, InvalidFileError, expand, read

PARAMETERS = """parameters:
  lr: {values: [0.1, 0.01, 0.1]}
  schedule: {values: [a, b, c]}
  k: {values: [1, 2]}
"""


def expansion_of(text: str) -> Expansion:
    return expand(read(text, "f.yaml"))


def rows(expansion: Expansion) -> list[tuple[object, object]]:
    return [(p["lr"], p["schedule"]) for task in expansion.tasks() if (p := task.params)]


def test_a_grid_has_one_factor_for_parameters_that_are_zipped() -> None:
    expansion = expansion_of(f"method: grid\n{PARAMETERS}zip: [[lr, schedule]]\n")
    assert rows(expansion) == 2 * [(0.1, "a"), (0.01, "b"), (0.1, "c")]


def test_one_list_of_names_is_one_group() -> None:
    expansion = expansion_of(f"method: grid\n{PARAMETERS}zip: [schedule, lr]\n")
    assert rows(expansion) == 2 * [(0.1, "a"), (0.01, "b"), (0.1, "c")]


def test_equal_rows_run_once() -> None:
    text = f"method: grid\n{PARAMETERS}zip: [lr, schedule]\n".replace("[a, b, c]", "[a, b, a]")
    assert rows(expansion_of(text)) == 2 * [(0.1, "a"), (0.01, "b")]


def test_a_random_search_draws_one_index_which_is_that_of_the_first_name() -> None:
    lone = expansion_of(f"method: random\ntrials: 5\n{PARAMETERS}")
    zipped = expansion_of(f"method: random\ntrials: 5\n{PARAMETERS}zip: [schedule, lr]\n")
    first = [task.params["schedule"] for task in lone.tasks() if task.params]
    together = dict(zip("abc", (0.1, 0.01, 0.1), strict=True))
    assert rows(zipped) == [(together[each], each) for each in first]
    assert [t.params["k"] for t in zipped.tasks() if t.params] == [
        t.params["k"] for t in lone.tasks() if t.params
    ]


def test_foreach_has_a_search_for_each_row() -> None:
    text = f"method: random\ntrials: 2\nforeach: lr\n{PARAMETERS}zip: [lr, schedule]\n"
    expansion = expansion_of(text)
    assert [cell.values for cell in expansion.cells] == [
        {"lr": 0.1, "schedule": "a"},
        {"lr": 0.01, "schedule": "b"},
        {"lr": 0.1, "schedule": "c"},
    ]
    assert rows(expansion) == 2 * [(0.1, "a")] + 2 * [(0.01, "b")] + 2 * [(0.1, "c")]
    both = text.replace("foreach: lr", "foreach: [schedule, lr]")
    assert [sorted(cell.values.items()) for cell in expansion_of(both).cells] == [
        sorted(cell.values.items()) for cell in expansion.cells
    ]


def test_parameters_of_a_branch_go_together() -> None:
    text = """method: grid
parameters:
  model:
    choices:
      mlp: {parameters: {w: {values: [1, 2]}, d: {values: [3, 4]}}}
      svm: {}
zip: [[w, d]]
"""
    assert [task.params for task in expansion_of(text).tasks()] == [
        {"model": "mlp", "d": 3, "w": 1},
        {"model": "mlp", "d": 4, "w": 2},
        {"model": "svm"},
    ]


def test_zip_and_where_work_together() -> None:
    text = f"method: grid\n{PARAMETERS}zip: [lr, schedule]\nwhere: lr > 0.05 or k == 2\n"
    assert [tuple(task.params.values()) for task in expansion_of(text).tasks() if task.params] == [
        (1, 0.1, "a"), (1, 0.1, "c"), (2, 0.1, "a"), (2, 0.01, "b"), (2, 0.1, "c"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[[lr, k]]", "zip[0]: needs lists of equal length, but lr has 3, k has 2"),
        ("[[lr, shedule]]", "zip[0]: shedule is not a parameter; did you mean schedule?"),
        ("[[lr, r]]", "zip[0]: r needs a plain list under values:, without probabilities"),
        ("[[lr, c]]", "zip[0]: c has one value; zip needs lists under values:"),
        ("[[lr, m.x]]", "zip[0]: m.x is inside a map; zip works on parameters outside of maps"),
        ("[[lr, b]]", "zip[0]: b needs a plain list under values:"),
        ("[[lr, w]]", "zip[0]: lr and w are never in one branch of choices"),
        ("[lr]", "zip: names only one parameter; add those that go with it"),
        ("[]", "zip: must be a list, not []; list the names of parameters"),
        ("{lr: schedule}", 'zip: must be a list, not {"lr": "schedule"}; list the names'),
        ("[[lr, schedule], [lr, k]]", "zip[1]: lr is zipped twice; put all that goes with it"),
        ("[lr, 3]", 'zip[0]: "lr" is not a list of names'),
    ],
)
def test_a_mistake_is_reported_with_its_place(value: str, message: str) -> None:
    more = (
        "  r: {min: 1, max: 3}\n  c: 3\n  m: {parameters: {x: {values: [1, 2, 3]}}}\n"
        "  b: {choices: {one: {parameters: {w: {values: [1, 2, 3]}}}}}\n"
    )
    with pytest.raises(InvalidFileError) as refused:
        read(f"method: grid\n{PARAMETERS}{more}zip: {value}\n", "f.yaml")
    assert str(refused.value).startswith("f.yaml:10:")
    assert message in str(refused.value)
