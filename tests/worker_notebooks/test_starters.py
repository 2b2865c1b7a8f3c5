"""The notebooks that members begin with, run whole in real kernels."""

from pathlib import Path

from tests.worker_notebooks.conftest import Share
from tests.worker_notebooks.machine import Machine, plant

FOLDERS = {
    "raw": "data/raw",
    "interim": "data/interim",
    "processed": "data/processed",
    "results": "results",
    "mine": "results/ben",
    "final": "results/final",
    "checkpoints": "checkpoints/ben",
}
TELL = f"for name in {list(FOLDERS)}: print(name, globals()[name].relative_to(project.root))"
SAVED = "checkpoints/ben/features.json"


def folder_lines() -> str:
    return "".join(f"{name} {folder}\n" for name, folder in FOLDERS.items())


def test_in_colab_it_opens_the_project_and_resumes_what_was_saved(
    colab: Machine, share: Share
) -> None:
    project = share(colab.drive / "Shareddrives" / "team" / "churn")
    notebook = project.root / "notebooks/ben/start.ipynb"
    first = colab.run(notebook, TELL, "features['squares'][3]", times=2)
    assert not first.failed, first.error
    assert folder_lines() in first.text
    assert colab.calls == ["mount", "mount"]
    assert (project.root / SAVED).is_file()
    (project.root / SAVED).write_text('{"squares": "of yesterday"}')
    (project.root / f"{SAVED}.saved.json").unlink()  # it would say that this is something else
    again = colab.run(notebook, "print(features['squares'])")
    assert "of yesterday\n" in again.text


def test_outside_colab_it_opens_the_project_that_contains_it(
    tmp_path: Path, installed: Path, share: Share
) -> None:
    laptop = Machine(tmp_path / "laptop", installed, colab=False)
    project = share(tmp_path / "home" / "churn")
    created = project.run("notebook", "new", "exploring", "--member", "ben")
    notebook = project.root / created.out.strip()
    done = laptop.run(notebook, TELL, cwd=notebook.parent)
    assert not done.failed, done.error
    assert folder_lines() in done.text


def test_nothing_is_imported_from_the_folder_of_the_notebook(
    tmp_path: Path, installed: Path, share: Share
) -> None:
    laptop = Machine(tmp_path / "laptop", installed, colab=False)
    notebook = share(tmp_path / "home" / "churn").root / "notebooks/ben/start.ipynb"
    planted = plant(notebook.parent)
    done = laptop.run(notebook, TELL, cwd=notebook.parent)
    assert not planted.exists(), planted.read_text()
    assert folder_lines() in done.text


def test_who_the_machine_belongs_to_counts_before_whose_notebook_it_is(
    tmp_path: Path, installed: Path, share: Share
) -> None:
    laptop = Machine(tmp_path / "laptop", installed, colab=False)
    laptop.environ["COLABCTL_MEMBER"] = "ana"
    project = share(tmp_path / "home" / "churn")
    notebook = project.root / "notebooks/ben/start.ipynb"
    done = laptop.run(notebook, "print(mine.name)", cwd=notebook.parent)
    assert "churn, opened for ana: " in done.text
