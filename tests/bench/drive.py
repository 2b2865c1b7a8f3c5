"""Real workers on the simulated Drive, beside jug and Optuna: `python -m tests.bench.drive`.

Four machines with one worker each, 200 tasks of 1 s, files a median of 1 s late, 6 s at worst.
Counts how often each task was begun, by a log outside the Drive, and what was lost in the end.
The peers (`pip install jug optuna`) run as their documentation says, on a file system on which
what they rely on does not hold.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.drive import Drive

COST = (0.002, 0.01)  # seconds that an operation on the Drive takes
PATIENCE = 1.5  # times the seconds that one machine would take alone; at least a minute

NAP = """
import time
def run(params, task):
    with open({log!r}, "a") as file:
        file.write(f"begin {{params['x']}} {{time.time()}}\\n")
    time.sleep({seconds})
    with open({log!r}, "a") as file:
        file.write(f"end {{params['x']}} {{time.time()}}\\n")
    return {{"loss": params["x"]}}
"""

JUG = """
from jug import TaskGenerator
import time
@TaskGenerator
def nap(x):
    with open({log!r}, "a") as file:
        file.write(f"begin {{x}} {{time.time()}}\\n")
    time.sleep({seconds})
    with open({log!r}, "a") as file:
        file.write(f"end {{x}} {{time.time()}}\\n")
    return x
naps = [nap(x) for x in range(1, {tasks} + 1)]
"""

OPTUNA = """
import sys, time, optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState
def objective(trial):
    with open({log!r}, "a") as file:
        file.write(f"begin {{trial.number}} {{time.time()}}\\n")
    time.sleep({seconds})
    with open({log!r}, "a") as file:
        file.write(f"end {{trial.number}} {{time.time()}}\\n")
    return 0.0
# Its usual lock is a symbolic link, which a Drive mount refuses.
lock = JournalFileOpenLock(sys.argv[1])
storage = JournalStorage(JournalFileBackend(sys.argv[1], lock_obj=lock))
study = optuna.create_study(storage=storage, study_name="naps", load_if_exists=True)
states = (TrialState.COMPLETE, TrialState.RUNNING)
study.optimize(objective, callbacks=[MaxTrialsCallback({tasks}, states=states)])
"""


@dataclass(frozen=True)
class Counted:
    """What one tool did: runs started, tasks run more than once, results there at the end."""

    tool: str
    began: int
    twice: int
    results: str
    seconds: float
    files_per_task: float
    note: str = ""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--machines", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--tools", nargs="+", default=["colabctl", "jug", "optuna"])
    options = parser.parse_args()
    ideal = options.tasks * options.seconds / options.machines
    table = Table(
        title=f"{options.machines} machines, {options.tasks} tasks of {options.seconds:g} s, files "
        "a median 1 s late, 6 s at worst"
    )
    for title in (
        "tool",
        "runs started",
        "tasks run twice",
        "results in the end",
        "speed",
        "files/task",
        "note",
    ):
        table.add_column(title, justify="left" if title in ("tool", "note") else "right")
    for found in compare(options.tools, options.machines, options.tasks, options.seconds):
        table.add_row(
            found.tool, f"{found.began}", f"{found.twice} ({found.twice / options.tasks:.1%})",
            found.results, f"{ideal / found.seconds:.1%}", f"{found.files_per_task:.2f}", found.note,
        )  # fmt: skip
    Console(width=150).print(table)


def compare(tools: Iterable[str], machines: int, tasks: int, seconds: float) -> Iterator[Counted]:
    """Let each tool run tasks of so many seconds, on a new Drive with these machines."""
    functions: dict[str, Callable[..., Counted]] = {"colabctl": ours, "jug": jug, "optuna": optuna}
    for name in tools:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            log.touch()
            place = Path(folder) / "drive"
            with Drive(place, machines=machines, seed=1, cost=COST) as drive:
                yield functions[name](drive, log, tasks, seconds)


def ours(drive: Drive, log: Path, tasks: int, seconds: float) -> Counted:
    """Run colabctl's workers."""
    root = drive.machine(0).path / "project"
    call("init", str(root), "--name", "naps", "--member", "ana")
    (root / "nap.py").write_text(NAP.format(log=str(log), seconds=seconds))
    (root / "nap.yaml").write_text(
        "program: nap.py:run\nmethod: grid\nmetric: {name: loss, goal: minimize}\n"
        f"parameters: {{x: {{min: 1, max: {tasks}}}}}\n"
    )
    call("sweep", str(root / "nap.yaml"), "--root", str(root))
    drive.settle()
    before = created(drive)
    note = together(
        [
            [sys.executable, "-m", "colabctl", "work", "nap", "--root", str(each.path / "project")]
            for each in drive.machines
        ],
        [each.home for each in drive.machines],
        tasks * seconds,
    )
    after = created(drive)
    drive.settle()
    rows = json.loads(call("results", "nap", "--format", "json", "--root", str(root)))
    there = len({row["index"] for row in rows if row["status"] == "done"})
    return count("colabctl", log, f"{there}/{tasks}", (after - before) / tasks, note)


def jug(drive: Drive, log: Path, tasks: int, seconds: float) -> Counted:
    """Run jug's workers on one jugdir."""
    place = drive.machine(0).path
    (place / "jugfile.py").write_text(JUG.format(log=str(log), seconds=seconds, tasks=tasks))
    drive.settle()
    before = created(drive)
    note = together(
        [
            [sys.executable, "-m", "jug.jug", "execute", "jugfile.py", "--jugdir", "jugdir"]
            for _ in drive.machines
        ],
        [each.path for each in drive.machines],
        tasks * seconds,
    )
    after = created(drive)
    drive.settle()
    answer = subprocess.run(
        [sys.executable, "-m", "jug.jug", "status", "jugfile.py", "--jugdir", "jugdir"],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [line.split() for line in answer.stdout.splitlines() if "nap" in line]
    there = said[0][3] if said and len(said[0]) > 3 else "?"
    return count("jug", log, f"{there}/{tasks}", (after - before) / tasks, note)


def optuna(drive: Drive, log: Path, tasks: int, seconds: float) -> Counted:
    """Run Optuna's workers on one journal file."""
    script = log.with_name("study.py")
    script.write_text(OPTUNA.format(log=str(log), seconds=seconds, tasks=tasks))
    before = created(drive)
    note = together(
        [[sys.executable, str(script), str(each.path / "journal.log")] for each in drive.machines],
        [each.home for each in drive.machines],
        tasks * seconds,
    )
    after = created(drive)
    drive.settle()
    counter = (
        "import sys, optuna; from optuna.storages import JournalStorage; "
        "from optuna.storages.journal import JournalFileBackend as B; "
        "s = optuna.load_study(study_name='naps', storage=JournalStorage(B(sys.argv[1]))); "
        "print(sum(t.state.is_finished() for t in s.trials))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", counter, str(drive.machine(0).path / "journal.log")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    there = answer.stdout.strip() or "unreadable"
    began = sum(line.startswith("begin") for line in log.read_text().splitlines())
    return count("optuna", log, f"{there}/{began} run", (after - before) / tasks, note)


def count(tool: str, log: Path, results: str, files: float, note: str) -> Counted:
    """Read the log: what began, what ended, from when to when."""
    lines = [line.split() for line in log.read_text().splitlines()]
    begun = [line[1] for line in lines if line[0] == "begin"]
    ended = [line[1] for line in lines if line[0] == "end"]
    times = [float(line[2]) for line in lines]
    twice = len(begun) - len(set(begun))
    span = max(times) - min(times) if ended else float("inf")
    return Counted(tool, len(begun), twice, results, span, files, note)


def created(drive: Drive) -> int:
    """Return how many files were made on the drive."""
    return sum(each.creates for each in drive.counts())


def call(*arguments: str) -> str:
    """Run the command and return its answer."""
    return subprocess.run(
        [sys.executable, "-m", "colabctl", *arguments], capture_output=True, text=True, check=True
    ).stdout


def together(commands: list[list[str]], folders: list[Path], work: float) -> str:
    """Run one command on each machine at once; return what went wrong, in a few words.

    `work` is the seconds that all tasks take one after the other.
    """
    environ = {name: value for name, value in os.environ.items() if name[:9] != "COLABCTL_"}
    started = [
        subprocess.Popen(
            command, cwd=folder, env=environ, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for command, folder in zip(commands, folders, strict=True)
    ]  # fmt: skip
    until = time.monotonic() + max(60.0, PATIENCE * work)
    failures = []
    for process in started:
        try:
            said = process.communicate(timeout=max(1.0, until - time.monotonic()))[1]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            failures.append("never ended")
            continue
        if process.returncode:
            failures.append((said.strip().splitlines() or ["?"])[-1][:60])
    return f"{len(failures)} of {len(started)} workers failed: {failures[0]}" if failures else ""


if __name__ == "__main__":
    main()
