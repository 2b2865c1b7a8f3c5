"""Every key of W&B's format is read, refused for a reason, or ignored with a note."""

import pytest

from colabctl.errors import UserError
from colabctl.search import InvalidFileError, Metric, Space, expand, read
from colabctl.search.language import libraries
from tests.search.language.minimal import MINIMAL, declared, problem_of


def test_a_complete_file_is_read() -> None:
    declaration = read(
        """
        name: bench
        description: three models
        method: random
        metric: {name: val/rmse, goal: maximize, target: 0.9}
        program: MAIN.ipynb
        command: [python, "${program}", --steps, 40, "${args}"]
        run_cap: 800
        foreach: [dataset]
        trials: 60
        exclude: [{dataset: b}]
        seed: 7
        max_retries: 3
        task_timeout: 90m
        code: [src, extra.py]
        claims: careful
        parameters:
          dataset: {values: [a, b]}
        """,
        "sweep.yaml",
    )
    assert declaration.name == "bench"
    assert declaration.description == "three models"
    assert declaration.method == "random"
    assert declaration.metric == Metric("val/rmse", "maximize", 0.9)
    assert declaration.program == "MAIN.ipynb"
    assert declaration.command == ("python", "${program}", "--steps", "40", "${args}")
    assert declaration.run_cap == 800
    assert declaration.foreach == ("dataset",)
    assert declaration.trials == 60
    assert declaration.exclude == ({"dataset": "b"},)
    assert declaration.seed == 7
    assert declaration.max_retries == 3
    assert declaration.task_timeout == 5400.0
    assert declaration.code == ("src", "extra.py")
    assert declaration.claims == "careful"
    assert declaration.content["name"] == "bench"
    assert declaration.notes == ()


def test_a_missing_or_null_key_has_its_default() -> None:
    for declaration in (declared(""), declared("program:\nseed: null\nforeach: ~\nmetric:\n")):
        assert declaration.program is None
        assert declaration.metric is None
        assert declaration.command is None
        assert declaration.foreach == ()
        assert declaration.seed == 0
        assert declaration.max_retries == 1
        assert declaration.task_timeout is None
        assert declaration.code == ()
        assert declaration.claims == "eager"


def test_keys_that_only_wandb_uses_are_ignored_with_a_note() -> None:
    text = "entity: me\nproject: p\ncontroller: {type: local}\nscheduler: {job: a}\n"
    declaration = declared(f"{text}queue: q\nresource: k8s\ntags: [a]\nsettings: {{}}\n")
    (note,) = declaration.notes
    assert note.startswith("entity, project, controller, queue, resource, settings and 2 more: ")
    assert note.endswith("used by W&B only, has no effect here")


def test_unknown_keys_are_ignored_as_in_wandb() -> None:
    assert "args: unknown key" in declared("args: {--lr: 1}\n").notes[0]


@pytest.mark.parametrize(
    ("more", "line", "words"),
    [
        ("metod: grid", "3:1", "did you mean method?"),
        ("n_trials: 5", "3:1", "did you mean trials?"),
        ("metrics: [{name: a}]", "3:10", "write one as metric:"),
        ("metric: loss", "3:9", "{name: loss, goal: minimize}"),
        ("metric: {goal: minimize}", "3:9", "needs name:"),
        ("metric: {name: a, goal: up}", "3:25", "minimize or maximize"),
        ("metric: {name: a, target: high}", "3:27", "must be a number"),
        ("metric: {name: a, gaol: minimize}", "3:19", "did you mean goal?"),
        ("run_cap: 0", "3:10", "at least 1"),
        ("trials: 2.5", "3:9", "whole number"),
        ("trials: true", "3:9", "whole number"),
        ("seed: x", "3:7", "whole number"),
        ("max_retries: -1", "3:14", "at least 0"),
        ("task_timeout: soon", "3:15", "90s"),
        ("task_timeout: [1]", "3:15", "90s"),
        ("claims: earger", "3:9", "did you mean eager?"),
        ("code: [3]", "3:8", "must be text"),
        ("program: [a]", "3:10", "must be text"),
        ("program: ' '", "3:10", "must be text"),
        ("command: python train.py", "3:10", "list of words"),
        ("command: [[a]]", "3:11", "must be a word"),
        ("foreach: [rate]", "3:11", "rate is not a parameter"),
        ("foreach: [lr]", "3:11", "needs a plain list"),
        ("foreach: {lr: 1}", "3:10", "must be text"),
        ("exclude: [{lr: 1}]", "3:12", "foreach is missing"),
        ("exclude: [lr]", "3:11", "must be a map"),
        ("early_terminate: 3", "3:18", "must be a map"),
        ("early_terminate: median", "3:18", "as in {type: median}"),
    ],
)
def test_a_problem_is_reported_with_its_place_and_a_fix(more: str, line: str, words: str) -> None:
    problem = problem_of(MINIMAL + more)
    assert problem.startswith(f"sweep.yaml:{line}: ")
    assert words in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("[1]", "is a map with method:"),
        ("parameters: {a: 1}", "method: is missing"),
        ("method: gird\nparameters: {a: 1}", "did you mean grid?"),
        ("method: custom\nparameters: {a: 1}", "use bayes"),
        ("method: bayes\nparameters: {a: 1}", "needs metric:"),
        ("method: grid", "parameters: is missing"),
        ("method: grid\nparameters: {}", "parameters: is missing"),
        ("method: grid\nparameters: [a]", "must be a map"),
    ],
)
def test_a_file_without_its_main_parts_is_refused(text: str, words: str) -> None:
    assert words in problem_of(text)


def test_another_word_for_a_goal_is_understood_and_noted() -> None:
    declaration = declared("metric: {name: acc, goal: maximum}\n")
    assert declaration.metric == Metric("acc", "maximize")
    assert "W&B reads any word but maximize as minimize" in declaration.notes[0]


def test_a_number_as_a_name_becomes_text() -> None:
    assert declared("name: 5").name == "5"


MODELS = """
method: grid
parameters:
  model: {choices: {svm: {parameters: {kernel: {values: [a, b]}}}, forest: {}}}
  dataset: {values: [adult, 3, [1]]}
  lr: {min: 1, max: 2}
"""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("foreach: [modle]", "did you mean model?"),
        ("foreach: [dataset, dataset]", "dataset is listed twice"),
        ("foreach: [kernel]", "add model to foreach"),
        (f"foreach: [{', '.join('abcdefghijklmnopqrst')}]", "16 is the limit"),
        ("foreach: [model]\nexclude: [{dataset: adult}]", "dataset is not in foreach"),
        ("foreach: [model]\nexclude: [{modle: svm}]", "did you mean model?"),
        ("foreach: [model]\nexclude: [{model: svn}]", "did you mean svm?"),
        ("foreach: [dataset]\nexclude: [{dataset: '3'}]", "not a value of dataset"),
        ("foreach: [lr]\nexclude: [{lr: 3}]", "not a value of lr"),
    ],
)
def test_foreach_and_exclude_must_name_parameters_and_values_that_exist(
    more: str, words: str
) -> None:
    assert words in problem_of(MODELS + more)


def test_one_name_or_rule_needs_no_list() -> None:
    declaration = read(MODELS + "foreach: model\nexclude: {model: svm}", "sweep.yaml")
    assert declaration.foreach == ("model",)
    assert [cell.values for cell in expand(declaration).cells] == [{"model": "forest"}]


def test_dropping_every_combination_is_refused() -> None:
    declaration = read(MODELS + "foreach: lr\nexclude: [{lr: 1}, {lr: 2}]", "sweep.yaml")
    with pytest.raises(UserError, match=r"^sweep\.yaml: exclude drops every combination"):
        expand(declaration)


def test_problems_beyond_a_hundred_are_counted() -> None:
    parameters = {f"p{i}": {"min": 2, "max": 1} for i in range(150)}
    with pytest.raises(InvalidFileError) as refused:
        read({"method": "random", "parameters": parameters}, "space")
    assert len(refused.value.problems) == 150
    assert str(refused.value).endswith("\n... and 50 more problems")


def test_an_objective_needs_a_function_and_suggests_its_own_parameters() -> None:
    declaration = read("method: optuna\nprogram: study.py:objective\n", "o.yaml")
    assert declaration.parameters == Space()
    assert declaration.metric == Metric("value", "minimize")
    assert declaration.sampler == "tpe"
    assert read(
        "method: optuna\nprogram: a.py:f\nmetric: {name: f1, goal: maximize}\n", "o"
    ).metric == Metric("f1", "maximize")
    with pytest.raises(
        InvalidFileError, match=r'needs the objective as program:, as in "study\.py:obj'
    ):
        read("method: optuna\nprogram: study.py\n", "o.yaml")
    with pytest.raises(InvalidFileError, match="list only those in foreach"):
        read("method: optuna\nprogram: a.py:f\nparameters: {lr: {values: [1, 2]}}\n", "o.yaml")


def test_an_objective_has_one_study_for_each_combination() -> None:
    text = "method: optuna\nprogram: a.py:f\ntrials: 7\nforeach: [d]\nparameters: {d: {values: [1, 2]}}\n"
    expansion = expand(read(text, "o.yaml"))
    assert [(cell.values, cell.tasks) for cell in expansion.cells] == [({"d": 1}, 7), ({"d": 2}, 7)]
    assert [task.params for task in expansion.tasks()] == [None] * 14


def test_a_sampler_is_for_searches_that_learn() -> None:
    assert read(BAYES + "sampler: gp\n", "b.yaml").sampler == "gp"
    with pytest.raises(InvalidFileError, match="did you mean cmaes"):
        read(BAYES + "sampler: cmaess\n", "b.yaml")
    with pytest.raises(InvalidFileError, match="has no effect with method: random"):
        read(BAYES.replace("bayes", "random") + "sampler: gp\n", "b.yaml")


BAYES = "method: bayes\nmetric: {name: loss}\nparameters: {x: {min: 0.0, max: 1.0}}\n"


def test_empty_names_and_descriptions_count_as_missing() -> None:
    declaration = declared("name: ''\ndescription: ''\n")
    assert declaration.name is None
    assert declaration.description is None


def test_a_library_that_a_sampler_lacks_is_named_with_its_installation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(libraries, "find_spec", lambda name: None)
    (note,) = read(BAYES + "sampler: gp\n", "b.yaml").notes
    assert note.startswith("sampler: gp needs optuna, scipy on each worker, and this machine lacks")
    assert note.endswith("pip install optuna scipy (or install colabctl with the extra bayes)")
    study = "method: optuna\nprogram: a.py:f\nsampler: gp\n"
    (note,) = read(study, "o.yaml").notes
    assert note.endswith("run: pip install optuna torch scipy")
    (note,) = read(BAYES, "b.yaml").notes
    assert note.startswith("method: bayes needs optuna on each worker, and this machine lacks it")
    assert note.endswith("pip install optuna (or install colabctl with the extra bayes)")
    assert read(BAYES.replace("bayes", "random"), "r.yaml").notes == ()


def test_process_tasks_is_for_functions() -> None:
    assert declared("program: a.py:train\nprocess_tasks: 3").process_tasks == 3
    program = declared("program: a.py\nprocess_tasks: 3")
    assert program.process_tasks == 0
    assert any("process_tasks: for functions only" in note for note in program.notes)
    assert "process_tasks" in problem_of(MINIMAL + "process_tasks: 0")


def test_an_expansion_says_which_parameters_every_task_has() -> None:
    choices = "{a: {parameters: {depth: {values: [1, 2]}, lr: 1}}, b: {parameters: {lr: 2}}}"
    text = f"method: grid\nforeach: [data]\nparameters: {{data: {{values: [x, y]}}, model: {{choices: {choices}}}}}"
    assert expand(read(text, "sweep.yaml")).parameters == {
        "data": True, "depth": False, "lr": False, "model": True,
    }  # fmt: skip
    text = text.replace("[data]", "[model]")
    assert expand(read(text, "sweep.yaml")).parameters == {
        "data": True, "depth": False, "lr": True, "model": True,
    }  # fmt: skip
