"""A worker runs only code that its member trusts, however long it works."""

import json
import time

from tests.processes import Project, end

SWEEP = "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2]}}\n"
TRAIN = "def train(params, task):\n    return {'y': 1}\n"


def test_with_trust_digest_only_the_code_with_that_digest_runs(project: Project) -> None:
    project.write("s.yaml", SWEEP)
    project.write("train.py", TRAIN)
    assert project.run("sweep", "s.yaml").code == 0  # which approves it
    refused = project.run("work", "s", "--trust-digest", "0" * 64)
    assert refused.code == 1
    assert "neither declared nor approved" in refused.err
    assert project.results("s") == []


def test_code_that_is_swapped_while_a_worker_waits_does_not_run(project: Project) -> None:
    for name in ("first", "second"):
        project.write("train.py", TRAIN)
        project.write(f"{name}.yaml", SWEEP)
        assert project.run("sweep", f"{name}.yaml").code == 0
    claim = {"event": "claim", "tasks": [[0, 1], [1, 1]]}
    journals = [project.journal(name, claim) for name in ("first", "second")]
    for journal in journals:
        journal.write_text(journal.read_text().replace('"lease": 30.0', '"lease": 3000.0'))
    project.write("train.py", "open('pwned', 'w')\n" + TRAIN)
    project.write("evil.yaml", SWEEP)
    project.run("sweep", "evil.yaml", member="ben", COLABCTL_APPROVALS=str(project.root.parent))
    project.write("train.py", TRAIN)
    worker = project.start("work", "first", "second")
    assert worker.stderr
    while worker.stderr.readline() != "first: 0/2\n":  # then it has looked at the code, and waits
        assert worker.poll() is None
    plan, other = (project.root / f"sweeps/{name}/plan.json" for name in ("first", "evil"))
    digest = json.loads(other.read_text())["code_digest"]
    text = json.dumps({**json.loads(plan.read_text()), "code_digest": digest})
    # The plan comes first: the worker looks again every second, and must not meet new code under
    # the plan that its member trusts.
    project.write("sweeps/first/swapped.json", text).replace(plan)
    project.write("sweeps/first/code/train.py", "open('pwned', 'w')\n" + TRAIN)
    released = {"n": 9, "t": time.time(), "event": "released", "tasks": [0, 1]}
    for journal in journals:
        journal.write_text(journal.read_text() + json.dumps(released) + "\n")
    ended = end(worker)
    assert not (project.root / "pwned").exists()
    assert ended.code == 1
    assert "neither declared nor approved" in ended.err
