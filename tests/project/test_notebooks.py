"""The notebook that a member begins with."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nbformat
import pytest

from colabctl.project.layout import Layout
from colabctl.project.notebooks import start

INSTALL = '%pip install -q "{found[0]}"/.colabctl/*.whl'


def cells(project: Layout, member: str = "ana") -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(start(project, member))["cells"]]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the library that the notebook opens the project with; note each opening."""
    calls: list[str] = []
    project = SimpleNamespace(raw="raw", mine="mine", final="final")

    def open_project() -> Any:
        calls.append("opened")
        return project

    library = ModuleType("colabctl")
    library.open = open_project  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "colabctl", library)
    for variable in ("COLABCTL_MEMBER", "COLABCTL_ROOT"):
        monkeypatch.setenv(variable, "")  # noted, so that what the notebook sets is undone
        monkeypatch.delenv(variable)
    return calls


def test_the_notebook_is_valid_in_the_newest_form(project: Layout) -> None:
    notebook = json.loads(start(project, "ana"))
    nbformat.validate(notebook)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert [cell["cell_type"] for cell in notebook["cells"]] == ["code", "code"]


def test_the_same_member_gets_the_same_notebook(project: Layout) -> None:
    assert start(project, "ana") == start(project, "ana")


def test_the_install_names_the_wheel_in_the_project_and_no_package(project: Layout) -> None:
    installs = [line.strip() for cell in cells(project) for line in cell.split("\n") if "%" in line]
    assert installs == [INSTALL]


def test_outside_colab_the_first_cell_opens_the_project_and_no_more(
    project: Layout, opened: list[str]
) -> None:
    names: dict[str, Any] = {}
    exec(cells(project)[0].replace(INSTALL, "raise AssertionError"), names)
    assert opened == ["opened"]
    assert (names["raw"], names["mine"], names["final"]) == ("raw", "mine", "final")
    assert names["os"].environ["COLABCTL_MEMBER"] == "ana"


@pytest.mark.parametrize("name", ["churn", "two words", "it's [new]"])
@pytest.mark.parametrize("place", ["MyDrive", "Shareddrives/team", ".shortcut-targets-by-id/1aB"])
def test_in_colab_the_first_cell_mounts_and_finds_the_project_wherever_it_lies(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch, name: str, place: str
) -> None:
    mount = tmp_path / "drive"
    project = mount / place / name
    colab = ModuleType("google.colab")
    colab.drive = SimpleNamespace(mount=lambda path: Path(path, place, name).mkdir(parents=True))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    names: dict[str, Any] = {}
    source = cells(Layout(Path("/somewhere/else", name)))[0]
    exec(source.replace("/content/drive", str(mount)).replace(INSTALL, "installed = True"), names)
    assert names["installed"]
    assert names["found"] == [project]
    assert names["os"].environ["COLABCTL_ROOT"] == str(project)
    assert opened == ["opened"]


def test_the_second_cell_saves_what_is_slow_and_resumes(project: Layout) -> None:
    asked: list[tuple[str, Any]] = []
    stand_in = SimpleNamespace(checkpoint=lambda name, build: asked.append((name, build)))
    exec(cells(project)[1], {"project": stand_in})
    [(name, build)] = asked
    assert name == "features.parquet"
    assert callable(build)
