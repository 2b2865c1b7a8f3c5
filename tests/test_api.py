"""What a notebook or script gets from `colabctl.open()`."""

from pathlib import Path
from typing import Any

import pytest

import colabctl
from colabctl.api import Project as Opened
from colabctl.errors import UserError
from tests.processes import Project


@pytest.fixture
def opened(project: Project, monkeypatch: pytest.MonkeyPatch) -> Opened:
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("COLABCTL_ROOT", raising=False)
    return colabctl.open(member="ana")


def params(sweep: Any) -> list[dict[str, Any]]:
    found = []
    for task in sweep.tasks():
        with task:
            found.append((task.index, task.params))
    return [each for _, each in sorted(found, key=lambda one: one[0])]


def test_the_folders_of_the_project_are_paths(opened: Opened, project: Project) -> None:
    root = project.root
    assert (opened.root, opened.raw, opened.final) == (
        root,
        root / "data/raw",
        root / "results/final",
    )
    assert (opened.interim, opened.processed) == (root / "data/interim", root / "data/processed")
    assert (opened.results, opened.mine) == (root / "results", root / "results/ana")


def test_folders_that_were_moved_are_where_they_are(project: Project) -> None:
    project.write("colabctl.yaml", "members: [ana]\npaths: {data: inputs, results: outputs}\n")
    opened = colabctl.open(project.root)
    assert opened.raw == project.root / "inputs/raw"
    assert opened.mine == project.root / "outputs/ana"


def test_the_project_is_found_from_a_folder_in_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root / "notebooks/ben")
    assert colabctl.open(member="BEN").member == "ben"


def test_who_one_is_must_be_said_where_there_are_several(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLABCTL_MEMBER", raising=False)
    with pytest.raises(UserError, match="which member are you: ana, ben"):
        colabctl.open(project.root)
    monkeypatch.setenv("COLABCTL_MEMBER", "ben")
    assert colabctl.open(project.root).member == "ben"
    assert colabctl.open(project.root, "ana").member == "ana"


def test_without_a_project_there_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no project in"):
        colabctl.open()


def test_a_space_is_values_or_a_value_or_as_in_a_sweep_file(opened: Opened) -> None:
    sweep = opened.sweep(
        "spaces",
        {"a": [1, 2], "b": (True,), "c": "text", "d": 0.5, "e": {"value": [1]}, "f": range(2)},
    )
    fixed = {"b": True, "c": "text", "d": 0.5, "e": [1]}
    assert params(sweep) == [{"a": a, **fixed, "f": f} for a in (1, 2) for f in (0, 1)]


def test_arrays_are_values(opened: Opened) -> None:
    numpy = pytest.importorskip("numpy")
    sweep = opened.sweep("arrays", {"a": numpy.linspace(0, 1, 3), "b": numpy.float64(0.5)})
    assert params(sweep) == [{"a": a, "b": 0.5} for a in (0.0, 0.5, 1.0)]


def test_the_other_keys_of_a_sweep_file_are_arguments(opened: Opened) -> None:
    sweep = opened.sweep(
        "random",
        {"x": {"min": 0.0, "max": 1.0}, "m": ["a", "b"]},
        method="random",
        foreach=["m"],
        trials=3,
        metric={"name": "y", "goal": "maximize"},
    )
    for task in sweep.tasks():
        with task:
            task.done(y=task.params["x"])
    best = sweep.status().best
    assert best is not None
    assert best["value"] == max(row.metrics["y"] for row in sweep.results())
    assert len(sweep.results()) == 6


def test_the_same_sweep_is_found_again_and_another_one_refused(opened: Opened) -> None:
    first = opened.sweep("same", {"x": [1, 2]})
    params(first)
    assert len(opened.sweep("same", {"x": (1, 2)}).results()) == 2
    assert len(opened.sweep("same").results()) == 2
    with pytest.raises(UserError, match="already declared with different content"):
        opened.sweep("same", {"x": [1, 3]})


@pytest.mark.parametrize(
    ("name", "space", "keys", "told"),
    [
        ("a/b", {"x": [1]}, {}, "sweep name 'a/b'"),
        ("s", {}, {}, "parameters"),
        ("s", {"x": []}, {}, "values is empty"),
        ("s", {"x": {"min": 2, "max": 1}}, {}, "min 2"),
        ("s", {"x": [1]}, {"trails": 3}, "did you mean trials?"),
        ("s", {"x": [object()]}, {}, "object"),
        ("s", {"x": {1, 2}}, {}, "set"),
        ("s", None, {"trials": 3}, "trials"),
        ("s", None, {}, "'s' does not exist"),
        ("s", {"x": [float("nan")]}, {}, "nan"),
    ],
)
def test_a_space_that_will_not_do_is_refused_and_nothing_made(
    opened: Opened, name: str, space: Any, keys: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError) as refusal:
        opened.sweep(name, space, **keys)
    assert told in str(refusal.value)
    assert list(opened.layout.sweeps.iterdir()) == []


def test_a_checkpoint_is_built_once(opened: Opened) -> None:
    built = []

    def build() -> dict[str, int]:
        built.append(1)
        return {"a": 1}

    assert [opened.checkpoint("features.json", build) for _ in range(2)] == [{"a": 1}] * 2
    assert len(built) == 1
    assert (opened.root / "checkpoints/ana/features.json").is_file()


@pytest.mark.parametrize("name", ["model.pkl", "../out.json", "/tmp/x.json", "noending"])
def test_a_checkpoint_that_could_do_harm_is_refused(opened: Opened, name: str) -> None:
    with pytest.raises(UserError):
        opened.checkpoint(name, lambda: pytest.fail("it was built"))


def test_a_checkpoint_whose_building_fails_leaves_nothing(opened: Opened) -> None:
    with pytest.raises(ZeroDivisionError):
        opened.checkpoint("features.json", lambda: 1 / 0)
    assert list((opened.root / "checkpoints/ana").iterdir()) == []
    assert opened.checkpoint("features.json", lambda: 1) == 1
