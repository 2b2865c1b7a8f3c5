"""`notebook new`: a notebook for a member, also from a template."""

import ast
import json
from pathlib import Path

import nbformat

from colabctl.project.notebooks.wheel import wheel
from tests.cli.conftest import Say, refused
from tests.notebook.notebooks import content
from tests.processes import Project
from tests.project.conftest import everything


def test_a_new_notebook_is_printed_and_its_wheel_is_in_the_project(
    project: Project, say: Say
) -> None:
    made = say("notebook", "new", "exploring", "--member", "ben")
    assert (made.code, made.out) == (0, "notebooks/ben/exploring.ipynb\n")
    assert (project.root / "notebooks/ben/exploring.ipynb").is_file()
    assert (project.root / ".colabctl" / wheel().name).is_file()
    refused(say("notebook", "new", "exploring", "--member", "ben"), "already exists")
    refused(say("notebook", "new", "a/b"), "notebook name 'a/b'")
    refused(say("notebook", "new", "x", "--member", "eve"), "'eve' is not a member")


def test_a_new_member_and_a_new_project_get_the_wheel(project: Project, say: Say) -> None:
    assert f"created .colabctl/{wheel().name}\n" in say("member", "add", "eve").err
    folder = project.root.parent / "other"
    assert f"created .colabctl/{wheel().name}\n" in say("init", str(folder), "--verbose").err


def template(project: Project, name: str) -> None:
    """Write a notebook that someone has run, with placeholders."""
    cells = [
        nbformat.v4.new_markdown_cell("# {{name}} of {{member}} in {{ project }}: {{x}}"),  # type: ignore[no-untyped-call]
        nbformat.v4.new_code_cell(  # type: ignore[no-untyped-call]
            "print('{{project}}')",
            outputs=[nbformat.v4.new_output("stream", text="private")],  # type: ignore[no-untyped-call]
            execution_count=7,
            metadata={"tags": ["parameters"], "executionInfo": {"user": {"displayName": "Ben"}}},
        ),
    ]
    metadata = {
        "colab": {"provenance": [{"file_id": "1aB"}], "gpuType": "T4"},
        "accelerator": "GPU",
    }
    node = nbformat.v4.new_notebook(cells=cells, metadata=metadata)  # type: ignore[no-untyped-call]
    project.write(name, nbformat.writes(node))  # type: ignore[no-untyped-call]


def test_a_new_notebook_has_the_cells_of_the_groups_template(project: Project, say: Say) -> None:
    template(project, "notebooks/template.ipynb")
    assert say("notebook", "new", "first try").code == 0
    text = (project.root / "notebooks/ana/first try.ipynb").read_text()
    made = json.loads(text)
    nbformat.validate(made)
    title, opening, code = made["cells"]
    assert "".join(title["source"]) == "# first try of ana in churn: {{x}}"
    assert "".join(opening["source"]).startswith("#@title Open the project")
    assert (code["source"], code["outputs"], code["execution_count"]) == (
        ["print('churn')"],
        [],
        None,
    )
    assert code["metadata"] == {"tags": ["parameters"]}
    assert "Ben" not in text
    assert "1aB" not in text
    assert made["metadata"]["accelerator"] == "GPU"


def test_a_new_member_starts_with_the_groups_template(project: Project, say: Say) -> None:
    template(project, "notebooks/template.ipynb")
    assert say("member", "add", "eve").code == 0
    made = json.loads((project.root / "notebooks/eve/start.ipynb").read_text())
    assert "".join(made["cells"][0]["source"]) == "# start of eve in churn: {{x}}"


def test_the_opening_cell_of_a_template_is_that_of_the_member(project: Project, say: Say) -> None:
    assert say("notebook", "new", "mine", "--member", "ben").code == 0
    assert say("notebook", "new", "x", "--template", "notebooks/ben/mine.ipynb").code == 0
    made = json.loads((project.root / "notebooks/ana/x.ipynb").read_text())
    opening, example = ("".join(cell["source"]) for cell in made["cells"])
    assert 'MEMBER = "ana"' in opening
    assert 'MEMBER = "ben"' not in opening
    assert "def build" in example


def test_a_quote_in_the_projects_name_cannot_end_a_string_of_the_template(
    project: Project, say: Say
) -> None:
    template(project, "notebooks/template.ipynb")
    name = 'it\'s "; boom(); "'
    project.write("colabctl.yaml", f"name: {json.dumps(name)}\nmembers: [ana, ben]\n")
    assert say("notebook", "new", "y").code == 0
    made = json.loads((project.root / "notebooks/ana/y.ipynb").read_text())
    tree = ast.parse("".join(made["cells"][2]["source"]))
    [text] = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert text == name


def test_a_template_that_cannot_be_used_is_refused_and_nothing_is_written(
    project: Project, say: Say, tmp_path: Path
) -> None:
    project.write("bad.ipynb", "{")
    project.write(
        "r.ipynb",
        content("x <- 1", kernelspec={"name": "ir", "display_name": "R", "language": "R"}).decode(),
    )
    before = everything(project.root)
    refused(say("notebook", "new", "x", "--template", "no.ipynb"), "no.ipynb: No such file")
    refused(say("notebook", "new", "x", "--template", "bad.ipynb"), "bad.ipynb is not a notebook")
    refused(say("notebook", "new", "x", "--template", "r.ipynb"), "r.ipynb is written in R")
    assert everything(project.root) == before
    (project.root / "out.ipynb").symlink_to(tmp_path / "elsewhere.ipynb")
    refused(say("notebook", "new", "x", "--template", "out.ipynb"), "leads out of the project")
