"""Every key of W&B's format is read, refused for a reason, or ignored with a note."""

from typing import Any

import pytest

from colabctl.errors import UserError
from colabctl.search import Declaration, InvalidFileError, Metric, Space, expand, read
from colabctl.search.language import libraries
from colabctl.search.language.stopping_rules import Median

MINIMAL = "method: random\nparameters: {lr: {min: 0.0, max: 1.0}}\n"


def declared(more: str) -> Declaration:
    return read(MINIMAL + more, "sweep.yaml")


def problem_of(text: str) -> str:
    with pytest.raises(InvalidFileError) as refused:
        read(text, "sweep.yaml")
    return str(refused.value)


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
    text = "entity: me\nproject: p\ncontroller: {type: local}\nscheduler: {engine: optuna}\n"
    declaration = declared(f"{text}queue: q\nresource: k8s\ntags: [a]\nsettings: {{}}\n")
    (note,) = declaration.notes
    assert note.startswith("entity, project, controller, scheduler, queue, resource and 2 more: ")
    assert note.endswith("used by W&B only, has no effect here")


def test_unknown_keys_are_ignored_as_in_wandb() -> None:
    assert "args: unknown key" in declared("args: {--lr: 1}\n").notes[0]


@pytest.mark.parametrize(
    ("more", "line", "words"),
    [
        ("metod: grid", "3:1", "did you mean method?"),
        ("n_trials: 5", "3:1", "did you mean trials?"),
        ("metrics: [{name: a}]", "3:1", "name the main one under metric:"),
        ("metric: loss", "3:9", "{name: val_loss, goal: minimize}"),
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


WORDS = "hyperband, median, percentile, successive_halving, patient, threshold"


@pytest.mark.parametrize(
    ("rule", "at", "words"),
    [
        ("{min_iter: 3}", "{", f"needs type:, one of {WORDS}"),
        ("{type: nop}", "nop", f'must be one of {WORDS}, not "nop"'),
        ("{type: [median]}", "[", f"must be one of {WORDS}"),
        ("{type: medain}", "medain", "did you mean median?"),
        ("{type: MedianPruner}", "Med", "did you mean median?"),
        ("{type: asha}", "asha", "did you mean successive_halving?"),
        ("{type: SHA}", "SHA", "did you mean successive_halving?"),
        ("{type: Hyper-Band}", "Hyper", "did you mean hyperband?"),
        ("{type: hyperband}", "{", "needs min_iter:"),
        ("{type: hyperband, max_iter: 27}", "27", "needs s:"),
        ("{type: hyperband, max_iter: 2, s: 2}", "{", "never stops a task"),
        ("{type: hyperband, min_iter: 3, eta: 1}", "1}", "above 1"),
        ("{type: hyperband, min_iter: 3, strict: 1}", "1}", "true or false"),
        ("{type: hyperband, min_itr: 3, min_iter: 3}", "min_itr", "mean min_iter?"),
        ("{type: hyperband, min_iter: 3, max_resource: 9}", "max_r", "mean max_iter?"),
        ("{type: median, warmup_steps: 3}", "warmup", "mean n_warmup_steps?"),
        ("{type: median, min_iter: 3}", "min_iter", "mean n_warmup_steps?"),
        ("{type: median, n_startup_trials: -1}", "-1", "at least 0"),
        ("{type: median, interval_steps: 0}", "0", "at least 1"),
        ("{type: median, n_min_trials: 1.5}", "1.5", "whole number"),
        ("{type: percentile}", "{", "needs percentile:"),
        ("{type: percentile, percentile: 101}", "101", "from 0 to 100"),
        ("{type: percentile, percentile: '25'}", "'25'", "without quotes"),
        ("{type: successive_halving, eta: 3}", "eta", "mean reduction_factor?"),
        ("{type: successive_halving, reduction_factor: 1}", "1}", "at least 2"),
        ("{type: successive_halving, min_resource: 0}", "0}", "auto or a whole number"),
        ("{type: successive_halving, min_resource: all}", "all", "auto or a whole number"),
        ("{type: successive_halving, bootstrap_count: 2}", "2}", "needs a number as min_resource:"),
        ("{type: successive_halving, min_early_stopping_rate: 99}", "99", "at most 60"),
        ("{type: patient}", "{", "needs patience:"),
        ("{type: patient, patience: -1}", "-1", "at least 0"),
        ("{type: patient, patience: 2, min_delta: -0.1}", "-0.1", "at least 0"),
        ("{type: patient, patience: 2, wrapped_pruner: median}", "median", "{type: median}"),
        ("{type: patient, patience: 2, wrapped_pruner: {type: hyperband}}", "hyper", "_halving?"),
        ("{type: patient, patience: 2, wrapped_pruner: {type: sha}}", "sha", "successive_halving?"),
        ("{type: threshold}", "{", "needs lower: or upper:"),
        ("{type: threshold, lower: 2, upper: 1}", "2,", "above upper:"),
        ("{type: threshold, upper: 2, min: 1}", "min", "mean lower?"),
    ],
)
def test_a_problem_of_a_stopping_rule_is_reported_with_its_place_and_a_fix(
    rule: str, at: str, words: str
) -> None:
    problem = problem_of(f"{MINIMAL}early_terminate: {rule}")
    assert problem.startswith(f"sweep.yaml:3:{18 + rule.index(at)}: early_terminate")
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


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{min_iter: 3}", {"min_iter": 3, "eta": 3, "strict": True}),
        ("{min_iter: 3, eta: 2, strict: false}", {"min_iter": 3, "eta": 2, "strict": False}),
        ("{max_iter: 27, s: 2}", {"max_iter": 27, "s": 2, "eta": 3, "strict": True}),
        ("{max_iter: 9, s: 2, min_iter: 1}", {"max_iter": 9, "s": 2, "eta": 3, "strict": True}),
        ("{min_iter: 3, s: 2}", {"min_iter": 3, "eta": 3, "strict": True}),
    ],
)
def test_hyperband_has_the_reference_engines_defaults(rule: str, expected: dict[str, Any]) -> None:
    more = f"metric: {{name: loss}}\nearly_terminate: {{type: hyperband, {rule[1:]}"
    rule_read = declared(more).early_terminate
    assert rule_read is not None
    assert rule_read.to_json() == {"type": "hyperband"} | expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            "{type: median}",
            {"n_startup_trials": 5, "n_warmup_steps": 0, "interval_steps": 1, "n_min_trials": 1},
        ),
        (
            "{type: percentile, percentile: 25.0, n_warmup_steps: 10}",
            {
                "percentile": 25.0,
                "n_startup_trials": 5,
                "n_warmup_steps": 10,
                "interval_steps": 1,
                "n_min_trials": 1,
            },
        ),
        (
            "{type: successive_halving, min_resource: 3, bootstrap_count: 2}",
            {
                "min_resource": 3,
                "reduction_factor": 4,
                "min_early_stopping_rate": 0,
                "bootstrap_count": 2,
            },
        ),
        ("{type: patient, patience: 4}", {"wrapped_pruner": None, "patience": 4, "min_delta": 0.0}),
        (
            "{type: patient, patience: 4, wrapped_pruner: {type: threshold, upper: 9}}",
            {
                "wrapped_pruner": {
                    "type": "threshold",
                    "lower": None,
                    "upper": 9,
                    "n_warmup_steps": 0,
                    "interval_steps": 1,
                },
                "patience": 4,
                "min_delta": 0.0,
            },
        ),
    ],
)
def test_a_pruner_has_optunas_arguments_with_their_defaults(
    rule: str, expected: dict[str, Any]
) -> None:
    early_terminate = declared(f"metric: {{name: loss}}\nearly_terminate: {rule}").early_terminate
    assert early_terminate is not None
    assert early_terminate.to_json() == {"type": early_terminate.type} | expected


def test_all_problems_of_a_rule_are_reported_together() -> None:
    problem = problem_of(
        MINIMAL
        + "early_terminate: {type: patient, patience: soon, min_delta: -1,"
        + " wrapped_pruner: {type: threshold, max: 1, interval_steps: 0}}"
    )
    assert [line.split(": ")[1] for line in problem.splitlines()] == [
        "early_terminate.patience",
        "early_terminate.min_delta",
        "early_terminate.wrapped_pruner",
        "early_terminate.wrapped_pruner.max",
        "early_terminate.wrapped_pruner.interval_steps",
    ]


def test_an_unknown_key_of_a_rule_is_ignored_with_a_note() -> None:
    more = "metric: {name: loss}\nearly_terminate: {type: median, why: slow, n_min_trials: 2}"
    declaration = declared(more)
    assert declaration.early_terminate == Median(n_min_trials=2)
    assert "early_terminate.why: unknown key" in declaration.notes[0]


@pytest.mark.parametrize("rule", ["{type: hyperband, min_iter: 3}", "{type: median}"])
def test_early_termination_without_a_metric_is_ignored_with_a_note(rule: str) -> None:
    declaration = declared(f"early_terminate: {rule}")
    assert declaration.early_terminate is None
    assert "no metric:" in declaration.notes[0]


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
        ("method:grid", "write a space after the colon of each key"),
        ("method\uff1a grid", "write an ordinary : after each key"),
        ("method: grid\nname: no\nparameters: {a: 1}", "put it in quotes"),
    ],
)
def test_a_common_slip_is_refused_with_what_to_write(text: str, words: str) -> None:
    assert words in problem_of(text)


def test_empty_names_and_descriptions_count_as_missing() -> None:
    declaration = declared("name: ''\ndescription: ''\n")
    assert declaration.name is None
    assert declaration.description is None


def test_a_library_that_a_sampler_lacks_is_named_with_its_installation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(libraries, "find_spec", lambda name: None)
    (note,) = read(BAYES + "sampler: gp\n", "b.yaml").notes
    assert note.startswith(
        "sampler: gp needs optuna, torch, scipy on each worker, and this machine "
    )
    assert note.endswith("lacks them; run: pip install optuna torch scipy")
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
