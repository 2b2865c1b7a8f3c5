"""A budget and patience end a sweep of real workers, loops and engines."""

import os

import pytest

from tests.processes import Project, end, end_together, until

TRAIN = """
import time
def train(x, dataset="a", seconds=0.0):
    time.sleep(seconds)
    return {"loss": abs(x - 0.3)}
"""
RANDOM = """
method: random
trials: 40
metric: {name: loss, goal: minimize}
program: train.py:train
parameters: {x: {min: 0.0, max: 1.0}}
"""


def ended(project: Project, sweep: str) -> tuple[str, int]:
    """Return what has ended a finished sweep, and how many tasks ran."""
    status = project.status(sweep)
    assert status["state"] == "finished"
    assert status["pending"] == status["running"] == 0
    return status["ended"], status["done"] + status["failed"] + status["pruned"]


def test_workers_together_run_no_more_tasks_than_the_budget_has(project: Project) -> None:
    project.declare("s", RANDOM + "budget: {tasks: 9}\n", TRAIN)
    workers = [project.start("work", "s", "-j", "2") for _ in range(2)]
    for worker in end_together(workers):
        assert worker.code == 0, worker.err
    assert ended(project, "s") == ("budget", 9)
    shown = project.run("status", "s").out
    assert "budget: 9 of 9 tasks" in shown
    assert "s has used up its budget, so 31 tasks do not run" in shown


def test_resume_goes_on_beyond_the_budget(project: Project) -> None:
    project.declare("s", RANDOM + "budget: {tasks: 3}\n", TRAIN)
    worked = project.run("work", "s")
    assert "the budget of the sweep is used up; next: colabctl results s" in worked.err
    assert "ran 0 tasks" in project.run("work", "s").err
    project.run("resume", "s")
    assert "it was resumed beyond these limits" in project.run("status", "s").out
    project.run("work", "s")
    status = project.status("s")
    assert (status["done"], status["ended"]) == (40, None)
    assert "s is finished, so there is nothing to continue" in project.run("resume", "s").err


def test_a_budget_that_is_set_after_a_resume_counts(project: Project) -> None:
    project.declare("s", RANDOM + "budget: {tasks: 3}\n", TRAIN)
    project.run("work", "s")
    project.run("resume", "s")
    (project.root / "s.yaml").write_text(RANDOM + "budget: {tasks: 8}\n")
    project.run("sweep", "s.yaml", "--extend")
    project.run("work", "s")
    assert ended(project, "s") == ("budget", 8)
    project.run("resume", "s")
    project.run("work", "s", "--max-tasks", "4")
    assert project.status("s")["done"] == 12


def test_with_patience_the_repeats_of_a_configuration_run_together(project: Project) -> None:
    constant = "def train(x, seed):\n    return {'loss': 1.0}\n"
    project.declare("s", RANDOM + "patience: 4\nrepeat: {seed: [1, 2, 3]}\n", constant)
    project.run("work", "s", "--max-tasks", "3")
    assert project.status("s")["patience"]["searches"][0]["waited"] == 0
    first = [row["index"] for row in project.results("s")]
    assert [index // 3 for index in first] == 3 * [first[0] // 3]


def test_failed_attempts_use_the_time_of_the_budget(project: Project) -> None:
    fails = "import time\ndef train(x):\n    time.sleep(0.2)\n    raise ValueError(x)\n"
    project.declare("s", RANDOM + "budget: {time: 1s}\nmax_retries: 9\n", fails)
    project.run("work", "s")
    status = project.status("s")
    assert (status["ended"], status["done"]) == ("budget", 0)
    assert 1.0 <= status["budget"]["seconds"]["used"] < 3.0


def test_each_search_of_a_bayesian_sweep_ends_by_its_own_patience(project: Project) -> None:
    pytest.importorskip("optuna")
    more = "foreach: [dataset]\npatience: 4\nsampler: tpe\n"
    space = "parameters: {x: {min: 0.0, max: 1.0}, dataset: {values: [a, b]}}\n"
    text = RANDOM.replace("random", "bayes").replace("parameters:", "# parameters:")
    project.declare("s", text + space + more, TRAIN)
    project.run("work", "s")
    reason, ran = ended(project, "s")
    assert reason == "patience"
    assert 10 <= ran < 80
    searches = project.status("s")["patience"]["searches"]
    assert [each["values"]["dataset"] for each in searches if each["ended"]] == ["a", "b"]
    assert "ended: 2 of 2 searches (a; b)" in project.run("status", "s").out


def test_a_loop_ends_with_the_budget(project: Project) -> None:
    loop = """
import colabctl
keys = {"metric": {"name": "loss", "goal": "minimize"}, "budget": {"tasks": 5}}
sweep = colabctl.open().sweep("s", space={"x": list(range(40))}, **keys)
for task in sweep.tasks():
    task.done(loss=1.0)
print(sweep.status().ended)
"""
    ran = project.python(loop)
    assert (ran.code, ran.out) == (0, "budget\n"), ran.err
    assert ended(project, "s") == ("budget", 5)


def test_tasks_added_after_the_end_wait_for_resume(project: Project) -> None:
    project.declare("s", RANDOM + "budget: {tasks: 3}\n", TRAIN)
    project.run("work", "s")
    extended = project.run("extend", "s", "--trials", "42")
    assert "s has used up its budget; to run new tasks: colabctl resume s" in extended.err
    assert "so 39 tasks wait; to run them: colabctl resume s" in project.run("status", "s").out
    project.run("resume", "s")
    project.run("work", "s")
    assert project.status("s")["done"] == 42


def test_a_changed_file_sets_another_budget(project: Project) -> None:
    project.declare("s", RANDOM + "budget: {tasks: 3}\n", TRAIN)
    project.run("work", "s")
    file = project.root / "s.yaml"
    file.write_text(RANDOM + "budget: {tasks: 5}\n")
    assert "add what is new to it (--extend)" in project.run("sweep", "s.yaml").err
    added = project.run("sweep", "s.yaml", "--extend")
    assert (added.code, added.out) == (0, "s: budget: tasks 5\n")
    assert "run them: colabctl work s" in added.err
    assert "extended by ana" in project.run("status", "s").out
    project.run("work", "s")
    assert ended(project, "s") == ("budget", 5)
    assert "already declared" in project.run("sweep", "s.yaml").out
    file.write_text(RANDOM + "patience: 30\n")
    assert "already declared with different content" in project.run("sweep", "s.yaml").err
    assert "s: budget: none, patience: trials 30" in project.run("sweep", "s.yaml", "--extend").out
    project.run("work", "s")
    assert project.status("s")["budget"] is None
    assert project.status("s")["done"] > 30


SLOW = """
import pathlib, time
def train(x):
    time.sleep(0.2)
    return {"loss": (x - 0.3) ** 2}
"""


def test_a_worker_follows_a_budget_that_changes_while_it_runs(project: Project) -> None:
    project.declare("s", RANDOM + "budget: {tasks: 30}\n", SLOW)
    worker = project.start("work", "s")
    until(lambda: project.status("s")["done"] > 0)
    (project.root / "s.yaml").write_text(RANDOM + "budget: {tasks: 12}\n")
    assert project.run("sweep", "s.yaml", "--extend").code == 0
    assert end(worker).code == 0
    assert ended(project, "s") == ("budget", 12)


def test_workers_that_know_an_extension_and_those_that_do_not_yet_share_a_sweep(
    project: Project,
) -> None:
    project.declare("s", RANDOM + "budget: {tasks: 60}\n", SLOW)
    first = [project.start("work", "s") for _ in range(2)]
    until(lambda: project.status("s")["done"] > 0)
    project.run("extend", "s", "--trials", "60")
    second = [project.start("work", "s") for _ in range(2)]
    for worker in end_together([*first, *second]):
        assert worker.code == 0, worker.err
    status = project.status("s")
    assert (status["done"], status["duplicates"]) == (60, 0)


def test_a_task_that_runs_again_is_within_the_budget_already(project: Project) -> None:
    fails = "def train(x, task):\n    assert task.attempt > 1\n    return {'loss': x}\n"
    project.declare("s", RANDOM + "budget: {tasks: 3}\n", fails)
    project.run("work", "s")
    done = project.results("s")
    assert (len(done), {row["attempt"] for row in done}) == (3, {2})
    discarded = done[1]["task"]
    project.run("discard", "s", "--task", discarded, "--yes")
    project.run("work", "s")
    assert {row["task"] for row in project.results("s")} == {row["task"] for row in done}


def test_the_resume_of_a_paused_sweep_keeps_its_budget_although_a_search_has_ended(
    project: Project,
) -> None:
    more = "foreach: [dataset]\npatience: 4\nbudget: {tasks: 50}\n"
    space = "parameters: {x: {min: 0.0, max: 1.0}, dataset: {values: [a, b]}}\n"
    constant = "def train(x, dataset):\n    return {'loss': 1.0 if dataset == 'a' else x}\n"
    text = RANDOM.replace("parameters:", "# parameters:") + space + more
    project.declare("s", text, constant)
    project.run("cancel", "s", "--where", "dataset = 'b'", "--yes")
    project.run("work", "s")
    project.run("retry", "s", "--cancelled")
    project.run("pause", "s")
    project.run("resume", "s")
    project.run("work", "s")
    assert ended(project, "s")[1] <= 50


NEEDS = """
method: grid
metric: {name: loss, goal: minimize}
program: train.py:train
foreach: [m]
needs: [{where: "m = 'b'", gpu: 1}]
parameters: {m: {values: [a, b]}, x: {values: [1, 2, 3, 4, 5, 6, 7, 8]}}
"""


def test_a_worker_ends_when_a_dead_one_holds_the_last_task_of_the_budget_that_needs_more(
    project: Project,
) -> None:
    hangs = """
import pathlib, time
def train(x, m):
    pathlib.Path(f"started-{m}").touch()
    time.sleep(600 if m == "b" else 0)
    return {"loss": x}
"""
    project.write("bin/nvidia-smi", "#!/bin/sh\necho '0, GPU-0, Tesla T4, 15360, 550.54'\n").chmod(
        0o755
    )
    config = project.root / "colabctl.yaml"
    config.write_text(config.read_text() + "\nlease: 3s\nheartbeat: 1s\n")
    project.declare("s", NEEDS + "budget: {tasks: 3}\n", hangs)
    project.run("cancel", "s", "--where", "m = 'a'", "--yes")
    path = f"{project.root / 'bin'}:{os.environ['PATH']}"
    dead = project.start("work", "s", PATH=path)
    until((project.root / "started-b").exists)
    dead.kill()
    project.run("retry", "s", "--cancelled")
    until(lambda: not any(each["state"] == "running" for each in project.status("s")["workers"]))
    worked = project.run("work", "s", CUDA_VISIBLE_DEVICES="")
    assert "ran 2 tasks" in worked.err
    assert "no task that is left fits this machine" in worked.err
