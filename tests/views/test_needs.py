"""Status says for which tasks no worker that runs now has enough, and what would do."""

import json
import time
from typing import Any

import pytest

from tests.processes import Project

SWEEP = """
method: grid
program: train.py:train
foreach: [model]
parameters: {model: {values: [vit, mlp]}, x: {values: [1, 2, 3]}}
needs: [{memory: 4GB}, {where: "model = 'vit'", gpu_memory: 16GB}]
"""
TRAIN = "def train(params):\n    return {'y': 1}\n"
T4 = {"accelerators": [{"name": "Tesla T4", "memory": 15360 << 20}], "memory": 13 * 10**9}


def worker(project: Project, name: str, ago: float, lease: float, **has: Any) -> None:
    """Write the journal of a worker that was seen some seconds ago, for the last time."""
    start = {"n": 0, "t": time.time() - ago, "event": "start", "member": name, "host": f"{name}-vm",
             "lease": lease, **has}  # fmt: skip
    project.write(f"sweeps/s/journal/{name}-1/events.jsonl", f"{json.dumps(start)}\n")


def told(project: Project) -> list[str]:
    return [f"{each['why']}; {each['fix']}" for each in project.status("s")["needs"]]


@pytest.fixture
def declared(project: Project) -> Project:
    project.declare("s", SWEEP, TRAIN)
    return project


def test_before_the_first_worker_only_what_few_machines_have_is_told(declared: Project) -> None:
    [text] = told(declared)
    assert text == (
        "3 tasks need a GPU with 16 GB and 4 GB of memory, which no worker of this sweep has had "
        "yet; in Colab, choose T4, L4, A100, H100 or G4 (Runtime > Change runtime type)"
    )


def test_a_worker_that_has_enough_needs_no_word(declared: Project) -> None:
    worker(declared, "ben", 1, 600, **T4)
    assert told(declared) == []


def test_a_worker_that_has_gone_is_named_with_what_it_had(declared: Project) -> None:
    worker(declared, "ben", 7200, 60, **T4)
    worker(declared, "ana", 1, 600, memory=13 * 10**9)
    [text] = told(declared)
    assert text.startswith(
        "3 tasks need a GPU with 16 GB and 4 GB of memory, which no worker that runs now has; the "
        "Tesla T4 of ben (ben-vm) had it 2 h"
    )


def test_a_worker_with_too_many_tasks_at_a_time_is_named(declared: Project) -> None:
    worker(declared, "ben", 1, 600, jobs=4, **T4)
    assert [text.partition("; ")[2] for text in told(declared)] == [
        "a worker on ben-vm would run them with -j 1",
        "a worker on ben-vm would run them with -j 3",
    ]


def test_journals_that_say_nothing_of_memory_count_as_enough(declared: Project) -> None:
    worker(declared, "ben", 1, 600)
    [text] = told(declared)
    assert "which no worker of this sweep has had; in Colab" in text
    worker(declared, "eve", 1, 600, elsewhere=True, memory=1)
    assert told(declared) == []


def test_a_tpu_is_no_gpu(declared: Project) -> None:
    worker(declared, "ben", 1, 600, accelerators=[{"name": "TPU v5e", "memory": 16 << 30}])
    assert len(told(declared)) == 1


def test_doctor_says_it_too(declared: Project) -> None:
    found = " ".join(declared.run("doctor").out.split())
    assert "sweep s: 3 tasks need a GPU with 16 GB and 4 GB of memory, which no worker" in found


def test_a_paused_sweep_waits_for_its_members_alone(declared: Project) -> None:
    assert declared.run("pause", "s").code == 0
    assert told(declared) == []


def test_a_declaration_notes_what_no_worker_of_the_project_has_had(declared: Project) -> None:
    text = SWEEP.replace("16GB", "40GB")
    for name in ("first", "second"):
        declared.write(f"{name}.yaml", text)
    assert "no worker of this project" not in declared.run("sweep", "first.yaml").err
    worker(declared, "ben", 7200, 60, **T4)
    assert (
        "note: needs: a GPU with 40 GB where model = 'vit': no worker of this project has had that "
        "so far; in Colab, choose A100, H100 or G4 (Runtime > Change runtime type)"
    ) in declared.run("sweep", "second.yaml").err
