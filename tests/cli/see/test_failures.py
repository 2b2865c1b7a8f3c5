"""What `failures` shows to people and to scripts."""

import pytest

from tests.cli.conftest import Say, refused
from tests.processes import Project

GRID = """\
method: grid
program: train.py:train
max_retries: 0
parameters:
  model: {values: [svm, forest, boost]}
  batch: {values: [32, 64, 128, 512]}
  seed: {values: [1, 2, 3]}
"""
TRAIN = """\
def train(params, task):
    print("batch", params["batch"])
    if params["batch"] == 512:
        raise MemoryError(f"no {params['seed']} GB at {id(params):#x}")
    if params["model"] == "svm" and params["seed"] == 1:
        raise ValueError("\\x1b[2Jbad\\n  seed")
    return {"y": 1}
"""


@pytest.fixture
def failing(project: Project) -> Project:
    """Return a project with a sweep of 36 tasks, of which 12 have failed for two causes."""
    project.declare("s", GRID, TRAIN)
    assert project.run("work", "s").code == 1
    return project


def test_causes_are_shown_with_what_they_share_and_an_example(failing: Project, say: Say) -> None:
    said = say("failures", "s")
    first, second = said.out.split("\n\n")
    lines = first.splitlines()
    assert lines[0].endswith("  9 tasks: 9 failed for good")
    assert lines[1].startswith("  MemoryError: no ")
    assert lines[2].startswith("  train.py, line 4; 2")
    assert lines[3] == "  all have batch=512; none of 27 others do"
    assert lines[4] == (
        "  tasks: t000027, t000028, t000029, t000030, t000031, t000032, t000033, t000034 and 1 more"
    )
    assert lines[6:8] == ["    batch 512", "    Traceback (most recent call last):"]
    assert "  all have model=svm and seed=1; 1 of 33 others do\n" in second
    assert "3 tasks: 3 failed for good" in second
    assert "\x1b" not in said.out
    assert "  seed\n" not in second.splitlines()[1]
    cause = lines[0].split()[0]
    assert f"colabctl retry s --cause {cause}\n" in said.err


def test_causes_can_be_chosen_and_so_can_tasks(failing: Project, say: Say) -> None:
    both = say("failures", "s", "--json").json
    assert [len(cause["tasks"]) for cause in both] == [9, 3]
    assert say("failures", "s", "--cause", both[1]["cause"], "--json").json == both[1:]
    assert say("failures", "s", "--cause", "memoryerror", "--json").json == both[:1]
    [one] = say("failures", "s", "--task", "30", "--task", "t000001", "--json").json
    assert one["tasks"] == ["t000030"]
    assert one["shared"] == both[0]["shared"]  # what all tasks of the cause share
    assert [each["task"] for each in one["all"]] == ["t000030"]
    assert say("failures", "s", "--task", "1").out == "s: no attempt of 1 has failed\n"
    refused(say("failures", "s", "--cause", "nothing"), "'nothing' is neither an id", lines=3)
    refused(say("failures", "s", "--task", "36"), "'36' is not a task of s", "0 to 35")
    refused(say("failures", "s", "--task", "t00003z"), "did you mean t00003")


def test_scripts_get_the_promised_keys(failing: Project, say: Say) -> None:
    first, _ = say("failures", "s", "--json").json
    assert first.keys() == {
        "cause", "error", "place", "tasks", "attempts", "failed", "to_retry", "first_seen",
        "last_seen", "shared", "example",
    }  # fmt: skip
    assert (first["attempts"], len(first["failed"]), first["to_retry"]) == (9, 9, [])
    assert first["shared"] == {
        "text": "all have batch=512; none of 27 others do",
        "conditions": [{"name": "batch", "sign": "=", "value": 512, "others": 0}],
        "others": 0,
        "of": 27,
    }
    assert first["example"].keys() == {
        "task", "index", "attempt", "worker", "error", "output", "ended_at"
    }  # fmt: skip


def test_all_shows_the_output_of_every_failed_attempt(failing: Project, say: Say) -> None:
    shown = say("failures", "s", "--all").out
    assert shown.count("Traceback") == 12
    assert shown.count(", attempt 1, by ana-") == 12


def test_without_failures_it_says_so(project: Project, say: Say) -> None:
    project.declare("s", GRID, TRAIN)
    assert say("failures", "s").out == "s: no attempt has failed\n"
    assert say("failures", "s", "--json").json == []
