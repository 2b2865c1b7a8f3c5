"""A declared sweep gets more trials and values: what it has stays, and only new tasks run."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FILE, TRAIN, Say, refused
from tests.processes import Project, end, end_together, until

RANDOM = (
    "method: random\ntrials: {trials}\nmetric: {{name: y}}\nprogram: train.py:train\n"
    "parameters: {{x: {{min: 0.0, max: 1.0}}}}\n"
)
CELLS = """\
method: random
trials: 3
foreach: [dataset]
metric: {name: y}
program: train.py:train
parameters:
  x: {min: 0.0, max: 1.0}
  dataset: {values: [adult, bank]}
"""
WAITS = """
import time, pathlib
def train(params, task):
    pathlib.Path(r"{0}", f"at-{{params['x']}}").touch()
    while params["x"] == 3 and not pathlib.Path(r"{0}", "go").exists():
        time.sleep(0.01)
    return {{"y": 1}}
"""
OBJECTIVE = "def objective(trial):\n    return trial.suggest_float('x', 0, 1) ** 2\n"


def declare(project: Project, name: str, text: str, program: str = TRAIN) -> None:
    project.declare(name, text, program)


def params(project: Project, sweep: str) -> list[Any]:
    return [row["params"] for row in project.results(sweep)]


def test_more_trials_are_drawn_as_if_they_had_been_declared_at_once(
    project: Project, say: Say
) -> None:
    declare(project, "few", RANDOM.format(trials=3))
    declare(project, "many", RANDOM.format(trials=9))
    assert say("work", "few").code == say("work", "many").code == 0
    finished = project.results("few")
    assert say("extend", "few", "--trials", "5").out == "few: 2 new tasks, 5 in all\n"
    assert say("extend", "few", "--trials", "+4").out == "few: 4 new tasks, 9 in all\n"
    assert say("extend", "few", "--trials", "9").out == "few: 9 tasks, nothing new\n"
    worked = say("work", "few")
    assert "ran 6 tasks: 6 done" in worked.out + worked.err
    assert project.results("few")[:3] == finished
    assert params(project, "few") == params(project, "many")


def test_a_new_value_of_foreach_is_a_new_cell_with_as_many_trials(
    project: Project, say: Say
) -> None:
    declare(project, "s", CELLS)
    assert say("work", "s").code == 0
    finished = project.results("s")
    extended = say("extend", "s", "--value", "dataset=covtype", "--value", "dataset=wine")
    assert extended.out == "s: 6 new tasks, 12 in all\n"
    assert say("extend", "s", "--trials", "+1").out == "s: 4 new tasks, 16 in all\n"
    assert say("work", "s").code == 0
    assert project.results("s")[:6] == finished
    cells = {cell["values"]["dataset"]: cell["total"] for cell in project.status("s")["cells"]}
    assert cells == {"adult": 4, "bank": 4, "covtype": 4, "wine": 4}
    rows = [json.dumps(each, sort_keys=True) for each in params(project, "s")]
    assert len(set(rows)) == 16
    for command in (("export", "s", "--to", "csv"), ("results", "s", "--format", "csv")):
        assert say(*command).out.count("\n") == 17, command


def test_a_new_value_in_a_grid_adds_the_points_that_have_it(project: Project, say: Say) -> None:
    text = FILE + "  z: {values: [a, b]}\n"
    declare(project, "s", text)
    assert (
        say("extend", "s", "--value", "x=9", "--value", "z=c").out == "s: 6 new tasks, 12 in all\n"
    )
    assert say("work", "s").code == 0
    points = {(each["x"], each["z"]) for each in params(project, "s")}
    assert points == {(x, z) for x in (1, 2, 3, 9) for z in "abc"}
    assert len(params(project, "s")) == 12


@pytest.mark.parametrize("kind", ["bayes", "optuna"])
def test_a_search_that_learns_goes_on_in_the_same_study(
    project: Project, say: Say, kind: str
) -> None:
    pytest.importorskip("optuna")
    if kind == "bayes":
        text = RANDOM.format(trials=2).replace("random", "bayes")
        declare(project, "s", text.replace("name: y", "name: y, goal: minimize"))
    else:
        declare(project, "s", "method: optuna\ntrials: 2\nprogram: study.py:objective\n", OBJECTIVE)
    assert say("work", "s").code == 0
    assert say("extend", "s", "--trials", "+2").code == 0
    assert say("work", "s").code == 0
    assert [row["index"] for row in project.results("s")] == [0, 1, 2, 3]
    assert len({row["params"]["x"] for row in project.results("s")}) == 4


def test_the_changed_file_adds_what_is_new_and_declaring_it_again_changes_nothing(
    project: Project, say: Say, file: Path
) -> None:
    assert say("sweep", str(file)).code == 0
    file.write_text(FILE.replace("[1, 2, 3]", "[1, 2, 3, 4, 5]"))
    different = say("sweep", str(file))
    assert different.code == 1
    assert "add what is new to it (--extend)" in different.err
    assert say("sweep", str(file), "--extend", "--dry-run").out == (
        "s: 2 new tasks, 5 in all\n  {'x': 4}\n  {'x': 5}\n"
    )
    assert project.status("s")["total"] == 3
    assert say("sweep", str(file), "--extend").out == "s: 2 new tasks, 5 in all\n"
    assert say("sweep", str(file)).out == "s: 5 tasks, already declared\n"
    assert say("sweep", str(file), "--extend").out == "s: 5 tasks, nothing new\n"
    file.write_text(FILE)
    assert say("sweep", str(file)).out == "s: 5 tasks, already declared\n"


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        (FILE.replace("[1, 2, 3]", "[1, 3, 4]"), "x no longer has 2"),
        (
            FILE + "  z: {values: [1]}\n",
            "z is a new parameter, which the declared tasks do not have",
        ),
        (FILE.replace("{values: [1, 2, 3]}", "{parameters: {a: {values: [1]}}}"), "x is {"),
        (FILE + "seed: 3\n", "seed was added: 3"),
        (FILE + "run_cap: 2\n", "an extension takes no tasks away: raise trials: or run_cap:"),
    ],
)
def test_an_extension_that_takes_something_away_is_refused_with_the_place(
    project: Project, say: Say, file: Path, changed: str, fault: str
) -> None:
    assert say("sweep", str(file)).code == 0
    file.write_text(changed)
    said = say("sweep", str(file), "--extend")
    assert (said.code, said.out) == (1, "")
    assert fault in said.err
    assert str(file) in said.err
    assert project.status("s")["total"] == 3


def test_what_cannot_be_added_is_refused_in_one_line(project: Project, say: Say) -> None:
    declare(project, "s", FILE)
    declare(project, "r", RANDOM.format(trials=4))
    refused(say("extend", "s"), "say what to add")
    refused(say("extend", "s", "--trials", "9"), "is a grid", "--value NAME=VALUE")
    refused(say("extend", "s", "--value", "y=3"), "'y' is not a parameter", "x")
    refused(say("extend", "s", "--value", "x"), "write NAME=VALUE")
    refused(say("extend", "r", "--value", "x=3"), "x has no list of values")
    refused(say("extend", "r", "--trials", "2"), "has 4 trials already", "--trials +2")
    refused(say("extend", "r", "--trials", "-2"), "write the new number")
    refused(say("extend", "r", "--trials", "+9999999"), "1,000,000 is the limit")
    refused(say("extend", "q", "--trials", "2"), "'q' does not exist")
    assert say("archive", "r").code == 0
    refused(say("extend", "r", "--trials", "9"), "was archived by ana", "archive --undo r")


def test_a_changed_program_is_a_new_version_that_others_approve(
    project: Project, say: Say, file: Path
) -> None:
    assert say("sweep", str(file)).code == 0
    assert say("work", "s").code == 0
    project.write("notebooks/ana/train.py", TRAIN.replace("params['x']", "10 * params['x']"))
    file.write_text(FILE.replace("[1, 2, 3]", "[1, 2, 3, 4]"))
    asked = say("sweep", str(file), "--extend")
    assert asked.code == 1
    assert "the program has changed: notebooks/ana/train.py" in asked.err
    extended = say("sweep", str(file), "--extend", "--yes")
    assert extended.out == "s: 1 new task, 4 in all, a new version of the program\n"
    unapproved = say(
        "work", "s", COLABCTL_MEMBER="ben", COLABCTL_APPROVALS=str(project.root.parent / "b")
    )
    assert unapproved.code == 1
    assert unapproved.err == (
        "colabctl: ana has added version 2 of the program of s; look at it and approve it: "
        "colabctl trust s\n"
    )
    shown = say("trust", "s", "--yes", COLABCTL_APPROVALS=str(project.root.parent / "b"))
    assert "version 2 of the program, added by ana on" in shown.out
    assert "10 * params['x']" in shown.out
    worked = say(
        "work", "s", COLABCTL_MEMBER="ben", COLABCTL_APPROVALS=str(project.root.parent / "b")
    )
    assert worked.code == 0, worked.err
    rows = project.results("s")
    assert [(row["metrics"]["y"], row["version"]) for row in rows] == [
        (1, 1),
        (2, 1),
        (3, 1),
        (40, 2),
    ]
    steering = " ".join(project.status("s")["steering"])
    assert "version 2 of the program" in steering
    assert "version 1 in 3, version 2 in 1" in steering
    assert "version" in say("results", "s").out.split("\n")[0]
    table = say("export", "s", "--to", "csv").out.splitlines()
    assert (table[0], table[1], table[4]) == (
        "task,index,cell,trial,status,version,x", "t000000,0,0,0,done,1,1", "t000003,3,0,3,done,2,4"
    )  # fmt: skip


def test_a_final_result_names_the_version_that_made_it(
    project: Project, say: Say, file: Path
) -> None:
    assert say("sweep", str(file)).code == say("work", "s").code == 0
    project.write("notebooks/ana/train.py", f"{TRAIN}# again\n")
    file.write_text(FILE.replace("3]", "3, 4]"))
    assert say("sweep", str(file), "--extend", "--yes").code == say("work", "s").code == 0
    digests = []
    for task in ("t000000", "t000003"):
        assert say("promote", "s", task).code == 0
        record = (project.root / "results" / "final" / f"s-{task}.origin.yaml").read_text()
        digests += [line for line in record.splitlines() if "code_digest" in line]
    assert len(set(digests)) == 2
    assert say("promote", "--check").code == 0


def test_a_task_of_an_extension_is_run_again_discarded_and_promoted_like_others(
    project: Project, say: Say
) -> None:
    declare(project, "s", FILE)
    assert say("extend", "s", "--value", "x=4").code == 0
    assert say("work", "s").code == 0
    assert say("discard", "s", "--task", "t000003", "--yes").code == 0
    assert project.status("s")["pending"] == 1
    assert say("work", "s").code == 0
    assert say("promote", "s", "t000003").code == 0
    assert say("try", "s", "t000003").code == 0
    assert say("doctor").code == 0
    declare(project, "t", FILE.replace("[1, 2, 3]", "[1, 2, 3, 4]"))
    assert say("work", "t").code == 0
    assert "4 of 4      4 of 4" in say("compare", "s", "t").out


def test_a_worker_that_runs_takes_the_new_tasks_without_a_restart(project: Project) -> None:
    declare(project, "s", FILE, WAITS.format(project.root))
    worker = project.start("work", "s")
    until((project.root / "at-3").exists)
    assert project.run("extend", "s", "--value", "x=7").code == 0
    project.write("go", "")
    ended = end(worker)
    assert ended.code == 0, ended.err
    assert "sweep s was extended; this worker continues with all its tasks" in ended.err
    assert [row["params"]["x"] for row in project.results("s")] == [1, 2, 3, 7]
    assert len(project.events("s", "done")) == 4


def test_of_members_who_extend_at_once_all_count_and_no_task_comes_twice(project: Project) -> None:
    declare(project, "s", RANDOM.format(trials=2))
    declare(project, "g", FILE)
    commands = [
        *(("extend", "s", "--trials", f"+{more}") for more in (1, 2, 3, 4)),
        *(("extend", "g", "--value", f"x={value}") for value in (7, 8, 8)),
    ]
    end_together([project.start(*command, member=member) for command, member in
                  zip(commands, ["ana", "ben"] * 4, strict=False)])  # fmt: skip
    end_together([project.start("work", "s"), project.start("work", "g", member="ben")])
    assert project.status("s")["total"] == 12
    assert len({row["params"]["x"] for row in project.results("s")}) == 12
    assert sorted(row["params"]["x"] for row in project.results("g")) == [1, 2, 3, 7, 8]


def test_python_extends_a_sweep_whose_loop_runs(project: Project) -> None:
    text = """
import colabctl
sweep = colabctl.open().sweep("s", {"x": [1, 2]}, method="grid", metric={"name": "y"})
ran = []
for task in sweep.tasks():
    with task:
        if task.params["x"] == 1:
            print(sweep.extend(values={"x": [5, 6]}))
        ran.append(task.params["x"])
        task.done(y=1)
print(sorted(ran), len(sweep.results()), sweep.status().total)
"""
    ended = project.python(text)
    assert ended.code == 0, ended.err
    assert ended.out == "2\n[1, 2, 5, 6] 4 4\n"


def test_a_new_version_of_a_sweep_that_its_author_never_approved_is_not_approved(
    project: Project, say: Say, file: Path
) -> None:
    assert say("sweep", str(file)).code == 0
    project.write("notebooks/ana/train.py", TRAIN + "# new\n")
    ben = {"COLABCTL_MEMBER": "ben", "COLABCTL_APPROVALS": str(project.root.parent / "b")}
    extended = say("sweep", str(file), "--extend", "--yes", **ben)
    assert extended.code == 0
    assert "the others and you approve the new version before they run it" in extended.err
    assert "run them" not in extended.err
    for own in (ben, {}):
        refused(say("work", "s", **own), "ben has added version 2 of the program of s")


def test_a_worker_that_may_not_run_a_new_version_says_so_and_ends(
    project: Project, say: Say, file: Path
) -> None:
    declare(project, "s", FILE, WAITS.format(project.root))
    ben = {"COLABCTL_APPROVALS": str(project.root.parent / "b")}
    assert say("trust", "s", "--yes", **ben).code == 0
    worker = project.start("work", "s", member="ben", **ben)
    until((project.root / "at-3").exists)
    file.write_text(FILE.replace("[1, 2, 3]", "[1, 2, 3, 4]"))
    project.write("notebooks/ana/train.py", TRAIN)
    project.write("train.py", TRAIN)
    assert say("sweep", str(file), "--extend", "--yes").code == 0
    project.write("go", "")
    ended = end(worker)
    assert ended.code == 1
    assert "this worker ends, as you have not approved the new version" in ended.err
    assert "ana has added version 2 of the program of s" in ended.err
    assert "continues" not in ended.err


def test_someone_who_has_not_approved_the_program_is_not_told_to_run_it(
    project: Project, say: Say
) -> None:
    declare(project, "s", FILE)
    ben = {"COLABCTL_MEMBER": "ben", "COLABCTL_APPROVALS": str(project.root.parent / "b")}
    said = say("extend", "s", "--value", "x=4", **ben)
    assert said.out == "s: 1 new task, 4 in all\n"
    assert said.err == (
        "you have not approved the program; to run it here, look at it first: colabctl trust s\n"
    )


def test_a_sweep_that_has_reached_its_target_says_that_new_tasks_wait(
    project: Project, say: Say
) -> None:
    text = FILE.replace("{name: y}", "{name: y, goal: minimize, target: 1}")
    declare(project, "early", text)
    assert say("work", "early").code == 0
    assert project.status("early")["state"] == "finished"
    said = say("extend", "early", "--value", "x=9")
    assert said.err == ("early has reached its target; to run new tasks: colabctl resume early\n")
    seen = project.status("early")
    assert (seen["state"], seen["cancelled"]) == ("stopped", 0)
    assert "has reached its target, so" in " ".join(seen["steering"])
    assert say("resume", "early").code == 0
    assert say("work", "early").code == 0
    assert 9 in [each["x"] for each in params(project, "early")]


def test_status_counts_the_extensions_that_it_does_not_list(project: Project, say: Say) -> None:
    declare(project, "s", FILE)
    for value in range(4, 9):
        assert say("extend", "s", "--value", f"x={value}").code == 0
    shown = project.status("s")["steering"]
    assert sum("extended by ana" in each for each in shown) == 3
    assert "and 2 earlier extensions" in shown


def test_a_dry_run_checks_the_sweeps_to_learn_from(project: Project, say: Say, file: Path) -> None:
    pytest.importorskip("optuna")
    text = (
        RANDOM.format(trials=2).replace("random", "bayes").replace("name: y", "name: y, goal: max")
    )
    file.write_text(text.replace("goal: max", "goal: maximize") + "learn_from: [gone]\n")
    refused(say("sweep", str(file), "--dry-run"), "learn_from", "gone")
