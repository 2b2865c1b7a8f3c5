"""`method: custom` and `scheduler:` in a sweep file, as W&B's schema of 2026 has them."""

import pytest

from colabctl.search import Declaration, InvalidFileError, expand, read
from colabctl.search.language.scheduler import Scheduler

SWEEP = "metric: {name: loss}\nprogram: train.py\nrun_cap: 5\n"
CUSTOM = f"method: custom\n{SWEEP}"
PARAMETERS = "parameters: {lr: {min: 0.0, max: 1.0}, k: {values: [1, 2]}}\n"
STUDY = "scheduler: {engine: optuna, source: a.py, optimizer: f}\n"
SUGGEST = "scheduler: {engine: optuna, source: space.py, search_space: suggest}\n"


def declared(text: str) -> Declaration:
    return read(text, "f.yaml")


def test_the_users_search_space_needs_no_parameters() -> None:
    declaration = declared(CUSTOM + SUGGEST)
    assert declaration.method == "optuna"
    assert declaration.scheduler == Scheduler("space.py", None, "suggest")
    assert [task.params for task in expand(declaration).tasks()] == 5 * [None]
    assert declaration.early_terminate is None


def test_without_functions_optuna_searches_the_listed_parameters() -> None:
    declaration = declared(f"{CUSTOM}{PARAMETERS}scheduler: {{engine: optuna}}\n")
    assert (declaration.method, declaration.sampler, declaration.scheduler) == (
        "bayes",
        "tpe",
        None,
    )


def test_the_users_study_searches_the_listed_parameters() -> None:
    text = """parameters:
  a: {min: 1, max: 4}
  b: {min: 0.0, max: 4.0}
  c: {distribution: log_uniform_values, min: 1, max: 8}
  d: {distribution: q_uniform, min: 0, max: 8, q: 2}
  e: {distribution: q_log_uniform_values, min: 1, max: 8, q: 1}
  f: {values: [x, 1]}
  g: 3
scheduler: {engine: optuna, source: space.py, optimizer: study}
"""
    scheduler = declared(CUSTOM + text).scheduler
    assert scheduler == Scheduler("space.py", "study", None, {
        "a": {"distribution": "int_uniform", "min": 1, "max": 4},
        "b": {"distribution": "uniform", "min": 0.0, "max": 4.0},
        "c": {"distribution": "log_uniform_values", "min": 1, "max": 8},
        "d": {"distribution": "uniform", "min": 0, "max": 8, "q": 2},
        "e": {"distribution": "log_uniform_values", "min": 1, "max": 8, "q": 1},
        "f": {"distribution": "categorical", "values": ["x", 1]},
        "g": {"distribution": "constant", "value": 3},
    })  # fmt: skip


def test_foreach_makes_independent_studies() -> None:
    text = f"{CUSTOM}foreach: data\nparameters: {{data: {{values: [a, b]}}}}\n{SUGGEST}"
    declaration = declared(text.replace("run_cap: 5", "trials: 5"))
    assert [cell.values for cell in expand(declaration).cells] == [{"data": "a"}, {"data": "b"}]


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_the_engine_of_wandb_is_that_of_colabctl(method: str) -> None:
    parameters = PARAMETERS.replace("{min: 0.0, max: 1.0}", "{values: [1, 2]}")
    text = f"method: {method}\n{SWEEP}{parameters}scheduler: {{engine: wandb}}\n"
    assert "scheduler: colabctl's own search does what W&B's engine does" in declared(text).notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CUSTOM + PARAMETERS, "f.yaml:1:9: method: custom needs scheduler:, as in {engine: optuna, "),
        (f"{CUSTOM}scheduler: optuna\n{PARAMETERS}", "scheduler: must be a map, as in {engine: optuna"),
        (f"{CUSTOM}scheduler: {{job: a}}\n{PARAMETERS}", "scheduler: needs engine:, as in {engine"),
        (f"{CUSTOM}scheduler: {{engine: ax}}\n{PARAMETERS}", "scheduler.engine: colabctl has no Ax; use"),
        (f"{CUSTOM}scheduler: {{engine: optnua}}\n{PARAMETERS}", "did you mean optuna?"),
        (f"{CUSTOM}scheduler: {{engine: wandb}}\n{PARAMETERS}", "wandb is for method: grid, random or bayes"),
        (f"method: random\n{SWEEP}{PARAMETERS}{SUGGEST}", "scheduler.engine: optuna needs method: custom"),
        (f"{CUSTOM}scheduler: {{engine: optuna, search_space: f}}\n", "scheduler.search_space: needs source:"),
        (f"{CUSTOM}scheduler: {{engine: optuna, source: a.yaml, search_space: f}}\n", "is not a Python file"),
        (f"{CUSTOM}scheduler: {{engine: optuna, source: a.py, search_space: a.f}}\n", "is not the name of a"),
        (f"{CUSTOM}scheduler: {{engine: optuna, sauce: a.py}}\n{PARAMETERS}", "did you mean source?"),
        (f"{CUSTOM}scheduler: {{engine: optuna}}\n", "parameters: is missing or empty"),
        (CUSTOM.replace("metric: {name: loss}\n", "") + SUGGEST, "custom needs metric:"),
        (f"{CUSTOM}{SUGGEST}early_terminate: {{type: hyperband, min_iter: 3}}\n", "give the study a pruner"),
        (f"{CUSTOM}{SUGGEST}sampler: gp\n", "sampler: has no effect with a scheduler, whose functions"),
        (f"{CUSTOM}{SUGGEST}where: a < 1\n", "where: has no effect with a scheduler, whose functions"),
        (
            f"{CUSTOM}parameters: {{a: {{distribution: normal}}}}\n{STUDY}",
            "parameters.a: Optuna has no such parameter; suggest it in scheduler.search_space",
        ),
    ],
)  # fmt: skip
def test_a_mistake_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(InvalidFileError) as refused:
        declared(text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "scheduler",
    [
        "",
        "scheduler: {engine: optnua, source: a.py, search_space: f}\n",
        "scheduler: {engine: ax}\n",
        "scheduler: {engine: optuna, source: a.py, search_spce: f}\n",
    ],
)
def test_a_mistake_in_the_scheduler_is_not_called_a_lack_of_parameters(scheduler: str) -> None:
    with pytest.raises(InvalidFileError) as refused:
        declared(CUSTOM + scheduler)
    assert len(refused.value.problems) == 1
    assert "scheduler" in str(refused.value)


def test_a_wrong_method_names_all_methods() -> None:
    with pytest.raises(
        InvalidFileError, match=r"grid, random, bayes, optuna, custom, not .*did you mean random"
    ):
        declared(CUSTOM.replace("custom", "randon") + PARAMETERS)


def test_listed_parameters_are_ignored_beside_a_search_space_as_in_wandb() -> None:
    notes = declared(CUSTOM + PARAMETERS + SUGGEST).notes
    assert "parameters.k, parameters.lr: ignored, as scheduler.search_space decides" in notes
