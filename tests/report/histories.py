"""Sweeps that workers have run, as they would have left them, made in moments.

    python -m tests.report.histories FOLDER TRIALS [--hostile]

FOLDER then holds a project with the sweep `bench`: 3 models times 4 data sets times TRIALS trials.
"""

import argparse
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from colabctl.work.open_sweep import OpenSweep
from tests.processes import Project, new_project

BENCH = """
method: random
seed: 7
metric: {{name: accuracy, goal: maximize}}
foreach: [model, dataset]
trials: {trials}
max_retries: 1
parameters:
  dataset: {{values: [iris, wine, breast_cancer, digits]}}
  epochs: {{value: 20}}
  lr: {{distribution: log_uniform_values, min: 1.0e-5, max: 0.1}}
  model:
    choices:
      mlp:
        parameters:
          layers: {{min: 1, max: 6}}
          dropout: {{min: 0.0, max: 0.7}}
          batch_size: {{values: [16, 32, 64, 128, 512]}}
      svm:
        parameters:
          kernel: {{values: [rbf, poly]}}
          C: {{distribution: log_uniform_values, min: 0.01, max: 100}}
      forest:
        parameters:
          n_estimators: {{min: 10, max: 300}}
          max_depth: {{min: 2, max: 16}}
"""
HOSTILE = """
method: grid
metric: {name: "loss</script><script>alert(1)</script>", goal: minimize}
max_retries: 0
parameters:
  "</script><img src=x onerror=alert(2)>": {values: ["<b>bold</b>", "a\\u2028b\\u2029c", "\\e[31mred\\e[0m"]}
  "=cmd|' /C calc'!A0": {values: ["-->", "${alert(3)}", "__proto__"]}
  constructor: {values: [12345678901234567890, 0.5, null]}
"""
OUT_OF_MEMORY = "torch.cuda.OutOfMemoryError: tried to allocate {} GiB"
_OUTPUT = """Traceback (most recent call last):
  File "/work/notebooks/ana/train.py", line 31, in train
    loss = step(batch)
torch.cuda.OutOfMemoryError: tried to allocate {} GiB
"""
_START = 1.79e9  # ledger time


def bench(project: Project, trials: int, *, but: int = 0, workers: int = 5) -> None:
    """Declare the sweep `bench`, and let workers run all of it but some tasks.

    Some tasks fail, some are stopped early, one worker is lost, and two results come twice.
    """
    project.declare("bench", BENCH.format(trials=trials))
    sweep = opened(project, "bench")
    chance = random.Random(1)
    order = list(range(sweep.plan.total))
    chance.shuffle(order)
    now = [_START + 3.0 * worker for worker in range(workers)]
    journals: list[list[dict[str, Any]]] = [[] for _ in range(workers)]
    lost = workers - 1
    for place, index in enumerate(order[: len(order) - but]):
        worker = min(range(workers), key=lambda each: now[each])
        if worker == lost and place > len(order) // 2:  # it goes, with the task that it runs
            journals[lost].append({"t": now[lost], "event": "claim", "tasks": [[index, 1]]})
            now[lost] = math.inf
            worker = min(range(workers), key=lambda each: now[each])
        params = sweep.tasks.params(index)
        assert params is not None
        claimed = now[worker]
        for event in _task(index, params, chance):
            now[worker] = claimed + event.pop("after")
            journals[worker].append({"t": now[worker], **event})
        now[worker] += chance.choice((0.2, 0.2, 0.3, 25.0 if place % 40 == 0 else 0.2))
    for place in (3, 17):
        twice = dict(journals[0][-1 - place])
        if twice["event"] == "done":
            journals[1].append({**twice, "t": now[1]})
    for worker, events in enumerate(journals):
        member = ("ana", "ben", "chloé", "ana", "ben")[worker % 5]
        if worker != lost:
            events.append({"t": now[worker], "event": "end", "reason": "no tasks left"})
        write_journal(project, "bench", f"{member[:3]}-vm{worker}", member, events)


def hostile(project: Project) -> None:
    """Declare the sweep `hostile` and run its tasks; every text in it tries to break out."""
    project.declare("hostile", HOSTILE)
    total = opened(project, "hostile").plan.total
    events: list[dict[str, Any]] = []
    name = "loss</script><script>alert(1)</script>"
    for index in range(total):
        t = _START + index
        events.append({"t": t, "event": "claim", "tasks": [[index, 1]]})
        own: dict[str, Any] = {"task": index, "attempt": 1, "seconds": 0.5}
        if index % 5 == 4:
            error = (
                "\x1b[31mValueError\x1b[0m: </script><script>alert(4)</script>\u2028 & {{facts}}"
            )
            events.append({"t": t + 0.5, "event": "failed", **own, "error": error, "output": error})
            continue
        metrics = {name: (math.nan, math.inf, 0.25, index)[index % 4], "<i>other": "<u>text</u>"}
        events.append({"t": t + 0.5, "event": "done", **own, "metrics": metrics})
    events.append({"t": _START + total, "event": "end", "reason": "no tasks left"})
    write_journal(project, "hostile", "ana-vm0", "ana", events)


def write_journal(
    project: Project, sweep: str, worker: str, member: str, events: list[dict[str, Any]]
) -> None:
    """Write the journal of a worker: its start, then these events."""
    start = {"t": events[0]["t"] - 1, "event": "start", "member": member, "host": f"host-{worker}",
             "pid": 1, "jobs": 1, "lease": 60.0}  # fmt: skip
    lines = [json.dumps({"n": n, **event}) for n, event in enumerate((start, *events))]
    project.write(f"sweeps/{sweep}/journal/{worker}/events.jsonl", "\n".join(lines) + "\n")


def opened(project: Project, name: str) -> OpenSweep:
    """Open a sweep and read its ledger."""
    sweep = OpenSweep.named(project.config({}).layout, name)
    sweep.ledger.refresh()
    return sweep


def _task(index: int, params: dict[str, Any], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield the events of a worker that runs a task; `after` seconds from its claim."""
    yield {"after": 0.0, "event": "claim", "tasks": [[index, 1]]}
    own = {"task": index, "attempt": 1}
    seconds = round(chance.uniform(2, 9), 3)
    if params.get("batch_size") == 512 and params["lr"] < 1e-3:
        size = round(chance.uniform(2, 40), 1)
        for attempt in (1, 2):
            after = seconds * attempt / 4
            failed: dict[str, Any] = {
                "error": OUT_OF_MEMORY.format(size),
                "output": _OUTPUT.format(size),
            }
            yield {"after": after, "event": "failed", "task": index, "attempt": attempt,
                   "seconds": seconds / 4, **failed}  # fmt: skip
            if attempt == 1:
                yield {"after": after, "event": "claim", "tasks": [[index, 2]]}
        return
    top = 0.97 - 0.05 * (math.log10(params["lr"]) + 3) ** 2 - 0.04 * (params["dataset"] == "digits")
    top -= 0.1 * params.get("dropout", 0.0) + chance.uniform(0, 0.05)
    top += {"mlp": 0.01, "svm": -0.02, "forest": 0.0}[params["model"]]
    reached = [
        round(top * (1 - math.exp(-step / 5)) + chance.gauss(0, 0.01), 4) for step in range(1, 21)
    ]
    pruned = reached[4] < 0.48
    reached = reached[:5] if pruned else reached
    reports = [[step, {"accuracy": each}] for step, each in enumerate(reached, 1)]
    yield {"after": seconds * 0.9, "event": "report", **own, "reports": reports}
    yield {"after": seconds, "event": "pruned" if pruned else "done", **own, "seconds": seconds,
           "metrics": {"accuracy": reached[-1], "loss": round(1 - top, 4),
                       "size": chance.randint(1000, 90000)}}  # fmt: skip


def main() -> None:
    """Make the sweeps."""
    parser = argparse.ArgumentParser(description="Makes sweeps that workers have run.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("trials", type=int)
    parser.add_argument("--hostile", action="store_true")
    asked = parser.parse_args()
    project = new_project(asked.folder)
    bench(project, asked.trials)
    if asked.hostile:
        hostile(project)


if __name__ == "__main__":
    main()
