"""Properties of every sweep, tested on random sweeps."""

from collections.abc import Mapping
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.search import Expansion, expand, read
from colabctl.search.space.uniforms import uniforms

Raw = dict[str, Any]

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)

finite_leaves: st.SearchStrategy[Raw] = st.one_of(
    st.builds(lambda value: {"value": value}, st.none() | st.booleans() | st.text(max_size=5)),
    st.builds(lambda n: {"values": list(range(n))}, st.integers(1, 4)),
    st.builds(lambda low, n: {"min": low, "max": low + n}, st.integers(-5, 5), st.integers(1, 3)),
    st.builds(
        lambda n, q: {"distribution": "q_uniform", "min": 0, "max": n, "q": q},
        st.integers(1, 4),
        st.sampled_from([1, 2, 0.5]),
    ),
)
endless_leaves: st.SearchStrategy[Raw] = st.sampled_from(
    [
        {"min": 0.0, "max": 1.0},
        {"distribution": "normal"},
        {"distribution": "log_uniform_values", "min": 1e-5, "max": 1},
        {"distribution": "q_log_normal", "q": 1},
    ]
)


@st.composite
def levels(draw: st.DrawFn, leaves: st.SearchStrategy[Raw], depth: int, names: str) -> Raw:
    """Draw a map of parameters: leaves, nests and choices whose branches may override leaves."""
    level: Raw = {name: draw(leaves) for name in draw(st.sets(st.sampled_from(names), max_size=3))}
    if depth and draw(st.booleans()):
        level[f"nest{depth}"] = {"parameters": draw(levels(leaves, depth - 1, names))}
    if depth and draw(st.booleans()):
        branches = draw(st.lists(levels(leaves, depth - 1, names), min_size=1, max_size=3))
        numbered = {f"b{i}": {"parameters": branch} for i, branch in enumerate(branches)}
        level[f"choice{depth}"] = {"choices": numbered}
    return level


def sweeps(leaves: st.SearchStrategy[Raw]) -> st.SearchStrategy[Raw]:
    return levels(leaves, 2, "abcd").filter(bool)


def expanded(parameters: Raw, method: str = "random", **more: Any) -> Expansion:
    content = {"method": method, "parameters": parameters, "metric": {"name": "loss"}} | more
    try:
        return expand(read(content, "space"))
    except UserError:
        assume(False)
        raise


def present(level: Mapping[str, Raw], params: Raw) -> Raw:
    """Return the parameters that a task must have: the shared ones, and those of its branches."""
    expected = dict(level)
    for name, raw in level.items():
        if "choices" in raw:
            branch = raw["choices"][params[name]]
            expected |= present(branch["parameters"], params)
    return expected


def check_fits(level: Mapping[str, Raw], params: Raw) -> None:
    expected = present(level, params)
    assert params.keys() == expected.keys()
    for name, raw in expected.items():
        value = params[name]
        if "parameters" in raw:
            check_fits(raw["parameters"], value)
        elif "value" in raw:
            assert value == raw["value"]
        elif "values" in raw:
            assert value in raw["values"]
        elif "min" in raw and "q" not in raw:
            assert raw["min"] <= value <= raw["max"]


@settings(deadline=None)
@given(
    sweeps(finite_leaves | endless_leaves), st.integers(1, 20), st.sampled_from(["random", "bayes"])
)
def test_a_sweep_has_its_number_of_tasks_and_each_fits_its_branches(
    parameters: Raw, trials: int, method: str
) -> None:
    expansion = expanded(parameters, method, trials=trials)
    tasks = list(expansion.tasks())
    assert [task.index for task in tasks] == list(range(expansion.total))
    assert sum(cell.tasks for cell in expansion.cells) == expansion.total <= trials
    for task in tasks:
        if task.params is not None:
            check_fits(parameters, task.params)


@settings(deadline=None)
@given(sweeps(finite_leaves))
def test_a_grid_has_its_number_of_points_and_each_once(parameters: Raw) -> None:
    expansion = expanded(parameters, "grid")
    assume(expansion.total <= 500)
    points = [task.params for task in expansion.tasks()]
    assert len(points) == expansion.total
    for point in points:
        assert point is not None
        check_fits(parameters, point)
    assert len({repr(point) for point in points}) == len(points)


@settings(deadline=None)
@given(sweeps(endless_leaves), endless_leaves, st.integers(1, 30))
def test_an_added_parameter_changes_no_draw(parameters: Raw, new: Raw, trials: int) -> None:
    parameters = parameters | {"endless": {"min": 0.0, "max": 1.0}}
    before = list(expanded(parameters, trials=trials).tasks())
    after = list(expanded(parameters | {"added": new}, trials=trials).tasks())
    for old, new_task in zip(before, after, strict=True):
        assert new_task.params is not None
        assert old.params == {k: v for k, v in new_task.params.items() if k != "added"}


@settings(deadline=None)
@given(
    sweeps(endless_leaves),
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
    st.integers(1, 10),
    st.integers(0, 10),
)
def test_added_data_sets_or_trials_change_no_draw(
    parameters: Raw, datasets: list[int], trials: int, more: int
) -> None:
    def draws(values: list[int], count: int) -> dict[tuple[int, int], Raw | None]:
        space = parameters | {"endless": {"min": 0.0, "max": 1.0}, "data": {"values": values}}
        tasks = expanded(space, foreach=["data"], trials=count).tasks()
        return {((task.params or {})["data"], task.trial): task.params for task in tasks}

    before = draws(datasets, trials)
    after = draws([99, *datasets, 100], trials + more)
    assert all(after[key] == before[key] for key in before)


@given(
    st.integers(), st.dictionaries(st.text(max_size=3), plain, max_size=2), st.integers(0, 2**70)
)
def test_uniform_numbers_are_between_0_and_1_and_do_not_depend_on_the_order_of_calls(
    seed: int, cell: Raw, trial: int
) -> None:
    numbers = uniforms(seed, cell)(("a",))
    first = numbers(trial)
    numbers(trial + 8)
    assert 0 < first < 1
    assert numbers(trial) == first == uniforms(seed, cell)(("a",))(trial)


def test_uniform_numbers_are_uniform_and_differ_between_parameters() -> None:
    numbers_of = uniforms(0, {})
    one, other = ([numbers_of((name,))(trial) for trial in range(2000)] for name in "ab")
    for numbers in (one, other):
        counts = [sum(i / 10 <= u < (i + 1) / 10 for u in numbers) for i in range(10)]
        assert all(150 < count < 250 for count in counts)
    product = sum((u - 0.5) * (v - 0.5) for u, v in zip(one, other, strict=True)) / 2000
    assert abs(product) < 0.01


def test_a_name_with_a_dot_and_a_nested_name_have_different_draws() -> None:
    numbers_of = uniforms(0, {})
    assert numbers_of(("a.b",))(0) != numbers_of(("a", "b"))(0)


def test_the_numbers_of_a_declared_sweep_never_change() -> None:
    number = uniforms(7, {"model": "svm", "dataset": 1.0})(("nest", "lr"))
    assert [number(0), number(7), number(8), number(1_000_000)] == [
        0.28693283309245177,
        0.5872485383884808,
        0.8690788540111521,
        0.616927277726263,
    ]


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 100))
def test_a_run_cap_leaves_no_cell_behind(sizes: list[int], run_cap: int) -> None:
    branches = {
        f"c{i}": {"parameters": {"k": {"values": list(range(n))}}} for i, n in enumerate(sizes)
    }
    space = {"model": {"choices": branches}}
    expansion = expanded(space, "grid", foreach=["model"], run_cap=run_cap)
    shares = [cell.tasks for cell in expansion.cells]
    assert sum(shares) == min(run_cap, sum(sizes))
    for share, size in zip(shares, sizes, strict=True):
        assert share == size or share >= max(shares) - 1
        assert share <= size


KEYS = st.sampled_from(
    [
        *("method", "parameters", "metric", "early_terminate", "run_cap", "foreach", "trials"),
        *("exclude", "seed", "max_retries", "task_timeout", "code", "claims", "command"),
        *("name", "goal", "type", "min_iter", "max_iter", "s", "eta", "a", "b"),
        *("value", "values", "probabilities", "min", "max", "q", "mu", "sigma", "distribution"),
        *("choices", "grid", "random", "hyperband", "uniform", "q_normal", "None", ""),
    ]
)
nearly = st.recursive(
    KEYS | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def refusal_of(content: str | bytes | Raw, source: str) -> str | None:
    """Return why a sweep is refused, or None if it gives its first task; any other error fails."""
    try:
        expansion = expand(read(content, source))
    except UserError as refused:
        return str(refused)
    assert next(expansion.tasks()).index == 0
    return None


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(KEYS, nearly, max_size=6), sweeps(finite_leaves | endless_leaves))
def test_any_values_give_a_sweep_or_a_clear_error(content: Raw, space: Raw) -> None:
    for sound in ({}, {"parameters": space, "method": "random"}):
        refusal = refusal_of(content | sound, "space")
        assert refusal is None or refusal.startswith("space: ")


YAML = st.text(
    st.sampled_from("ab:-[]{},&*!|>'\"#%@`?~.0123e \n\t<\\\0\x85\ufeff\u2028é😀"), max_size=60
)


@settings(deadline=None, max_examples=300)
@given(YAML | st.text() | st.binary())
@example("a: !!bool x")
@example("? a\n: b")
@example("a: &a\n  b: *a")
@example("%YAML 9.9\n--- a")
@example("\ud800")
@example("a: !!timestamp x")
def test_any_text_gives_a_clear_error(text: str | bytes) -> None:
    refusal = refusal_of(text, "sweep.yaml")
    assert refusal is not None
    assert refusal.startswith("sweep.yaml")


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_file_with_anything_inserted_gives_a_sweep_or_a_clear_error(
    data: st.DataObject,
) -> None:
    text = (
        "method: random\nforeach: [model]\nexclude: [{model: b}]\n"
        "metric: {name: x, goal: maximize}\nearly_terminate: {type: hyperband, min_iter: 3}\n"
        "parameters:\n  lr: {min: 0.0, max: 1e-3}\n"
        "  model: {choices: {a: {parameters: {k: {values: [1, 2]}}}, b: {}}}\n"
    )
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    refusal = refusal_of(text[:start] + data.draw(YAML) + text[end:], "sweep.yaml")
    assert refusal is None or refusal.startswith("sweep.yaml")
