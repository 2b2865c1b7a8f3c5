"""Declaring again approves only what the member's own files give, never what the folder says."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colabctl.code.frozen import Code
from tests.cli.conftest import FILE, TRAIN, Say
from tests.processes import Project
from tests.project.conftest import everything

Change = Callable[[Path], object]


def plan_with(**keys: Any) -> Change:
    """Return a change of plan.json."""

    def change(sweep: Path) -> None:
        plan = sweep / "plan.json"
        plan.write_text(json.dumps({**json.loads(plan.read_text()), **keys}))

    return change


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def swap_code(sweep: Path) -> None:
    name, other = "notebooks/ana/train.py", TRAIN + "# other\n"
    (sweep / "code" / name).write_text(other)
    plan_with(code_digest=Code({name: other.encode()}).digest)(sweep)


def swap_tasks(sweep: Path) -> None:
    file = sweep / "tasks/00000.jsonl"
    file.write_text(file.read_text().replace('"x":1', '"x":9'))
    plan_with(task_digests=[digest(file)])(sweep)


def swap_tasks_and_declaration(sweep: Path) -> None:
    file = sweep / "sweep.yaml"
    file.write_text(FILE.replace("[1, 2, 3]", "[9, 2, 3]"))
    swap_tasks(sweep)
    plan_with(declaration_digest=digest(file))(sweep)


def other_declaration(sweep: Path) -> None:
    (sweep / "sweep.yaml").write_text("method: grid\n")


def unreadable_declaration(sweep: Path) -> None:
    other_declaration(sweep)
    plan_with(declaration_digest=digest(sweep / "sweep.yaml"))(sweep)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (swap_code, "code: notebooks/ana/train.py changed"),
        (swap_tasks, "plan.json: the digests of tasks/00000.jsonl differ"),
        (swap_tasks_and_declaration, "-    - 9"),
        (other_declaration, "sweep.yaml is not the file that plan.json was made with"),
        (unreadable_declaration, "parameters"),
        (plan_with(program="notebooks/ana/train.py"), "plan.json: program is"),
        (plan_with(kind="objective"), 'plan.json: kind is "objective", and yours is "function"'),
        (plan_with(command=["bash", "-c", "rm -rf ~"]), "plan.json: command is"),
        (plan_with(cwd="data"), 'plan.json: cwd is "data", and yours is "notebooks/ana"'),
        (plan_with(import_path=["data"]), "plan.json: import_path is"),
        (plan_with(kernels={"keep": "all"}), "plan.json: kernels is"),
        (plan_with(early_terminate={"type": "median"}), "plan.json: early_terminate is"),
        (plan_with(process_tasks=1), "plan.json: process_tasks is 1, and yours is 0"),
        (plan_with(keep_wandb=True), "plan.json: keep_wandb is true"),
        (plan_with(sampler="gp"), "plan.json: sampler is"),
        (plan_with(metric="z"), "plan.json: metric is"),
        (plan_with(max_retries=9), "plan.json: max_retries is 9, and yours is 1"),
        (plan_with(parameters={"x": True, "z": True}), "plan.json: parameters is"),
    ],
)
def test_a_sweep_that_was_changed_is_refused_and_not_approved(
    project: Project, say: Say, file: Path, tmp_path: Path, change: Change, shown: str
) -> None:
    """Whoever declares it: ana, who did so first, and ben, who never saw it."""
    say("sweep", str(file))
    change(project.root / "sweeps/s")
    before = everything(project.root)
    bens = {"COLABCTL_APPROVALS": str(tmp_path / "bens")}
    for environ in ({}, bens):
        again = say("sweep", str(file), **environ)
        assert (again.code, again.out) == (1, "")
        assert shown in again.err, again.err
    assert "by ana; look at it (colabctl trust s)" in again.err
    assert not (tmp_path / "bens").exists()
    assert everything(project.root) == before
    assert project.run("work", "s", **bens).code == 1
    assert project.results("s") == []


def test_a_file_that_was_added_to_the_code_never_runs(
    project: Project, say: Say, file: Path
) -> None:
    say("sweep", str(file))
    for folder in ("", "notebooks/ana/"):
        pwned = f"open({str(project.root / 'pwned')!r}, 'w')\n"
        project.write(f"sweeps/s/code/{folder}json.py", pwned)
    assert say("sweep", str(file)).code == 0
    assert project.run("work", "s").code == 0
    assert not (project.root / "pwned").exists()


def test_what_was_changed_since_the_approval_is_named(
    project: Project, say: Say, file: Path
) -> None:
    say("sweep", str(file), "--name", "once")  # no other test approves it
    plan_with(max_retries=9, metric="z", heartbeat=11.0)(project.root / "sweeps/once")
    refused = say("work", "once")
    assert refused.code == 1
    changed = "since you approved it, its plan.json has changed: heartbeat, max_retries, metric)"
    assert changed in refused.err
    assert "+max_retries: 9" in say("trust", "once", "--yes").out.splitlines()
    assert say("work", "once").code == 0


def test_who_declared_a_sweep_when_and_where_does_not_matter(
    project: Project, say: Say, file: Path, tmp_path: Path
) -> None:
    say("sweep", str(file))
    by_others = {"declared_by": "ben", "declared_at": 1.8e9, "made_with": "9.9", "title": "S"}
    of_machine = {"consistency": "eventual", "heartbeat": 61.0, "lease": 601.0, "code_origin": None}
    plan_with(**by_others, **of_machine)(project.root / "sweeps/s")
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    bens = {"COLABCTL_APPROVALS": str(tmp_path / "bens"), "COLABCTL_MEMBER": "ben"}
    assert say("sweep", str(file), **bens).out == "s: 3 tasks, already declared\n"
    assert len(list((tmp_path / "bens").iterdir())) == 1


def test_a_damaged_task_file_is_refused_by_the_command_and_costs_a_loop_one_task(
    project: Project, say: Say, file: Path
) -> None:
    say("sweep", str(file))
    loop = (
        "import colabctl\n"
        "sweep = colabctl.open().sweep('loop', {'x': [1, 2, 3]})\n"
        "for task in sweep.tasks():\n"
        "    with task:\n"
        "        task.done(y=task.params['x'])\n"
    )
    assert project.python(loop.partition("for")[0]).code == 0
    for name in ("s", "loop"):
        tasks = project.root / f"sweeps/{name}/tasks/00000.jsonl"
        tasks.write_text(tasks.read_text().replace('"x":2', '"x":9'))
    named = "tasks/00000.jsonl of sweep s is not what was declared: task t000001 does not run"
    again = say("sweep", str(file))
    assert (again.code, named in again.err) == (1, True)
    looped = project.python(loop)
    assert looped.code == 0, looped.err
    assert "tasks/00000.jsonl of sweep loop is not what was declared" in looped.err
    assert [(row["status"], row["metrics"]) for row in project.results("loop")] == [
        ("done", {"y": 1}), ("failed", {}), ("done", {"y": 3}),
    ]  # fmt: skip


def test_a_loop_does_not_work_on_a_plan_that_was_changed_after_it_declared(
    project: Project,
) -> None:
    looped = project.python(
        "import colabctl, json, pathlib\n"
        "sweep = colabctl.open().sweep('loop', {'x': [1, 2, 3]})\n"
        "plan = pathlib.Path('sweeps/loop/plan.json')\n"
        "plan.write_text(json.dumps({**json.loads(plan.read_text()), 'max_retries': 9}))\n"
        "list(sweep.tasks())\n"
    )
    assert looped.code == 1
    assert "plan.json was changed after you declared or approved the sweep" in looped.err


def test_files_that_are_on_their_way_on_a_drive_are_only_noted(
    project: Project, say: Say, file: Path
) -> None:
    drive = {"COLABCTL_CONSISTENCY": "eventual"}
    say("sweep", str(file), **drive)
    sweep = project.root / "sweeps/s"
    for name in ("sweep.yaml", "code/notebooks/ana/train.py", "tasks/00000.jsonl"):
        (sweep / name).unlink()
    again = say("sweep", str(file), **drive)
    assert (again.code, again.out) == (0, "s: 3 tasks, already declared\n")
    assert "not here yet: sweep.yaml, code/notebooks/ana/train.py" in again.err


MISSING = ("sweep.yaml", "code/notebooks/ana/train.py", "tasks/00000.jsonl")


@pytest.mark.parametrize("environ", [{}, {"COLABCTL_CONSISTENCY": "eventual"}])
@pytest.mark.parametrize("names", [MISSING, *((name,) for name in MISSING)])
def test_what_is_missing_of_a_sweep_is_restored(
    project: Project, say: Say, file: Path, names: tuple[str, ...], environ: dict[str, str]
) -> None:
    say("sweep", str(file), **environ)
    sweep = project.root / "sweeps/s"
    plan_with(declared_at=1.7e9)(sweep)  # long ago, so that nothing is on its way
    before = everything(sweep)
    for name in names:
        (sweep / name).unlink()
    again = say("sweep", str(file), **environ)
    assert (again.code, again.out) == (0, "s: 3 tasks, already declared\n")
    assert f"restored what was missing: {', '.join(names)}\n" in again.err
    assert everything(sweep) == before
    assert "restored" not in say("sweep", str(file), **environ).err
    assert project.run("work", "s", **environ).code == 0
    assert len(project.results("s")) == 3


def test_folders_that_are_missing_are_restored_too(project: Project, say: Say, file: Path) -> None:
    say("sweep", str(file))
    sweep = project.root / "sweeps/s"
    before = everything(sweep)
    for name in ("code", "tasks"):
        shutil.rmtree(sweep / name)
    assert say("sweep", str(file)).code == 0
    assert everything(sweep) == before


@pytest.mark.parametrize("kept", MISSING)
def test_a_file_that_differs_is_never_overwritten(
    project: Project, say: Say, file: Path, kept: str
) -> None:
    say("sweep", str(file))
    sweep = project.root / "sweeps/s"
    for name in MISSING:
        (sweep / name).unlink()
    (sweep / kept).write_text("other\n")
    again = say("sweep", str(file))
    assert again.code == 1
    assert kept.rpartition("/")[2] in again.err
    assert (sweep / kept).read_text() == "other\n"


def test_nothing_is_restored_into_a_sweep_that_was_made_with_other_code(
    project: Project, say: Say, file: Path
) -> None:
    say("sweep", str(file))
    project.write("notebooks/ana/train.py", TRAIN + "# other\n")
    sweep = project.root / "sweeps/s"
    (sweep / "code/notebooks/ana/train.py").unlink()
    again = say("sweep", str(file))
    assert (again.code, "code: notebooks/ana/train.py missing in the sweep" in again.err) == (
        1,
        True,
    )
    assert not (sweep / "code/notebooks/ana/train.py").exists()


@pytest.mark.parametrize("folder", ["code/notebooks", "tasks"])
def test_nothing_is_restored_through_a_link_that_leads_out(
    project: Project, say: Say, file: Path, tmp_path: Path, folder: str
) -> None:
    say("sweep", str(file))
    place = project.root / "sweeps/s" / folder
    shutil.rmtree(place)
    outside = tmp_path / "outside"
    outside.mkdir()
    place.symlink_to(outside, target_is_directory=True)
    assert say("sweep", str(file)).code == 1
    assert list(outside.iterdir()) == []
