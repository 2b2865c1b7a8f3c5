"""The workspace: frozen files over the project's, and new files that reach the project."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from colabctl.run.workspace.workspace import create
from tests.processes import until
from tests.run.workspace.scene import Scene, run_in

Make = Callable[..., Scene]
FILES = {
    "train.py": "frozen",
    "configs/a.yaml": "frozen",
    "configs/b.yaml": "data",
    "src/pkg/model.py": "frozen",
    "src/pkg/other.py": "code",
    "data/raw/x.csv": "data",
    "helper.py": "code",
    "notes.ipynb": "code",
    "__pycache__/train.pyc": "cache",
}
FROZEN = ["train.py", "configs/a.yaml", "src/pkg/model.py"]


def shown(folder: Path) -> dict[str, str]:
    """Return what a folder holds: the text of each file, through links."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in map(Path, _walk(folder))
        if path.is_file()
    }


def _walk(folder: Path) -> list[str]:
    return [f"{at}/{name}" for at, _, names in os.walk(folder, followlinks=True) for name in names]


def test_it_holds_the_frozen_files_and_shows_the_project_s_data_but_no_other_code(
    scene: Make,
) -> None:
    here = scene(FILES, FROZEN)
    hidden = {"helper.py", "notes.ipynb", "src/pkg/other.py", "__pycache__/train.pyc"}
    assert shown(here.workspace) == {k: v for k, v in FILES.items() if k not in hidden}
    assert (here.workspace / "data").is_symlink()
    assert not (here.workspace / "train.py").is_symlink()


def test_a_frozen_file_stays_as_it_was_declared_and_data_does_not(scene: Make) -> None:
    here = scene(FILES, FROZEN)
    for name in ("configs/a.yaml", "configs/b.yaml"):
        (here.project / name).write_text("changed")
    assert (here.workspace / "configs/a.yaml").read_text() == "frozen"
    assert (here.workspace / "configs/b.yaml").read_text() == "changed"


def test_what_a_shell_creates_is_in_the_project_when_the_task_has_ended(scene: Make) -> None:
    here = scene(FILES, FROZEN)
    here.run(
        "echo 1 > out.csv; mkdir -p models/deep; echo 2 > models/deep/m; echo 3 > configs/c.yaml;"
        "echo 4 >> data/raw/x.csv; ln -s out.csv latest"
    )
    assert (here.project / "out.csv").read_text() == "1\n"
    assert (here.project / "models/deep/m").read_text() == "2\n"
    assert (here.project / "configs/c.yaml").read_text() == "3\n"
    assert (here.project / "data/raw/x.csv").read_text() == "data4\n"
    assert (here.project / "latest").readlink() == Path("out.csv")
    for name in ("out.csv", "models", "configs/c.yaml"):
        assert (here.workspace / name).readlink() == here.project / name


def test_a_file_that_replaces_one_of_the_project_s_replaces_it_there(scene: Make) -> None:
    here = scene({**FILES, "best.txt": "old"}, FROZEN)
    here.run("echo new > tmp; mv tmp best.txt")
    assert (here.project / "best.txt").read_text() == "new\n"
    assert not (here.project / "tmp").exists()


def test_a_file_that_a_shell_renames_is_renamed_in_the_project(scene: Make) -> None:
    here = scene({**FILES, "old.txt": "text"}, FROZEN)
    here.run("mv old.txt new.txt")
    assert (here.project / "new.txt").read_text() == "text"
    assert not (here.project / "old.txt").exists()


def test_new_folders_are_merged_with_those_that_others_have_made_since(scene: Make) -> None:
    here = scene(FILES, FROZEN)
    slot = here.slot()
    run_in(slot, here.workspace, f"mkdir -p out; echo mine > out/a; mkdir {here.project}/out; echo theirs > {here.project}/out/b")  # fmt: skip
    assert shown(here.project / "out") == {"a": "mine\n", "b": "theirs\n"}


def test_two_tasks_that_write_one_name_at_the_same_time_lose_nothing(scene: Make) -> None:
    here = scene(FILES, FROZEN, slots=2)
    inner = here.slot(1)
    outer = here.slot(0)
    for slot in (outer, inner):
        slot.prepare()
    for number, folder in enumerate(here.workspaces):
        (folder / "log.txt").write_text(f"task {number}")
    for slot in (outer, inner):
        slot.tidy()
    logs = sorted(path.read_text() for path in here.project.glob("log*.txt"))
    assert logs == ["task 0", "task 1"]
    assert (here.project / "log.txt").read_text() == "task 0"


def test_a_new_file_of_a_long_task_reaches_the_project_while_it_runs(
    scene: Make, tmp_path: Path
) -> None:
    here = scene(FILES, FROZEN)
    (here.project / "go").mkdir()
    slow = "echo 1 > early.txt; n=0; while [ ! -e go/on ] && [ $n -lt 600 ]; do sleep 0.1; n=$((n+1)); done"
    slot = here.slot()
    task = threading.Thread(target=run_in, args=(slot, here.workspace, slow))
    task.start()
    until((here.project / "early.txt").exists, "the file in the project")
    (here.project / "theirs.txt").write_text("2")
    until((here.workspace / "theirs.txt").exists, "the new file of another machine")
    (here.project / "go/on").touch()
    task.join()
    assert (here.project / "early.txt").read_text() == "1\n"
    assert (here.workspace / "early.txt").is_symlink()


def test_code_that_a_task_creates_stays_for_later_tasks_and_is_in_the_project(scene: Make) -> None:
    here = scene(FILES, FROZEN)
    slot = here.slot()
    run_in(slot, here.workspace, "echo 1 > made.py; mkdir -p repo/pkg; echo 2 > repo/pkg/m.py; echo 3 > repo/d")  # fmt: skip
    assert (here.project / "made.py").read_text() == "1\n"
    assert shown(here.project / "repo") == {"pkg/m.py": "2\n", "d": "3\n"}
    for name in ("made.py", "repo/pkg/m.py"):
        assert not (here.workspace / name).is_symlink()
    assert (here.workspace / "repo/d").is_symlink()
    run_in(slot, here.workspace, "echo 4 > made.py; rm -r repo")
    assert (here.project / "made.py").read_text() == "4\n"


def test_a_frozen_file_that_a_task_changes_or_removes_is_restored_for_the_next(scene: Make) -> None:
    here = scene(FILES, FROZEN)
    slot = here.slot()
    run_in(slot, here.workspace, "echo x > configs/a.yaml; rm train.py; rm -r src")
    run_in(slot, here.workspace, "grep -q frozen configs/a.yaml train.py src/pkg/model.py")
    assert shown(here.project) == FILES


def test_a_frozen_file_that_a_task_changes_is_kept_in_the_task_s_folder(
    scene: Make, tmp_path: Path
) -> None:
    here = scene(FILES, FROZEN)
    run_in(here.slot(), here.workspace, "echo x > configs/a.yaml", str(tmp_path / "own"))
    assert shown(tmp_path / "own") == {"configs/a.yaml": "x\n"}
    assert (here.workspace / "configs/a.yaml").read_text() == "frozen"


def test_entries_that_others_create_and_remove_are_followed(scene: Make) -> None:
    here = scene({**FILES, "gone.txt": ""}, FROZEN)
    slot = here.slot()
    (here.project / "gone.txt").unlink()
    (here.project / "new.txt").touch()
    run_in(slot, here.workspace, "[ -e new.txt ] && [ ! -L gone.txt ]")


def test_a_file_with_the_name_of_a_folder_that_others_have_made_gets_another_one(
    scene: Make,
) -> None:
    here = scene(FILES, FROZEN)
    here.run(f"echo 1 > models; mkdir {here.project}/models")
    assert (here.project / "models-2").read_text() == "1\n"


def test_new_files_that_cannot_be_moved_fail_the_task_and_stay(scene: Make) -> None:
    here = scene(FILES, FROZEN)
    with pytest.raises(FileExistsError):
        here.run(f"mkdir models; echo 1 > models/m; echo 2 > {here.project}/models")
    assert (here.workspace / "models/m").read_text() == "1\n"


def test_caches_pipes_and_broken_links_do_no_harm(scene: Make) -> None:
    here = scene(FILES, FROZEN)
    (here.project / "broken").symlink_to("nowhere")
    (here.project / "loop").symlink_to("loop")
    here.run("mkfifo pipe; mkdir __pycache__; echo 1 > __pycache__/x.pyc; [ -L broken ]")
    assert not (here.project / "pipe").exists()
    assert not (here.project / "__pycache__/x.pyc").exists()


def test_names_of_any_kind_are_mirrored(scene: Make) -> None:
    here = scene({"a b/ü.txt": "1", "train.py": "2", "-n": "3", "new\nline": "4"}, ["train.py"])
    assert shown(here.workspace) == shown(here.project)
    odd = os.fsencode(here.project) + b"/\xff"
    Path(os.fsdecode(odd)).touch()
    here.run("[ -e $(printf '\\377') ]")


def test_messages_of_a_task_name_the_project(scene: Make) -> None:
    here = scene(FILES, FROZEN)
    message = f'{{"model":"{here.workspace}/models/m.pt","in":"{here.workspace}"}}'.encode()
    assert here.slot().translated(message).decode() == message.decode().replace(
        str(here.workspace), str(here.project)
    )


def test_a_frozen_file_of_a_folder_that_the_project_no_longer_has_is_there(
    tmp_path: Path,
) -> None:
    code, project = tmp_path / "code", tmp_path / "churn"
    (code / "src").mkdir(parents=True)
    (code / "src/train.py").touch()
    project.mkdir()
    create(code, project, [tmp_path / "0" / "churn"])
    assert (tmp_path / "0" / "churn/src/train.py").is_file()


def test_what_is_next_to_the_project_is_read_and_created_there(scene: Make) -> None:
    around = scene(FILES, FROZEN).project.parent
    (around / "shared").mkdir()
    (around / "shared/x.csv").write_text("data")
    here = scene(FILES, FROZEN)
    slot = here.slot()
    slot.prepare()
    text = "print(open('../shared/x.csv').read())\nimport os\nos.makedirs('../made/by')\nopen('../made/by/x', 'w')"
    assert here.python(text) == "data\n"
    slot.tidy()
    assert (around / "made/by/x").is_file()
