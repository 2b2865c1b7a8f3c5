"""Worker notebooks, run whole in real kernels: in Colab as far as it is documented, and outside."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from colabctl.version import VERSION
from tests.processes import Project
from tests.worker_notebooks.conftest import SWEEP, TRAIN, Share
from tests.worker_notebooks.machine import Machine, bare_python, plant


def worker(project: Project, sweep: str = "first", *options: str) -> Path:
    """Write a worker notebook for ana, and return its path."""
    written = project.run("workers", sweep, *options)
    assert written.code == 0, written.err
    return project.root / written.out.splitlines()[-1]


def ran(project: Project, sweep: str = "first") -> int:
    """Return how many tasks have run."""
    return len(project.events(sweep, "done"))


def packages(python: Path) -> dict[str, str]:
    """Return the packages of a Python, as pip lists them, with their versions."""
    command = [str(python), "-m", "pip", "list", "--format", "json"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {package["name"]: package["version"] for package in json.loads(listed)}


def test_a_fresh_machine_in_colab_becomes_a_worker_and_keeps_its_packages(
    tmp_path: Path, share: Share
) -> None:
    machine = Machine(tmp_path / "fresh", bare_python(tmp_path / "python"))
    before = packages(machine.python)
    project = share(machine.drive / "MyDrive" / "churn")
    done = machine.run(worker(project), "import colabctl; print(colabctl.__file__)")
    assert not done.failed, done.error
    assert ran(project) == 2
    assert "2 done, 0 failed; the sweep is finished; next: colabctl results " in done.text
    assert "\ncolabctl work ended with exit code 0\n" in done.text
    assert machine.calls == ["mount", "flush"]
    assert str(tmp_path / "python" / "lib") in done.text  # it is that of the wheel
    assert packages(machine.python) == {**before, "colabctl-drive": VERSION}
    assert before.keys() >= {"ipykernel", "rich", "tornado"}


def test_to_run_each_cell_twice_is_harmless(colab: Machine, share: Share) -> None:
    project = share(colab.drive / "MyDrive" / "churn")
    done = colab.run(worker(project), times=2)
    assert not done.failed, done.error
    assert ran(project) == 2
    assert colab.calls == ["mount", "mount", "flush", "flush"]


def test_to_run_a_notebook_again_is_harmless(colab: Machine, share: Share) -> None:
    project = share(colab.drive / "MyDrive" / "churn")
    notebook = worker(project)
    assert not colab.run(notebook).failed
    again = colab.run(notebook)
    assert not again.failed, again.error
    assert ran(project) == 2
    assert "ran 0 tasks" in again.text


def test_a_name_that_means_something_to_a_shell_or_to_ipython_is_only_a_name(
    colab: Machine, share: Share
) -> None:
    name = "it's $HOME {member} [x] `id` 100%"
    project = share(colab.drive / "MyDrive" / "a {b} 'c'", name)
    done = colab.run(worker(project, name))
    assert not done.failed, done.error
    assert ran(project, name) == 2


def test_the_machine_is_released_if_asked_once_all_is_uploaded(
    colab: Machine, share: Share
) -> None:
    project = share(colab.drive / "MyDrive" / "churn")
    assert not colab.run(worker(project, "first", "--release")).failed
    assert colab.calls == ["mount", "flush", "unassign"]


def test_outside_colab_nothing_is_mounted_and_the_project_is_the_one_around(
    tmp_path: Path, installed: Path, share: Share
) -> None:
    laptop = Machine(tmp_path / "laptop", installed, colab=False)
    project = share(tmp_path / "home" / "churn")
    notebook = worker(project)
    done = laptop.run(notebook, cwd=notebook.parent)
    assert not done.failed, done.error
    assert ran(project) == 2
    assert laptop.calls == []


def test_nothing_is_imported_from_the_folder_of_the_notebook(
    tmp_path: Path, installed: Path, share: Share
) -> None:
    laptop = Machine(tmp_path / "laptop", installed, colab=False)
    project = share(tmp_path / "home" / "churn")
    notebook = worker(project)
    planted = plant(notebook.parent)
    done = laptop.run(notebook, cwd=notebook.parent)
    assert not planted.exists(), planted.read_text()
    assert not done.failed, done.error
    assert ran(project) == 2


def test_outside_colab_the_environment_says_where_the_project_is(
    tmp_path: Path, share: Share
) -> None:
    laptop = Machine(tmp_path / "laptop", bare_python(tmp_path / "python"), colab=False)
    project = share(tmp_path / "home" / "churn")
    laptop.environ["COLABCTL_ROOT"] = str(project.root)
    done = laptop.run(worker(project))
    assert not done.failed, done.error
    assert ran(project) == 2


def test_a_refusal_to_work_is_reported_after_the_upload(colab: Machine, share: Share) -> None:
    project = share(colab.drive / "MyDrive" / "churn")
    notebook = worker(project)
    project.write("sweeps/first/code/train.py", TRAIN.replace("x", "y"))
    done = colab.run(notebook)
    assert done.ended_at == "upload"
    assert done.error == ["colabctl work ended with exit code 1; cell 6 shows why"]
    assert "is not the code that was declared" in done.text
    assert colab.calls == ["mount", "flush"]


def test_the_code_must_be_that_of_the_notebook(colab: Machine, share: Share) -> None:
    project = share(colab.drive / "MyDrive" / "churn")
    notebook = worker(project)
    shutil.rmtree(project.root / "sweeps" / "first")
    project.declare("first", SWEEP, TRAIN.replace("'y'", "'z'"))
    done = colab.run(notebook)
    assert done.ended_at == "upload"
    assert "runs code that you have neither declared nor approved" in done.text
    assert ran(project) == 0


SECRETS = "\nsecrets: [FIRST_KEY, OTHER_KEY]\n"
READS = (
    "import os\ndef train(params, task):\n"
    "    return {'y': len(os.environ['FIRST_KEY'] + os.environ['OTHER_KEY'])}\n"
)


def test_tasks_get_the_secrets_that_the_project_names_and_no_file_does(
    colab: Machine, share: Share
) -> None:
    project = share(colab.drive / "MyDrive" / "churn", program=READS)
    with (project.root / "colabctl.yaml").open("a") as config:
        config.write(SECRETS)
    colab.keep_secrets(FIRST_KEY="value-of-one", OTHER_KEY="value-of-two", THIRD="3")
    done = colab.run(worker(project), "print('THIRD' in os.environ)")
    assert not done.failed, done.error
    assert [row["metrics"] for row in project.results("first")] == [{"y": 24}] * 2
    assert "False" in done.text
    files = [file for file in colab.drive.rglob("*") if file.is_file()]
    assert not [file for file in files if b"value-of-" in file.read_bytes()]
    assert "value-of-" not in json.dumps(done.notebook)


def test_secrets_that_are_missing_are_named_before_anything_runs(
    colab: Machine, share: Share
) -> None:
    project = share(colab.drive / "MyDrive" / "churn", program=READS)
    with (project.root / "colabctl.yaml").open("a") as config:
        config.write("\nsecrets: [FIRST_KEY, OTHER_KEY, GIVEN]\n")
    colab.keep_secrets(OTHER_KEY=None, GIVEN="value")
    done = colab.run(worker(project))
    assert done.ended_at == "find"
    assert len(done.error) == 1
    assert "not in Colab: FIRST_KEY, OTHER_KEY; add them" in done.error[0]
    assert project.events("first") == []


def test_outside_colab_secrets_come_from_the_environment(
    tmp_path: Path, installed: Path, share: Share
) -> None:
    laptop = Machine(tmp_path / "laptop", installed, colab=False)
    project = share(tmp_path / "home" / "churn", program=READS)
    with (project.root / "colabctl.yaml").open("a") as config:
        config.write(SECRETS)
    laptop.environ |= {"COLABCTL_ROOT": str(project.root), "FIRST_KEY": "1"}
    notebook = worker(project)
    refused = laptop.run(notebook)
    assert refused.ended_at == "find"
    assert len(refused.error) == 1
    assert "not in the environment: OTHER_KEY; set them" in refused.error[0]
    laptop.environ["OTHER_KEY"] = "2"
    assert not laptop.run(notebook).failed
    assert ran(project) == 2


def test_a_project_that_is_not_in_the_drive_is_missed_in_one_line(
    colab: Machine, tmp_path: Path, share: Share
) -> None:
    done = colab.run(worker(share(tmp_path / "elsewhere" / "churn")))
    assert done.ended_at == "find"
    assert len(done.error) == 1
    assert "project 'churn' was not found; in Drive, add a shortcut" in done.error[0]


def test_of_two_projects_with_one_name_the_person_chooses(colab: Machine, share: Share) -> None:
    mine = share(colab.drive / "MyDrive" / "churn")
    theirs = share(colab.drive / "Shareddrives" / "team" / "churn")
    notebook = worker(theirs)
    asked = colab.run(notebook)
    assert asked.ended_at == "find"
    assert len(asked.error) == 1
    places = [colab.mount / "MyDrive/churn", colab.mount / "Shareddrives/team/churn"]
    assert all(str(place) in asked.error[0] for place in places)
    form = 'project_folder = \\"\\"'
    text = notebook.read_text()
    assert form in text
    notebook.write_text(text.replace(form, f'project_folder = \\"{places[1]}\\"'))
    assert not colab.run(notebook).failed
    assert (ran(mine), ran(theirs)) == (0, 2)


def test_a_wheel_that_is_not_the_one_of_the_notebook_is_refused(
    tmp_path: Path, share: Share
) -> None:
    machine = Machine(tmp_path / "fresh", bare_python(tmp_path / "python"))
    project = share(machine.drive / "MyDrive" / "churn")
    notebook = worker(project)
    [name] = re.findall(r'WHEEL = \\"(.*whl)\\"', notebook.read_text())
    wheel = project.root / ".colabctl" / name
    data = wheel.read_bytes()
    wheel.write_bytes(data[:-1])
    refused = machine.run(notebook)
    assert refused.ended_at == "install"
    assert len(refused.error) == 1
    assert "is incomplete or was changed" in refused.error[0]
    wheel.unlink()
    missed = machine.run(notebook)
    assert len(missed.error) == 1
    assert f"{wheel.name} was not found: in Drive" in missed.error[0]
    assert ran(project) == 0


def test_a_machine_with_another_version_of_colabctl_is_left_as_it_is(
    tmp_path: Path, share: Share
) -> None:
    python = bare_python(tmp_path / "python")
    [packages] = (tmp_path / "python" / "lib").glob("python*/site-packages")
    info = packages / "colabctl_drive-9.9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: colabctl-drive\nVersion: 9.9.9\n")
    machine = Machine(tmp_path / "machine", python)
    refused = machine.run(worker(share(machine.drive / "MyDrive" / "churn")))
    assert refused.ended_at == "install"
    assert len(refused.error) == 1
    assert "not 9.9.9: generate it again with 9.9.9" in refused.error[0]
    assert not (packages / "colabctl").exists()
