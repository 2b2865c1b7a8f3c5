"""`report`: where the page goes, and what it does not replace."""

import re
import webbrowser
from pathlib import Path

import pytest

from colabctl.report.write import usual_file
from tests.cli.conftest import Say, refused
from tests.processes import Project
from tests.report.histories import bench

pytest.importorskip("plotly")


@pytest.fixture
def benched(project: Project) -> Project:
    """Return a project with the sweep `bench`, of 24 tasks."""
    bench(project, 2)
    return project


@pytest.mark.usefixtures("benched")
def test_the_page_is_written_and_written_again(project: Project, say: Say) -> None:
    for _ in range(2):
        said = say("report", "bench")
        assert (said.code, said.out) == (0, "bench.html\n")
        assert re.fullmatch(r"24 tasks, \d\.\d MB\n", said.err)
    page = (project.root / "bench.html").read_text()
    assert page.startswith("<!DOCTYPE html>\n<!-- colabctl report: bench -->\n")
    assert "http-equiv" in page


@pytest.mark.usefixtures("benched")
def test_another_file_is_replaced_only_by_force(project: Project, say: Say) -> None:
    file = project.write("mine.html", "<p>my thesis</p>")
    refused(
        say("report", "bench", "-o", "mine.html"), "mine.html", "not a report of bench", "--force"
    )
    assert file.read_text() == "<p>my thesis</p>"
    assert say("report", "bench", "-o", "mine.html", "--force").code == 0
    assert file.read_text().startswith("<!DOCTYPE html>\n<!-- colabctl report")


@pytest.mark.usefixtures("benched")
def test_the_page_of_other_sweeps_is_replaced_only_by_force(project: Project, say: Say) -> None:
    project.declare("other", "method: grid\nparameters: {x: {values: [1]}}\n")
    said = say("report", "bench", "other")
    assert (said.code, said.out) == (0, "bench-other.html\n")
    assert say("report", "bench").out == "bench.html\n"  # each in its own file
    refused(say("report", "bench", "-o", "bench-other.html"), "not a report of bench")
    said = say("report", "other", "bench", "bench", "-o", "bench-other.html", "--force")
    assert (said.code, said.out) == (0, "bench-other.html\n")


@pytest.mark.usefixtures("benched")
def test_a_page_is_written_only_to_a_name_of_an_html_file(project: Project, say: Say) -> None:
    refused(say("report", "bench", "-o", "r.txt"), "r.txt", "ends in .html")
    refused(say("report", "bench", "-o", "r", "--force"), "r: a report is an HTML file")
    assert say("report", "bench", "-o", "R.HTM").code == 0
    assert not (project.root / "r.txt").exists()


def test_the_page_of_a_sweep_with_a_title_has_the_name_of_its_folder(
    project: Project, say: Say
) -> None:
    project.declare(
        "Exp1-Roots", 'name: "Exp1: Roots"\nmethod: grid\nparameters: {x: {value: 1}}\n'
    )
    said = say("report", "Exp1: Roots", "Exp1-Roots")
    assert (said.code, said.out) == (0, "Exp1-Roots.html\n")
    refused(
        say("results", "Exp1: Roots", "--format", "parquet"),
        "give an output file: -o Exp1-Roots.parquet",
    )


def test_the_name_of_a_page_of_many_sweeps_is_cut() -> None:
    file = usual_file([f"sweep-{number}" for number in range(60)])
    assert len(file.name) < 100
    assert file.suffix == ".html"


def test_a_sweep_without_finished_tasks_has_a_page_and_a_note(project: Project, say: Say) -> None:
    project.declare("idle", "method: grid\nparameters: {x: {values: [1]}}\n")
    said = say("report", "idle", "-o", "results/ana/idle.html")
    assert said.code == 0
    assert "no task has finished yet" in said.err
    assert (project.root / "results/ana/idle.html").exists()


def test_a_sweep_that_does_not_exist_is_named(say: Say) -> None:
    refused(say("report", "nope"), "'nope'")


@pytest.mark.usefixtures("benched")
def test_without_plotly_the_extra_is_named(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colabctl.report.page.find_spec", lambda _: None)
    refused(say("report", "bench"), "pip install plotly", "the extra report")


@pytest.mark.usefixtures("benched")
def test_open_shows_the_page_in_a_browser(
    project: Project, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def note(url: str) -> bool:
        opened.append(url)
        return False

    monkeypatch.setattr(webbrowser, "open", note)
    said = say("report", "bench", "--open")
    assert opened == [(project.root / "bench.html").as_uri()]
    assert "no browser was found" in said.err


@pytest.mark.usefixtures("benched")
def test_a_link_out_of_the_project_is_not_followed(
    project: Project, say: Say, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (project.root / "results/ana/out").symlink_to(tmp_path / "outside")
    assert say("report", "bench", "-o", "results/ana/out/page.html").code == 1
    assert list((tmp_path / "outside").iterdir()) == []
