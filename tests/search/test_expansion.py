"""A sweep becomes cells with computed sizes, and tasks that are created on demand."""

import pytest

from colabctl.errors import UserError
from colabctl.search import Expansion, PlannedTask, expand, read

CONTINUOUS = "method: random\nparameters: {lr: {min: 0.0, max: 1.0}}\n"
PAIRS = """
foreach: [model, dataset]
parameters:
  dataset: {values: [d1, d2, d3]}
  model:
    choices:
      wide: {parameters: {lr: {min: 0.0, max: 1.0}}}
      small: {parameters: {k: {values: [1, 2]}}}
"""


def expanded(text: str, trials: int | None = None, run_cap: int | None = None) -> Expansion:
    return expand(read(text, "sweep.yaml"), trials=trials, run_cap=run_cap)


def sizes(expansion: Expansion) -> list[int]:
    assert sum(cell.tasks for cell in expansion.cells) == expansion.total
    return [cell.tasks for cell in expansion.cells]


def test_a_sweep_without_foreach_is_one_cell() -> None:
    expansion = expanded("method: grid\nparameters: {a: {values: [1, 2]}, b: {values: [3, 4]}}")
    assert [(cell.values, cell.tasks) for cell in expansion.cells] == [({}, 4)]
    assert list(expansion.tasks()) == [
        PlannedTask(0, 0, 0, {"a": 1, "b": 3}),
        PlannedTask(1, 0, 1, {"a": 1, "b": 4}),
        PlannedTask(2, 0, 2, {"a": 2, "b": 3}),
        PlannedTask(3, 0, 3, {"a": 2, "b": 4}),
    ]


def test_foreach_gives_a_search_for_each_combination() -> None:
    expansion = expanded("method: random\ntrials: 5\n" + PAIRS)
    pairs = [(cell.values["model"], cell.values["dataset"]) for cell in expansion.cells]
    assert pairs == [
        *(("wide", "d1"), ("wide", "d2"), ("wide", "d3")),
        *(("small", "d1"), ("small", "d2"), ("small", "d3")),
    ]
    assert sizes(expansion) == [5, 5, 5, 2, 2, 2]
    assert any("3 of 6 cells have only 2 points" in note for note in expansion.notes)
    tasks = list(expansion.tasks())
    assert [task.index for task in tasks] == list(range(21))
    for task in tasks:
        assert task.params is not None
        assert expansion.cells[task.cell].values.items() <= task.params.items()


def test_exclude_drops_combinations_and_a_rule_may_name_one_parameter() -> None:
    rules = "exclude: [{model: wide, dataset: d2}, {dataset: d3}]\n"
    expansion = expanded(
        "method: grid\n" + rules + PAIRS.replace("lr: {min: 0.0, max: 1.0}", "k: 1")
    )
    assert [cell.values for cell in expansion.cells] == [
        {"model": "wide", "dataset": "d1"},
        {"model": "small", "dataset": "d1"},
        {"model": "small", "dataset": "d2"},
    ]


def test_a_parameter_of_some_branches_varies_in_their_cells_only() -> None:
    text = """
    method: grid
    foreach: [kernel, model]
    parameters:
      model:
        choices:
          svm: {parameters: {kernel: {values: [rbf, poly]}}}
          forest: {}
    """
    assert [cell.values for cell in expanded(text).cells] == [
        {"model": "svm", "kernel": "rbf"},
        {"model": "svm", "kernel": "poly"},
        {"model": "forest"},
    ]


def test_a_cell_whose_branch_is_fixed_is_a_plain_alphabetical_grid() -> None:
    text = """
    method: grid
    foreach: model
    parameters:
      a: {values: [1, 2]}
      model: {choices: {m: {parameters: {z: {values: [3, 4]}, A: {values: [5, 6]}}}}}
      q: {values: [7, 8]}
    """
    order = [tuple((task.params or {})[name] for name in "Aaqz") for task in expanded(text).tasks()]
    assert order == sorted(order)


def test_a_search_without_a_size_gets_a_hundred_tasks_with_a_note() -> None:
    for method in ("random", "bayes\nmetric: {name: loss}"):
        expansion = expanded(CONTINUOUS.replace("random", method))
        assert expansion.total == 100
        assert "100 tasks" in expansion.notes[0]
        assert "--trials" in expansion.notes[0]


def test_every_cell_without_a_size_gets_a_hundred_tasks() -> None:
    expansion = expanded("method: random\n" + PAIRS)
    assert sizes(expansion) == [100, 100, 100, 2, 2, 2]
    assert "in each of the 6 cells" in expansion.notes[0]


def test_the_command_line_overrides_the_file() -> None:
    text = CONTINUOUS + "trials: 30\nrun_cap: 20\n"
    assert expanded(text).total == 20
    assert expanded(text, run_cap=25).total == 25
    assert expanded(text, trials=7).total == 7
    assert expanded(CONTINUOUS, run_cap=1000).total == 1000


@pytest.mark.parametrize("number", [0, -1])
def test_an_override_below_one_is_refused(number: int) -> None:
    with pytest.raises(UserError, match="trials is"):
        expanded(CONTINUOUS, trials=number)
    with pytest.raises(UserError, match="run_cap is"):
        expanded(CONTINUOUS, run_cap=number)


@pytest.mark.parametrize(
    ("run_cap", "shares"),
    [
        (21, [5, 5, 5, 2, 2, 2]),
        (20, [5, 5, 4, 2, 2, 2]),
        (13, [3, 2, 2, 2, 2, 2]),
        (12, [2, 2, 2, 2, 2, 2]),
        (8, [2, 2, 1, 1, 1, 1]),
        (2, [1, 1, 0, 0, 0, 0]),
    ],
)
def test_a_run_cap_is_shared_evenly(run_cap: int, shares: list[int]) -> None:
    assert sizes(expanded("method: random\ntrials: 5\n" + PAIRS, run_cap=run_cap)) == shares


def test_cells_without_tasks_are_noted() -> None:
    expansion = expanded("method: random\n" + PAIRS, run_cap=2)
    assert any("4 cells get no tasks" in note for note in expansion.notes)


def test_a_capped_grid_runs_its_first_points_with_a_note() -> None:
    text = "method: grid\nparameters: {a: {values: [1, 2, 3]}, b: {values: [4, 5]}}"
    for expansion in (expanded(text, run_cap=4), expanded(text, trials=4)):
        assert [task.params for task in expansion.tasks()] == [
            {"a": 1, "b": 4},
            {"a": 1, "b": 5},
            {"a": 2, "b": 4},
            {"a": 2, "b": 5},
        ]
        assert expansion.notes == ("only the first 4 of the grid's 6 points run",)


def test_a_finite_space_smaller_than_the_trials_runs_each_point_once() -> None:
    text = "method: random\ntrials: 50\nparameters: {a: {min: 1, max: 3}, b: {values: [x, y]}}"
    expansion = expanded(text)
    points = [tuple((task.params or {}).values()) for task in expansion.tasks()]
    assert sorted(points) == [(a, b) for a in (1, 2, 3) for b in "xy"]
    assert expansion.notes == ("the space has only 6 points; each runs once",)


def test_a_space_of_constants_is_one_task() -> None:
    assert expanded("method: random\nparameters: {a: 1}").total == 1


def test_bayesian_tasks_are_deferred_unless_the_points_are_few() -> None:
    text = "method: bayes\nmetric: {name: loss}\ntrials: 3\n" + PAIRS
    for task in expanded(text).tasks():
        if task.cell < 3:
            assert task.params is None
        else:
            assert task.params is not None


def test_a_grid_of_a_billion_points_is_refused_with_its_size() -> None:
    text = "method: grid\nparameters:\n" + "".join(f"  {p}: {{min: 1, max: 1000}}\n" for p in "abc")
    with pytest.raises(UserError, match=r"^sweep\.yaml: the grid has 1,000,000,000 points"):
        expanded(text)
    with pytest.raises(UserError, match="1,000,000,000 points"):
        expanded(text, run_cap=5)


def test_a_grid_whose_size_has_a_thousand_digits_is_refused_with_its_approximate_size() -> None:
    text = "method: grid\nparameters:\n" + "".join(
        f"  p{i}: {{values: [1, 2]}}\n" for i in range(5000)
    )
    with pytest.raises(UserError, match=r"about 10\^1505 points"):
        expanded(text)


def test_a_sweep_of_too_many_tasks_is_refused_with_their_number() -> None:
    with pytest.raises(UserError, match="1,000,001 tasks"):
        expanded(CONTINUOUS, trials=1_000_001)


def test_too_many_combinations_of_foreach_are_refused() -> None:
    text = (
        "method: grid\nforeach: [a, b]\nparameters: {a: {min: 1, max: 101}, b: {min: 1, max: 100}}"
    )
    with pytest.raises(UserError, match="more than 10,000 combinations"):
        expanded(text)


def test_tasks_are_created_on_demand() -> None:
    tasks = expanded(CONTINUOUS, trials=1_000_000).tasks()
    assert next(tasks).index == 0
    assert next(tasks).index == 1


def test_every_call_gives_the_same_tasks() -> None:
    first, second = (expanded("method: random\ntrials: 20\n" + PAIRS) for _ in range(2))
    assert list(first.tasks()) == list(first.tasks()) == list(second.tasks())


def test_another_seed_draws_other_values() -> None:
    one, other = (list(expanded(CONTINUOUS + f"seed: {seed}\n").tasks()) for seed in (1, 2))
    assert one != other


def test_the_repeats_of_a_configuration_follow_each_other_and_trials_counts_configurations() -> (
    None
):
    text = "trials: 2\nrepeat: {seed: [7, 8]}\n" + CONTINUOUS
    expansion = expanded(text)
    once = [task.params for task in expanded("trials: 2\n" + CONTINUOUS).tasks()]
    assert sizes(expansion) == [4]
    assert [task.params for task in expansion.tasks()] == [
        {**(params or {}), "seed": seed} for params in once for seed in (7, 8)
    ]
    assert [task.trial for task in expansion.tasks(range(1, 3))] == [1, 2]
    assert expansion.parameters == {"lr": True, "seed": True}
    assert any("2 configurations with 2 repeats each make 4 tasks" in n for n in expansion.notes)


def test_a_small_space_runs_each_point_once_for_each_repeat() -> None:
    text = "method: random\ntrials: 9\nrepeat: 2\nparameters: {x: {values: [1, 2]}}"
    assert [task.params for task in expanded(text).tasks()] == [{"x": 1}] * 2 + [{"x": 2}] * 2


def test_a_run_cap_gives_no_configuration_only_some_of_its_repeats() -> None:
    text = "run_cap: 3\nrepeat: {seed: 3}\nmethod: grid" + PAIRS.replace(
        "{min: 0.0, max: 1.0}", "{value: 1}"
    )
    assert sizes(expanded(text)) == [3, 3, 3, 0, 0, 0]


def test_repeats_count_for_the_limit_of_tasks() -> None:
    with pytest.raises(UserError, match=r"1,200,000 tasks.*lower repeat:, trials: or run_cap:"):
        expanded("trials: 300000\nrepeat: 4\n" + CONTINUOUS)
