"""A worker takes only the tasks for which its machine has enough, and says why it takes none."""

import os

from tests.processes import Project, end, until

TRAIN = """
import os
def train(params, task):
    return {'y': 1, 'gpus': os.environ.get('CUDA_VISIBLE_DEVICES', 'all')}
"""
MIXED = """
method: grid
program: train.py:train
foreach: [model]
parameters: {model: {values: [vit, mlp]}, x: {values: [1, 2, 3]}}
needs: [{memory: 1MB}, {where: "model = 'vit'", gpu: 1, gpu_memory: 16GB}]
"""
DRAWN = """
method: random
trials: 40
program: train.py:train
parameters: {width: {min: 1, max: 200}}
needs: {where: width > 100, gpu: 1}
"""
WAITING = """
import os, pathlib, time
def train(params, task):
    while not pathlib.Path(os.environ['COLABCTL_ROOT'], 'go').exists():
        time.sleep(0.05)
    return {'y': 1}
"""
NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}


def gpus(project: Project, *names: str, late: float = 0.0, memory: int = 15360) -> dict[str, str]:
    """Return the environment of a machine whose driver lists these GPUs, after some seconds."""
    rows = [f"echo '{n}, GPU-{n}, {name}, {memory}, 550.54'" for n, name in enumerate(names)]
    some = [f"echo 'GPU {n}: {name}'" for n, name in enumerate(names)]
    text = f'#!/bin/sh\nif [ "$1" = --list-gpus ]; then\n:\n{chr(10).join(some)}\nexit\nfi\nsleep {late}\n'
    file = project.write("bin/nvidia-smi", text + "\n".join(rows) + "\n")
    file.chmod(0o755)
    return {"PATH": f"{file.parent}:{os.environ['PATH']}"}


def claimed(project: Project, sweep: str) -> set[int]:
    return {index for event in project.events(sweep, "claim") for index, _ in event["tasks"]}


def test_each_worker_takes_what_fits_it_and_then_ends(project: Project) -> None:
    project.declare("s", MIXED, TRAIN)
    worked = project.run("work", "s", **NO_GPU)
    assert worked.code == 0
    assert "ran 3 tasks: 3 done, 0 failed; no task that is left fits this machine" in worked.err
    assert (
        "note: the 3 tasks left need a GPU with 16 GB, and this worker has no GPU; in Colab, choose "
        "T4, L4, A100, H100 or G4 (Runtime > Change runtime type)"
    ) in worked.err
    assert {row["params"]["model"] for row in project.results("s") if row["metrics"]} == {"mlp"}
    with_gpu = project.run("work", "s", **gpus(project, "Tesla T4"))
    assert "ran 3 tasks: 3 done, 0 failed; the sweep is finished" in with_gpu.err
    [first, second] = project.events("s", "start")
    assert first["memory"] == second["memory"] > 1e8


def test_a_worker_that_nothing_fits_says_so_at_once_and_fails(project: Project) -> None:
    project.declare("s", MIXED.replace("1MB", "900TB"), TRAIN)
    worked = project.run("work", "s", **NO_GPU)
    assert worked.code == 1
    assert "colabctl: of the tasks left, 3 need" in worked.err
    assert "900 TB of memory, and this worker has no GPU and" in worked.err
    assert not project.events("s", "claim")


def test_values_that_are_drawn_decide_too(project: Project) -> None:
    project.declare("s", DRAWN, TRAIN)
    assert project.run("work", "s", "-j", "2", **NO_GPU).code == 0
    ran = [row["params"]["width"] for row in project.results("s") if row["status"] == "done"]
    assert 0 < len(ran) < 40
    assert max(ran) <= 100
    left = project.status("s")["needs"]
    assert [(each["gpu"], each["tasks"]) for each in left] == [(1, 40 - len(ran))]


def test_too_many_tasks_at_a_time_are_named_with_the_number_that_fits(project: Project) -> None:
    project.declare("s", MIXED.replace("[mlp]", "[vit]"), TRAIN)
    machine = gpus(project, "Tesla T4")
    worked = project.run("work", "s", "-j", "4", **machine)
    assert "and each of 4 tasks at a time has a Tesla T4 with 4 GB here; use -j 1" in worked.err
    assert claimed(project, "s") == {3, 4, 5}


def test_slots_get_different_gpus_if_tasks_need_several(project: Project) -> None:
    text = "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2, 3, 4, 5, 6]}}\n"
    project.declare("s", f"{text}needs: {{gpu: 2}}\n", TRAIN)
    worked = project.run("work", "s", "-j", "3", **gpus(project, *5 * ["NVIDIA L4"]))
    assert "each of 3 tasks at a time has a L4" in worked.err
    assert project.run("work", "s", "-j", "2", **gpus(project, *5 * ["NVIDIA L4"])).code == 0
    assert {row["metrics"]["gpus"] for row in project.results("s")} <= {"0,1", "2,3"}


def test_a_worker_waits_for_its_driver_before_it_claims(project: Project) -> None:
    project.declare("s", MIXED, TRAIN)
    worked = project.run("work", "s", **gpus(project, "Tesla T4", late=6.0))
    assert "6 done" in worked.err
    [start] = project.events("s", "start")
    assert start["accelerators"] == [{"name": "Tesla T4", "memory": 15360 << 20}]


def test_a_worker_stays_while_others_run_tasks_that_fit_it(project: Project) -> None:
    project.declare("s", MIXED.replace("[1, 2, 3]", "[1]"), WAITING)
    first = project.start("work", "s", **NO_GPU)
    until(lambda: project.events("s", "claim"), "a claim")
    second = project.start("work", "s", **NO_GPU)
    until(lambda: len(project.events("s", "start")) == 2, "the second worker")
    project.write("go", "")
    ran, waited = end(first), end(second)
    assert (ran.code, waited.code) == (0, 1)
    assert (
        "waiting: others hold the task left" in waited.err or "others hold what fits" in waited.err
    )
    assert "the task left needs a GPU with 16 GB, and this worker has no GPU" in waited.err


def test_status_says_what_would_run_the_tasks(project: Project) -> None:
    project.declare("s", MIXED, TRAIN)
    project.journal("s", {"event": "heartbeat"}, writer="ben-vm-1")
    seen = project.run("status", "s")
    assert (
        "3 tasks need a GPU with 16 GB and 1 MB of memory, which no worker of this sweep has had; "
        "in Colab, choose T4, L4, A100, H100 or G4 (Runtime > Change runtime type)"
    ) in " ".join(seen.out.split())


def test_a_loop_ends_with_the_reason(project: Project) -> None:
    worked = project.python(
        "import colabctl\nproject = colabctl.open()\n"
        "sweep = project.sweep('loop', {'x': [1, 2]}, needs={'gpu': 1})\n"
        "for task in sweep.tasks():\n    with task:\n        task.done(y=1)\n"
        "print('after')\n",
        **NO_GPU,
    )
    assert worked.out == "after\n"
    assert "the 2 tasks left need a GPU, and this worker has no GPU" in worked.err
