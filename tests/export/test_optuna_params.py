"""Parameters of tasks become Optuna's, with distributions that contain them."""

import json
import math
from itertools import pairwise
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
    distribution_to_json,
)

from colabctl.export.optuna_params import (
    Suggestion,
    Suggestions,
    for_one_study,
    from_json,
    suggester,
)
from colabctl.search import Declaration, Space, expand, read
from colabctl.search.space.uniforms import uniforms
from tests.export.test_wandb_sweeps import continuous, declared, listable, plain, text, weighted
from tests.search.space.test_continuous import Raw


def space(parameters: Raw) -> Space:
    return read({"method": "random", "parameters": parameters}, "s").parameters


def axis(raw: Raw, value: Any) -> Suggestion:
    """Return the suggestion for one parameter."""
    return suggester(space({"x": raw}))({"x": value})["x"]


def check_study(trials: list[Suggestions]) -> None:
    """Check that Optuna accepts these trials in one study."""
    by_name: dict[str, list[Suggestion]] = {}
    for trial in trials:
        optuna.trial.create_trial(
            state=optuna.trial.TrialState.FAIL,
            params={name: suggestion.value for name, suggestion in trial.items()},
            distributions={name: suggestion.distribution for name, suggestion in trial.items()},
        )
        for name, suggestion in trial.items():
            by_name.setdefault(name, []).append(suggestion)
    for suggestions in by_name.values():
        for one, other in pairwise(suggestions):
            check_distribution_compatibility(one.distribution, other.distribution)


@settings(deadline=None, max_examples=25)
@given(declared(continuous | listable | weighted, "random"))
def test_every_draw_of_every_space_fits_a_study(sweep: Declaration) -> None:
    for cell in expand(sweep).cells:
        draw = cell.space.sampler(uniforms(0, cell.values))
        suggested = suggester(cell.space)
        trials = for_one_study([suggested(draw(trial)) for trial in range(10)])
        check_study(trials)


scribble = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2)
    ),
    max_leaves=4,
)
texts = st.sampled_from(
    [
        distribution_to_json(distribution)
        for distribution in (
            FloatDistribution(0, 1),
            FloatDistribution(0, 9, step=0.5),
            FloatDistribution(1e-5, 1, log=True),
            IntDistribution(0, 9),
            IntDistribution(1, 99, log=True),
            CategoricalDistribution([1, 2, "a", None]),
            CategoricalDistribution(["a"]),
        )
    ]
    + ['{"name": "FloatDistribution", "attributes": {"low": "x", "high": {}, "step": null, "log": 3}}',
       '{"name": "IntDistribution", "attributes": {"low": 9, "high": 1}}', '{"type": "int"}', "[", ""]
)  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("xy\ud800"), st.tuples(scribble, texts | scribble), max_size=3
        )
    )
)
def test_any_suggestions_of_a_journal_fit_a_study(
    suggested: list[dict[str, tuple[Any, Any]]],
) -> None:
    trials = [
        from_json(
            {name: value for name, (value, _) in trial.items()},
            {name: distribution for name, (_, distribution) in trial.items()},
        )
        for trial in suggested
    ]
    study = for_one_study(trials)
    check_study(study)
    assert [trial.keys() for trial in study] == [trial.keys() for trial in trials]
    json.dumps([{name: s.value for name, s in trial.items()} for trial in study]).encode()


@pytest.mark.parametrize(
    ("raw", "value", "expected"),
    [
        ({"min": 3, "max": 11}, 5, IntDistribution(3, 11)),
        ({"min": 0.0, "max": 1}, 0.5, FloatDistribution(0, 1)),
        ({"distribution": "log_uniform_values", "min": 1e-5, "max": 0.7}, 0.1, FloatDistribution(1e-5, 0.7, log=True)),
        ({"distribution": "inv_log_uniform_values", "min": 1, "max": 2}, 1.5, FloatDistribution(1, 2, log=True)),
        ({"distribution": "inv_log_uniform", "min": -1, "max": 0}, 1.5, FloatDistribution(1, math.e, log=True)),
        ({"distribution": "beta", "a": 2}, 0.5, FloatDistribution(0, 1)),
        ({"distribution": "q_uniform", "min": 64, "max": 1024, "q": 64}, 128, IntDistribution(64, 1024, step=64)),
        ({"distribution": "q_uniform", "min": 1, "max": 7, "q": 4}, 8, IntDistribution(0, 8, step=4)),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25}, 0.5, FloatDistribution(0, 1, step=0.25)),
        ({"distribution": "q_log_uniform_values", "min": 2, "max": 90, "q": 1}, 9, IntDistribution(2, 90, log=True)),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 99, "q": 3}, 9, IntDistribution(0, 99, step=3)),
        ({"values": [128, 256]}, 256, CategoricalDistribution([128, 256])),
        ({"values": ["a", "b"], "probabilities": [0.9, 0.1]}, "b", CategoricalDistribution(["a", "b"])),
        ({"values": [1, 1.0, None]}, 1.0, CategoricalDistribution([1, None])),
    ],
)  # fmt: skip
def test_a_parameter_has_the_distribution_of_optunas_that_describes_it(
    raw: Raw, value: Any, expected: Any
) -> None:
    suggestion = axis(raw, value)
    assert suggestion.distribution == expected
    assert suggestion.value == value
    [trial] = for_one_study([{"x": suggestion}])
    assert trial["x"].distribution == expected


def test_a_distribution_without_bounds_reaches_as_far_as_its_draws() -> None:
    normal = vars(axis({"distribution": "normal", "mu": 1}, 0.5).distribution)
    assert math.isclose(normal["high"] - 1, 8.2, abs_tol=0.1)
    assert math.isclose(1 - normal["low"], 8.2, abs_tol=0.1)
    assert vars(axis({"distribution": "log_normal"}, 0.5).distribution)["log"]


@pytest.mark.parametrize(
    ("values", "choices"),
    [
        ([1, [1, 2], {"a": None}], (1, "[1, 2]", '{"a": null}')),
        ([1, True, "1", "true"], ("1", "true", '"1"', '"true"')),
        ([[1], "[1]"], ("[1]", '"[1]"')),
    ],
)
def test_choices_that_optuna_would_confuse_or_cannot_store_are_json_text(
    values: list[Any], choices: tuple[Any, ...]
) -> None:
    suggestions = [axis({"values": values}, value) for value in values]
    assert suggestions[0].distribution == CategoricalDistribution(choices)
    assert tuple(suggestion.value for suggestion in suggestions) == choices


NETS = {
    "model": {
        "choices": {
            "svm": {"parameters": {"lr": {"min": 0.0, "max": 1.0}, "C": {"min": 1, "max": 9}}},
            "mlp": {
                "parameters": {
                    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1},
                    "opt": {"choices": {"adam": {}, "sgd": {"parameters": {"m": {"min": 0.0, "max": 1.0}}}}},
                }
            },
            "linear": {},
        }
    },
    "net": {"parameters": {"depth": {"min": 1, "max": 3}, "act": {"value": "relu"}}},
    "seed": {"value": 0},
}  # fmt: skip


def test_a_trial_has_the_parameters_of_its_branches_only_and_no_constants() -> None:
    def values(**params: Any) -> Raw:
        suggestions = suggester(space(NETS))(
            {"net": {"depth": 2, "act": "relu"}, "seed": 0, **params}
        )
        return {name: suggestion.value for name, suggestion in suggestions.items()}

    assert values(model="linear") == {"model": "linear", "net.depth": 2}
    assert values(model="mlp", lr=0.1, opt="adam") == {
        "model": "mlp",
        "lr (model=mlp)": 0.1,
        "opt": "adam",
        "net.depth": 2,
    }
    assert values(model="mlp", lr=0.1, opt="sgd", m=0.5)["m"] == 0.5
    assert values(model="svm", lr=0.1, C=3)["lr (model=svm)"] == 0.1


def test_a_name_that_branches_define_in_the_same_way_is_one_parameter() -> None:
    alike = {"parameters": {"lr": {"min": 0.0, "max": 1.0}}}
    suggested = suggester(space({"m": {"choices": {"a": alike, "b": alike}}}))
    assert suggested({"m": "b", "lr": 0.5}).keys() == {"m", "lr"}


def test_values_beyond_their_bounds_widen_the_distribution_for_the_study() -> None:
    suggested = suggester(space({"x": {"min": 0.0, "max": 1.0}, "n": {"min": 1, "max": 3}}))
    trials = for_one_study([suggested({"x": value, "n": 2}) for value in (0.5, 1.0000001, -0.1)])
    assert {trial["x"].distribution for trial in trials} == {FloatDistribution(-0.1, 1.0000001)}
    assert {trial["n"].distribution for trial in trials} == {IntDistribution(1, 3)}
    assert [trial["x"].value for trial in trials] == [0.5, 1.0000001, -0.1]


@settings(deadline=None, max_examples=50)
@given(st.lists(plain, min_size=1))
def test_a_changed_task_file_still_gives_a_study(values: list[Any]) -> None:
    suggested = suggester(space(NETS | {"x": {"min": 0.0, "max": 1.0}}))
    trials = for_one_study([suggested({"x": v, "model": v, "net": v}) for v in values])
    check_study(trials)
    assert all("x" in trial for trial in trials)


def test_distributions_of_an_objective_are_kept_as_they_were() -> None:
    """Optuna lets bounds change from trial to trial."""
    suggested = [
        ({"x": 0.5}, {"x": distribution_to_json(FloatDistribution(0, 1))}),
        ({"x": 1.5}, {"x": json.loads(distribution_to_json(FloatDistribution(0, 2)))}),
    ]
    trials = for_one_study([from_json(*suggestions) for suggestions in suggested])
    expected = [FloatDistribution(0, 1), FloatDistribution(0, 2)]
    assert [trial["x"].distribution for trial in trials] == expected


def test_a_parameter_without_a_distribution_was_not_suggested() -> None:
    suggested = from_json(
        {"x": 0.5, "data": "iris"}, {"x": distribution_to_json(FloatDistribution(0, 1))}
    )
    assert suggested.keys() == {"x"}
    assert text(suggested["x"].value) == "0.5"
