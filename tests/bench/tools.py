"""The tools compared: how each declares N no-op tasks, starts a worker, and counts what was run.

All three are treated alike: a program of a few lines is written into a fresh folder, everything
that can be made ready beforehand is, and workers are ordinary processes with the tool's defaults.

jug      a task is one call of a function; results and locks in jug's default store of files.
Optuna   a task is one trial that asks for no parameter, which spares Optuna a log line a task;
         the workers share the limit by MaxTrialsCallback, and so may overrun it by some trials.
colabctl a task is one point of a grid, run by a function in the worker's child process.

jug and Optuna fsync every record, which tells on a disk and not on tmpfs.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import output

JUGFILE = """\
from jug import Task

def run(x):
    return {{"loss": 0.0}}

for x in range({tasks}):
    Task(run, x)
"""

# The limit counts running trials too: counting only finished ones, each worker but one would
# overrun it. A worker that finds the limit reached at its start must not ask for a trial at all.
OPTUNA_STUDY = """\
import sys
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

verb, tasks = sys.argv[1], int(sys.argv[2])
optuna.logging.set_verbosity(optuna.logging.ERROR)
storage = JournalStorage(JournalFileBackend(str(Path(__file__).with_name("journal.log"))))
if verb == "create":
    optuna.create_study(study_name="noop", storage=storage)
    sys.exit()
sampler = optuna.samplers.RandomSampler()
study = optuna.load_study(study_name="noop", storage=storage, sampler=sampler)
if verb == "count":
    print(len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))))
elif verb == "work":
    counted = (TrialState.COMPLETE, TrialState.RUNNING)
    if len(study.get_trials(deepcopy=False, states=counted)) < tasks:
        study.optimize(lambda trial: 0.0, callbacks=[MaxTrialsCallback(tasks, states=counted)])
"""

NOOP_PROGRAM = """\
def run(params, task):
    return {"loss": 0.0}
"""

NOOP_SWEEP = """\
program: noop.py:run
method: grid
metric: {{name: loss, goal: minimize}}
parameters: {parameters}
"""


@dataclass(frozen=True)
class Tool:
    """One tool, as three functions of the folder it works in and the number of tasks."""

    name: str
    package: str  # the module that must be importable
    prepare: Callable[[Path, int], None]
    work: Callable[[Path, int], list[str]]  # the command of one worker
    # How many runs the workers made in all, from the folder and the workers' outputs; one run a
    # task is perfect. Raises RuntimeError if any task is not done.
    runs: Callable[[Path, int, Sequence[str]], int]


def jug(place: Path, *arguments: str) -> list[str]:
    """Make a `jug` command, with its store in `place`."""
    start = [sys.executable, "-c", "from jug.jug import main; main()"]
    return [
        *start,
        arguments[0],
        str(place / "noop.py"),
        "--jugdir",
        str(place / "store"),
        *arguments[1:],
    ]


def prepare_jug(place: Path, tasks: int) -> None:
    (place / "noop.py").write_text(JUGFILE.format(tasks=tasks))


def work_jug(place: Path, tasks: int) -> list[str]:
    return jug(place, "execute", "--short", "--will-cite")


def runs_jug(place: Path, tasks: int, outputs: Sequence[str]) -> int:
    output(jug(place, "check"))  # exits 1 unless every task is finished
    lines = [line.split() for text in outputs for line in text.splitlines()]
    return sum(int(words[1]) for words in lines if words[:1] == ["Executed:"])


def optuna(place: Path, verb: str, tasks: int) -> list[str]:
    """Make a command that runs the study's program in `place`."""
    return [sys.executable, str(place / "noop.py"), verb, str(tasks)]


def prepare_optuna(place: Path, tasks: int) -> None:
    (place / "noop.py").write_text(OPTUNA_STUDY)
    output(optuna(place, "create", tasks))


def work_optuna(place: Path, tasks: int) -> list[str]:
    return optuna(place, "work", tasks)


def runs_optuna(place: Path, tasks: int, outputs: Sequence[str]) -> int:
    runs = int(output(optuna(place, "count", tasks)))
    if runs < tasks:
        raise RuntimeError(f"Optuna finished {runs} of {tasks} trials")
    return runs


def colabctl(place: Path, *arguments: str) -> list[str]:
    """Make a `colabctl` command on the project in `place`."""
    return [sys.executable, "-m", "colabctl", *arguments, "--root", str(place / "project")]


def prepare_project(place: Path, parameters: object) -> list[str]:
    """Make a project with a no-op grid over `parameters`; gives the command that declares it."""
    project = place / "project"
    init = [sys.executable, "-m", "colabctl", "init", str(project)]
    output([*init, "--name", "bench", "--member", "ana"])
    (project / "noop.py").write_text(NOOP_PROGRAM)
    # JSON is YAML too, so the parameters need no writer of their own.
    text = NOOP_SWEEP.format(parameters=json.dumps(parameters))
    (project / "noop.yaml").write_text(text)
    return colabctl(place, "sweep", str(project / "noop.yaml"))


def prepare_colabctl(place: Path, tasks: int) -> None:
    output(prepare_project(place, {"x": {"min": 1, "max": tasks} if tasks > 1 else {"value": 1}}))


def work_colabctl(place: Path, tasks: int) -> list[str]:
    return colabctl(place, "work", "noop", "--member", "ana")


def runs_colabctl(place: Path, tasks: int, outputs: Sequence[str]) -> int:
    rows = json.loads(output(colabctl(place, "results", "noop", "--format", "json")))
    points = {row["params"]["x"] for row in rows if row["status"] == "done"}
    if len(rows) != tasks or points != set(range(1, tasks + 1)):
        raise RuntimeError(
            f"colabctl lists {len(rows)} results, {len(points)} of {tasks} points done"
        )
    status = json.loads(output(colabctl(place, "status", "noop", "--json")))
    return tasks + int(status["duplicates"])


JUG = Tool("jug", "jug", prepare_jug, work_jug, runs_jug)
OPTUNA = Tool("Optuna", "optuna", prepare_optuna, work_optuna, runs_optuna)
COLABCTL = Tool("colabctl", "colabctl", prepare_colabctl, work_colabctl, runs_colabctl)
