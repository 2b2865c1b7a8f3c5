"""The Python interface that `colabctl.open()` returns."""

from pathlib import Path
from typing import Any

import pytest

import colabctl
from colabctl.api.project import Project as OpenProject
from colabctl.errors import UserError
from colabctl.work.open_sweep import OpenSweep
from tests.processes import Project


@pytest.fixture
def churn(project: Project, monkeypatch: pytest.MonkeyPatch) -> OpenProject:
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("COLABCTL_ROOT", raising=False)
    return colabctl.open(member="ana")


def params(sweep: Any) -> list[dict[str, Any]]:
    tasks = []
    for task in sweep.tasks():
        with task:
            tasks.append((task.index, task.params))
    return [each for _, each in sorted(tasks, key=lambda one: one[0])]


def test_the_folders_of_the_project_are_paths(churn: OpenProject, project: Project) -> None:
    root = project.root
    assert (churn.root, churn.raw, churn.final) == (
        root,
        root / "data/raw",
        root / "results/final",
    )
    assert (churn.interim, churn.processed) == (root / "data/interim", root / "data/processed")
    assert (churn.results, churn.mine) == (root / "results", root / "results/ana")


def test_the_folders_follow_paths_in_the_configuration(project: Project) -> None:
    project.write("colabctl.yaml", "members: [ana]\npaths: {data: inputs, results: outputs}\n")
    churn = colabctl.open(project.root)
    assert churn.raw == project.root / "inputs/raw"
    assert churn.mine == project.root / "outputs/ana"


def test_the_project_is_found_from_a_folder_in_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root / "notebooks/ben")
    assert colabctl.open(member="BEN").member == "ben"


def test_one_of_several_members_must_say_who_they_are(
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


def test_a_space_has_lists_constants_and_distributions(churn: OpenProject) -> None:
    sweep = churn.sweep(
        "spaces",
        {"a": [1, 2], "b": (True,), "c": "text", "d": 0.5, "e": {"value": [1]}, "f": range(2)},
    )
    fixed = {"b": True, "c": "text", "d": 0.5, "e": [1]}
    assert params(sweep) == [{"a": a, **fixed, "f": f} for a in (1, 2) for f in (0, 1)]


def test_arrays_are_values(churn: OpenProject) -> None:
    numpy = pytest.importorskip("numpy")
    sweep = churn.sweep("arrays", {"a": numpy.linspace(0, 1, 3), "b": numpy.float64(0.5)})
    assert params(sweep) == [{"a": a, "b": 0.5} for a in (0.0, 0.5, 1.0)]


def test_the_other_keys_of_a_sweep_file_are_arguments(churn: OpenProject) -> None:
    sweep = churn.sweep(
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


def test_the_same_sweep_is_opened_again_and_another_one_is_refused(churn: OpenProject) -> None:
    first = churn.sweep("same", {"x": [1, 2]})
    params(first)
    assert len(churn.sweep("same", {"x": (1, 2)}).results()) == 2
    assert len(churn.sweep("same").results()) == 2
    with pytest.raises(UserError, match="already declared with different content"):
        churn.sweep("same", {"x": [1, 3]})


@pytest.mark.parametrize(
    ("name", "space", "keys", "message"),
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
def test_a_space_with_mistakes_is_refused_and_nothing_is_written(
    churn: OpenProject, name: str, space: Any, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as refusal:
        churn.sweep(name, space, **keys)
    assert message in str(refusal.value)
    assert list(churn.layout.sweeps.iterdir()) == []


def test_a_checkpoint_is_built_once(churn: OpenProject) -> None:
    built = []

    def build() -> dict[str, int]:
        built.append(1)
        return {"a": 1}

    assert [churn.checkpoint("features.json", build) for _ in range(2)] == [{"a": 1}] * 2
    assert len(built) == 1
    assert (churn.root / "checkpoints/ana/features.json").is_file()


@pytest.mark.parametrize("name", ["model.pkl", "../out.json", "/tmp/x.json", "noending"])
def test_a_checkpoint_with_an_unsafe_name_or_format_is_refused(
    churn: OpenProject, name: str
) -> None:
    with pytest.raises(UserError):
        churn.checkpoint(name, lambda: pytest.fail("it was built"))


def test_a_checkpoint_that_fails_to_build_leaves_no_file(churn: OpenProject) -> None:
    with pytest.raises(ZeroDivisionError):
        churn.checkpoint("features.json", lambda: 1 / 0)
    assert list((churn.root / "checkpoints/ana").iterdir()) == []
    assert churn.checkpoint("features.json", lambda: 1) == 1


def test_a_sweep_from_python_may_be_larger_than_a_file_that_people_write(
    churn: OpenProject,
) -> None:
    texts = [f"{number}" * 10_000 for number in range(100, 140)]
    declared = churn.sweep("large", {"text": texts})
    assert declared.layout.declaration.stat().st_size > 1_000_000
    sweep = OpenSweep.named(churn.layout, "large")
    assert sweep.declared.declaration().content["parameters"] == {"text": {"values": texts}}
    assert [cell.tasks for cell in sweep.declared.cells()] == [40]
    with pytest.raises(UserError, match="already declared with different content"):
        churn.sweep("large", {"text": texts[1:]})


def test_a_frame_has_a_row_for_each_result_and_the_columns_that_vary(churn: OpenProject) -> None:
    pytest.importorskip("pandas")
    sweep = churn.sweep("frame", {"x": [1, 2, 3], "seed": 7}, metric={"name": "y"})
    for task in sweep.tasks():
        with task:
            task.done(y=task.params["x"] / 2, epochs=10)
    fixed = ["task", "status", "attempt", "member", "seconds", "error"]
    assert list(sweep.frame().columns) == [*fixed, "x", "y"]
    assert sweep.frame()["y"].tolist() == [0.5, 1.0, 1.5]
    assert sweep.frame(where="x >= 2 and y < 1.5")["x"].tolist() == [2]
    everything = sweep.frame(all=True)
    assert {"seed", "epochs", "python", "folder", "finished_at"} <= {*everything.columns}
    assert everything["seed"].dtype == "int64"
    with pytest.raises(UserError, match="did you mean x"):
        sweep.frame(where="X > 1")
