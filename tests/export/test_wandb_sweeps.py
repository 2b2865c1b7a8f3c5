"""A sweep becomes W&B sweeps that mean the same: one for each cell, and for each branch in it."""

import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.export.wandb_sweeps import WandbSweep, assignments, wandb_sweeps
from colabctl.export.yaml_text import as_yaml
from colabctl.search import Declaration, expand, read
from colabctl.search.language.stopping.stopping_rules import Median
from colabctl.search.space.discrete import Points
from colabctl.search.space.uniforms import uniforms
from tests.search.space.test_continuous import Raw, levels

NONE: Points[Any] = Points(0, lambda _: {})

TEXTS = ["1e-5", "1e5", ".5e3", "yes", "no", "null", "~", "0x10", "2020-01-01", "=", "<<", "",
         " a", "a: b", "# a", "a #b", "- a", "a\nb", "\x85", "\u2028", "\0", "é", "漢", "12:30",
         "1_000", "nan", ".inf", "True", "None", "'", '"', "%", "@", "`", "!x", "&a", "*a", "{", "a,b",
         "\ufeff", "\U0001f600", "?", "? a", "a" * 200, "\t", "a\n\n b\n", "---", "..."]  # fmt: skip

texts = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
numbers = st.floats(-1e30, 1e30) | st.integers(-(10**6), 10**6)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
pairs = st.tuples(numbers, numbers).map(sorted).filter(lambda pair: pair[0] < pair[1])
positive = st.floats(1e-30, 1e30)
positive_pairs = st.tuples(positive, positive).map(sorted).filter(lambda pair: pair[0] < pair[1])
steps = st.sampled_from([1, 3, 0.1, 0.25, 1.0, 1e-5])
small_pairs = st.tuples(st.integers(-50, 50), st.floats(51, 99)).map(list)


def distribution(
    distribution: str, keys: tuple[str, str], bounds: st.SearchStrategy[Any], *, q: bool
) -> Any:
    drawn = bounds.map(
        lambda pair: {"distribution": distribution, keys[0]: pair[0], keys[1]: pair[1]}
    )
    if not q:
        return drawn
    rounded = st.tuples(drawn, steps)
    return rounded.map(lambda both: {**both[0], "distribution": f"q_{distribution}", "q": both[1]})


BOUNDS, SPREAD, SHAPES = ("min", "max"), ("mu", "sigma"), ("a", "b")
spreads = st.tuples(st.floats(-9, 9), st.floats(1e-3, 9)).map(list)
exponents = st.tuples(st.integers(-9, 3), st.floats(4, 9)).map(list)
continuous = st.one_of(
    distribution("uniform", BOUNDS, pairs, q=False),
    distribution("uniform", BOUNDS, small_pairs, q=True),
    distribution("log_uniform", BOUNDS, exponents, q=False),
    distribution("log_uniform", BOUNDS, exponents, q=True),
    distribution("log_uniform_values", BOUNDS, positive_pairs, q=False),
    distribution(
        "log_uniform_values", BOUNDS, st.tuples(st.floats(1e-9, 1), st.floats(2, 99)), q=True
    ),
    distribution("inv_log_uniform", BOUNDS, exponents, q=False),
    distribution("inv_log_uniform_values", BOUNDS, positive_pairs, q=False),
    distribution("normal", SPREAD, spreads, q=False),
    distribution("normal", SPREAD, spreads, q=True),
    distribution("log_normal", SPREAD, spreads, q=False),
    distribution("log_normal", SPREAD, spreads.map(lambda pair: [pair[0], 0.5]), q=True),
    distribution("beta", SHAPES, st.tuples(st.floats(0.1, 9), st.integers(1, 9)), q=False),
    distribution("beta", SHAPES, st.tuples(st.floats(0.1, 9), st.integers(1, 9)), q=True),
    st.just({"distribution": "q_normal"}),
)
listable: st.SearchStrategy[Raw] = st.one_of(
    st.builds(lambda value: {"value": value}, plain),
    st.builds(lambda values: {"values": values}, st.lists(plain, min_size=1, max_size=4)),
    st.builds(lambda low, n: {"min": low, "max": low + n}, st.integers(-99, 9), st.integers(1, 3)),
    distribution("uniform", BOUNDS, st.tuples(st.integers(-5, 0), st.floats(1, 3)), q=True).filter(
        lambda raw: raw["q"] > 0.05
    ),
)
weighted = st.builds(
    lambda values: {"values": values, "probabilities": [1 / len(values)] * len(values)},
    st.lists(plain, min_size=1, max_size=4),
)


@st.composite
def declared(draw: st.DrawFn, leaves: st.SearchStrategy[Raw], method: str) -> Declaration:
    """Draw a sweep with nests, choices in choices, and a search for each value of `cell`."""
    parameters = draw(levels(leaves, 2, "abcd"))
    parameters["cell"] = {"values": draw(st.lists(plain, min_size=1, max_size=3))}
    raw: Raw = {
        "method": method,
        "parameters": parameters,
        "foreach": draw(st.sampled_from([[], ["cell"]])),
        "trials": draw(st.integers(1, 40)),
        "metric": {"name": "y" + draw(texts).replace("\0", ""), "target": 1e-05},
    }
    return read(raw, "s.yaml")


def exported(declaration: Declaration, name: str = "s") -> list[WandbSweep]:
    return wandb_sweeps(declaration, expand(declaration).cells, name)[0]


def sweep_of(more: str = "", parameters: str = "x: {min: 0.0, max: 1.0}") -> Declaration:
    return read(f"method: random\ntrials: 10\n{more}\nparameters: {{{parameters}}}\n", "s.yaml")


def notes_of(declaration: Declaration) -> list[str]:
    return wandb_sweeps(declaration, expand(declaration).cells, "s")[1]


def text(value: Any) -> str:
    """Return a text that differs for 1, 1.0 and true."""
    return json.dumps(value, sort_keys=True)


@settings(deadline=None, max_examples=25)
@given(declared(continuous | listable | weighted, "random"))
def test_a_written_sweep_is_read_back_unchanged_by_pyyaml_and_colabctl(sweep: Declaration) -> None:
    for export in exported(sweep):
        written = as_yaml(export.config, ["a comment"])
        assert text(yaml.safe_load(written)) == text(export.config)
        assert text(read(written, "out.yaml").content) == text(export.config)


@settings(deadline=None, max_examples=25)
@given(declared(continuous | listable | weighted, "random"))
def test_every_draw_is_drawn_by_the_sweep_of_its_cell_and_its_branches(sweep: Declaration) -> None:
    for cell in expand(sweep).cells:
        exports, notes = wandb_sweeps(sweep, [cell], "s")
        numbers = uniforms(sweep.seed, cell.values)
        samplers = [read(export.config, "s").parameters.sampler(numbers) for export in exports]
        draw = cell.space.sampler(numbers)
        for trial in range(10):
            params = draw(trial)
            fitting = [
                sampler(trial)
                for export, sampler in zip(exports, samplers, strict=True)
                if all(
                    text(at(params, name)) == text(value) for name, value in export.fixed.items()
                )
            ]
            if not any("without tasks" in note for note in notes):
                assert len(fitting) == 1
            assert all(near(drawn, params) for drawn in fitting)


def at(params: Raw, name: str) -> Any:
    """Return the value at a dotted name, or a text that is not a value of any sweep."""
    first, _, rest = name.partition(".")
    value = params.get(first, "no such name")
    return at(value, rest) if rest else value


def near(one: Any, other: Any) -> bool:
    """Return whether values are the same except for the last digits of floats."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(near(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-11)
    return text(one) == text(other)


@settings(deadline=None, max_examples=25)
@given(declared(listable, "grid"))
def test_the_grids_of_the_branches_are_the_grid_of_their_cell(sweep: Declaration) -> None:
    assume((sweep.parameters.points(grid=True) or NONE).size < 500)
    sweep = replace(sweep, trials=None)
    for cell in expand(sweep).cells:
        exports, _ = wandb_sweeps(sweep, [cell], "s")
        points = [
            draw.params for export in exports for draw in expand(read(export.config, "s")).tasks()
        ]
        grid = cell.space.points(grid=True) or NONE
        assert sorted(map(text, points)) == sorted(text(grid.at(i)) for i in range(grid.size))
        assert [export.tasks for export in exports] == [
            expand(read(export.config, "s")).total for export in exports
        ]


@settings(deadline=None, max_examples=25)
@given(declared(continuous | listable, "random"), st.sampled_from(["random", "bayes", "grid"]))
def test_a_cell_gives_all_its_tasks_to_its_branches_and_none_more_than_it_has_points(
    sweep: Declaration, method: Any
) -> None:
    sweep = replace(sweep, method=method)
    assume(method != "grid" or sweep.parameters.points(grid=True) is not None)
    try:
        cells = expand(sweep).cells
    except UserError:  # a grid of more than a million
        assume(False)
    for cell in cells:
        exports, _ = wandb_sweeps(sweep, [cell], "s")
        assert sum(export.tasks for export in exports) == cell.tasks
        for export in exports:
            assert export.config["run_cap"] == export.tasks > 0
            alone = expand(replace(read(export.config, "s"), method=method))
            assert export.tasks == alone.total


def test_each_cell_is_a_sweep_and_so_is_each_branch_in_it() -> None:
    sweep = sweep_of(
        "foreach: [data, model]",
        """
        data: {values: [a, b]},
        model: {choices: {svm: {parameters: {C: {min: 1, max: 99}}}, linear: {}}},
        net: {parameters: {opt: {choices: {
            adam: {parameters: {lr: {min: 0.1, max: 0.2}}},
            sgd: {parameters: {momentum: {min: 0.5, max: 0.9}}}}}}}
        """,
    )
    exports = exported(sweep, "bench")
    assert [(" ".join(assignments(export.fixed)), export.tasks) for export in exports] == [
        ("data=a model=svm net.opt=adam", 5),
        ("data=a model=svm net.opt=sgd", 5),
        ("data=a model=linear net.opt=adam", 5),
        ("data=a model=linear net.opt=sgd", 5),
        ("data=b model=svm net.opt=adam", 5),
        ("data=b model=svm net.opt=sgd", 5),
        ("data=b model=linear net.opt=adam", 5),
        ("data=b model=linear net.opt=sgd", 5),
    ]
    assert exports[1].name == "bench data=a model=svm net.opt=sgd"
    assert exports[1].config == {
        "name": "bench data=a model=svm net.opt=sgd",
        "method": "random",
        "run_cap": 5,
        "parameters": {
            "C": {"distribution": "int_uniform", "min": 1, "max": 99},
            "data": {"distribution": "constant", "value": "a"},
            "model": {"distribution": "constant", "value": "svm"},
            "net": {
                "parameters": {
                    "momentum": {"distribution": "uniform", "min": 0.5, "max": 0.9},
                    "opt": {"distribution": "constant", "value": "sgd"},
                }
            },
        },
    }


def test_branches_get_the_tasks_of_their_cell_as_they_get_its_draws() -> None:
    def shares(branches: str, trials: int) -> list[int]:
        exports = exported(
            sweep_of(f"run_cap: {trials}", f"x: {{min: 0.0, max: 1.0}}, m: {{choices: {branches}}}")
        )
        return [export.tasks for export in exports]

    assert shares("{a: {}, b: {}, c: {}}", 10) == [3, 4, 3]
    inner = "{parameters: {n: {choices: {p: {}, q: {}}}}}"
    assert shares(f"{{a: {inner}, b: {{}}}}", 8) == [2, 2, 4]


def test_a_branch_with_few_points_leaves_its_tasks_to_the_others() -> None:
    exports = exported(
        sweep_of("", "m: {choices: {a: {parameters: {x: {min: 0.0, max: 1.0}}}, linear: {}}}")
    )
    assert [(export.fixed["m"], export.tasks) for export in exports] == [("a", 9), ("linear", 1)]


def test_a_branch_without_tasks_is_skipped_with_a_note() -> None:
    sweep = sweep_of("run_cap: 1", "m: {choices: {a: {}, b: {}}}, x: {min: 0.0, max: 1.0}")
    assert len(exported(sweep)) == 1
    assert "run_cap: 1 cells or branches without tasks are skipped" in notes_of(sweep)


def test_everything_that_wandb_can_express_is_kept() -> None:
    sweep = sweep_of(
        "description: three models\nproject: p\nentity: e\nprogram: train.py\n"
        'command: [python, "${program}", "${args_no_hyphens}", "${envvar:HOME}"]\n'
        "metric: {name: val/acc, goal: maximize, target: 0.9}\n"
        "early_terminate: {type: hyperband, min_iter: 3, strict: false}"
    )
    [export] = exported(sweep, "bench")
    assert export.config == {
        "name": "bench",
        "method": "random",
        "description": "three models",
        "project": "p",
        "entity": "e",
        "program": "train.py",
        "command": ["python", "${program}", "${args_no_hyphens}", "${envvar:HOME}"],
        "metric": {"name": "val/acc", "goal": "maximize", "target": 0.9},
        "early_terminate": {"type": "hyperband", "min_iter": 3, "eta": 3, "strict": False},
        "run_cap": 10,
        "parameters": {"x": {"distribution": "uniform", "min": 0.0, "max": 1.0}},
    }
    assert notes_of(sweep) == []


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ("seed: 3\nclaims: careful", "seed, claims: W&B has no such key; skipped"),
        ("max_retries: 2\ntask_timeout: 5m\ncode: [a.py]", "max_retries, task_timeout, code: W&B"),
        ("program: train.py:train", "program: train.py:train is a function, but W&B starts programs"),
        ('program: a.py\ncommand: [python, a.py, "${x}"]', "command: W&B's agent does not expand ${x}"),
        ("entity: 5", None),
    ],
)  # fmt: skip
def test_keys_that_wandb_cannot_express_are_skipped_with_a_note(
    more: str, note: str | None
) -> None:
    [export] = exported(sweep_of(more))
    assert (
        not {"seed", "claims", "max_retries", "task_timeout", "code", "entity"}
        & export.config.keys()
    )
    assert ":" not in export.config.get("program", "")
    beginnings = [text[: len(note or "")] for text in notes_of(sweep_of(more))]
    assert beginnings == ([note] if note else [])


def test_wandb_has_its_own_sampler() -> None:
    sweep = replace(sweep_of("metric: {name: y}"), method="bayes", content={"sampler": "gp"})
    assert notes_of(sweep) == ["sampler: W&B has no such key; skipped"]


def test_stopping_rules_other_than_hyperband_are_skipped_with_a_note() -> None:
    sweep = replace(sweep_of("metric: {name: y}"), early_terminate=Median())
    [export] = exported(sweep)
    assert "early_terminate" not in export.config
    assert notes_of(sweep) == ["early_terminate: W&B does not have median; skipped"]


def test_a_small_cell_may_repeat_points_in_wandb_which_is_noted() -> None:
    assert notes_of(sweep_of("", "x: {values: [1, 2]}")) == [
        "trials: each point runs once here, but W&B may draw one several times"
    ]


def test_bayes_over_a_single_point_is_a_grid_since_wandb_refuses_it() -> None:
    sweep = read(
        "method: bayes\nmetric: {name: y}\ntrials: 9\n"
        "parameters: {m: {choices: {a: {}, b: {parameters: {x: {min: 0.0, max: 1.0}}}}}}",
        "s.yaml",
    )
    assert [(export.config["method"], export.tasks) for export in exported(sweep)] == [
        ("grid", 1),
        ("bayes", 8),
    ]


def test_names_that_wandb_does_not_allow_are_refused() -> None:
    with pytest.raises(UserError, match=r'W&B does not allow a parameter named "a b", "ç";'):
        exported(sweep_of("", "a b: {value: 1}, n: {parameters: {ç: {value: 1}}}, c: {value: 1}"))


def test_parameters_that_code_suggests_are_refused() -> None:
    sweep = sweep_of()
    with pytest.raises(UserError, match="with method optuna, code suggests the parameters"):
        exported(replace(sweep, method="optuna", content={**sweep.content, "method": "optuna"}))


def test_too_many_sweeps_are_refused_before_they_are_created() -> None:
    many = ", ".join(f"c{n}: {{choices: {{a: {{}}, b: {{}}}}}}" for n in range(60))
    with pytest.raises(UserError, match=r"make 1,152,921,504,606,846,976 W&B sweeps, and 10,000"):
        exported(sweep_of("", many))


def test_floats_are_numbers_for_every_reader_and_text_is_text() -> None:
    written = as_yaml({"a": 1e-05, "b": 1e300, "c": "1e-5", "d": "yes", "e": 0.1, "f": "x y"})
    assert written == "a: 1.0e-05\nb: 1.0e+300\nc: '1e-5'\nd: 'yes'\ne: 0.1\nf: x y\n"


def test_a_comment_is_never_read_as_content() -> None:
    written = as_yaml({"a": 1}, ["one\nb: 2\u2028c: 3\x85d: 4"])
    assert yaml.safe_load(written) == {"a": 1}
    assert re.match(r"# one b: 2 c: 3 d: 4\n", written)
