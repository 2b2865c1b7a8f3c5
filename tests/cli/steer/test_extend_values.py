"""New values of parameters, from a command line, from a changed file and from Python."""

from pathlib import Path

import pytest

from tests.cli.conftest import Say, refused
from tests.cli.steer.test_extend import CELLS, RANDOM, declare, params
from tests.processes import Project

LISTED = """\
method: random
trials: 4
metric: {name: y, goal: minimize}
program: train.py:train
parameters:
  x: {min: 0.0, max: 1.0}
  k: {values: [1, 2]}
"""
ZIP = """\
method: grid
zip: [[k, s]]
program: train.py:train
parameters:
  x: 1
  k: {values: [1, 2]}
  s: {values: [p, q]}
"""
BRANCHES = """\
method: random
trials: 2
program: train.py:train
parameters:
  x: {min: 0.0, max: 1.0}
  lr: {values: [0.1, 0.5]}
  tag: {values: [a, b]}
  bias: {values: [true, false]}
  model:
    choices:
      tree: {parameters: {depth: {values: [1, 2]}}}
      linear: {parameters: {}}
"""


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_new_value_without_new_tasks_counts_for_the_trials_that_come_later(
    project: Project, say: Say, method: str
) -> None:
    if method == "bayes":
        pytest.importorskip("optuna")
    declare(project, "a", LISTED.replace("random", method))
    new = "a: k can be 3 from now on; no new task: add some with --trials +N\n"
    assert say("extend", "a", "--value", "k=3", "--dry-run").out == new
    assert say("extend", "a", "--value", "k=3").out == new
    again = say("extend", "a", "--value", "k=3")
    assert again.out == "a: k=3 is there already; nothing new\n"
    assert "(no new task" not in again.err
    assert say("extend", "a", "--trials", "+26").out == "a: 26 new tasks, 30 in all\n"
    assert say("work", "a").code == 0
    drawn = [each["k"] for each in params(project, "a")]
    assert set(drawn) == {1, 2, 3}
    assert method == "bayes" or set(drawn[:4]) <= {1, 2}  # its tasks are chosen when they run
    assert "a value that later trials can have" in " ".join(project.status("a")["steering"])


def test_a_value_that_where_leaves_out_of_a_grid_adds_no_task(project: Project, say: Say) -> None:
    text = "method: grid\nwhere: k < 3\nprogram: train.py:train\n"
    declare(project, "g", text + "parameters: {x: 1, k: {values: [1, 2]}}\n")
    said = say("extend", "g", "--value", "k=3").out
    assert said == "g: k can be 3 from now on; no new task: where or exclude leaves it out\n"
    assert say("extend", "g", "--value", "k=0").out == "g: 1 new task, 3 in all\n"


def test_new_rows_of_zip_come_from_a_changed_file(project: Project, say: Say, file: Path) -> None:
    file.write_text(ZIP)
    assert say("sweep", str(file)).code == 0
    file.write_text(ZIP.replace("[1, 2]", "[2, 3, 1, 1]").replace("[p, q]", "[q, p, p, r]"))
    assert say("sweep", str(file), "--extend").out == "s: 2 new tasks, 4 in all\n"
    assert say("sweep", str(file), "--extend").out == "s: 4 tasks, nothing new\n"
    assert say("work", "s").code == 0
    rows = [(each["k"], each["s"]) for each in params(project, "s")]
    assert sorted(rows) == [(1, "p"), (1, "r"), (2, "q"), (3, "p")]
    file.write_text(ZIP.replace("[1, 2]", "[2, 1]"))
    refused(say("sweep", str(file), "--extend"), 'zip[0]: the pair k=1, s="p" is gone', lines=6)


def test_a_row_of_zip_needs_a_value_of_each_name(project: Project, say: Say) -> None:
    declare(project, "z", ZIP.replace("grid", "random\ntrials: 2"))
    refused(
        say("extend", "z", "--value", "k=3"),
        "k goes together with s (zip); give both: --value k=3 --value s=...",
    )
    refused(
        say("extend", "z", "--value", "k=3", "--value", "s=a", "--value", "s=b"),
        "give both, as many values of each: --value k=3 --value s=a --value s=b",
    )
    assert say("extend", "z", "--value", "k=1", "--value", "s=p").out == (
        "z: k=1, s=p are there already; nothing new\n"
    )
    added = say("extend", "z", "--value", "s=q", "--value", "k=1", "--trials", "+1")
    assert added.out == "z: 1 new task, 3 in all\n"
    assert say("work", "z").code == 0
    rows = {(each["k"], each["s"]) for each in params(project, "z")}
    assert rows == {(1, "p"), (2, "q"), (1, "q")}


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_new_combination_begins_with_the_points_to_start_with(
    project: Project, say: Say, method: str
) -> None:
    if method == "bayes":
        pytest.importorskip("optuna")
    text = CELLS.replace("random", method).replace("name: y", "name: y, goal: minimize")
    text += "start_with: [{x: 0.25}, {x: 0.5, dataset: covtype}, {x: 0.75, dataset: adult}]\n"
    declare(project, "whole", text.replace("[adult, bank]", "[adult, bank, covtype]"))
    own = text.replace("{x: 0.5, dataset: covtype}, ", "")
    declare(project, "s", own)
    assert say("extend", "s", "--value", "dataset=covtype").out == "s: 3 new tasks, 9 in all\n"
    assert say("work", "s").code == 0
    drawn = [each["x"] for each in params(project, "s")]
    assert (drawn[0], drawn[1], drawn[3], drawn[6]) == (0.25, 0.75, 0.25, 0.25)


def test_an_objective_begins_a_new_combination_with_its_points(project: Project, say: Say) -> None:
    pytest.importorskip("optuna")
    objective = (
        "def objective(trial):\n    d = trial.params.get('d', '')\n"
        "    return trial.suggest_float('x', 0, 1)\n"
    )
    text = "method: optuna\ntrials: 2\nprogram: study.py:objective\nforeach: [d]\n"
    text += "parameters: {d: {values: [a]}}\nstart_with: [{x: 0.25}]\n"
    declare(project, "o", text, objective)
    assert say("extend", "o", "--value", "d=b").out == "o: 2 new tasks, 4 in all\n"
    worked = say("work", "o")
    assert worked.code == 0, worked.err
    assert [each["x"] == 0.25 for each in params(project, "o")] == [True, False, True, False]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("lr=abc", "lr: abc is not a number, as the other values of lr are; for the text, write"),
        ("lr=10**-3", "lr: 10**-3 is not a number, as the other values of lr are; for the number,"),
        ("lr=[1, 2]", "lr: [1, 2] is not a number, as the other values of lr are"),
        ("lr=no", "lr: no is not a number"),
        ("lr=nan", "lr: nan is not a number"),
        ("lr=.nan", "--value lr"),
        ("lr=", "lr is empty; write a value, such as --value lr=0.1"),
        ("tag=", "tag is empty"),
        ("bias=maybe", "bias: maybe is not true or false"),
        ("model=svm", "model has choices; to add a branch, change the sweep file, and run"),
        ("depth=3", "depth is in a branch of model; to add a value there, change the sweep file"),
    ],
)
def test_a_value_that_does_not_fit_its_parameter_is_refused(
    project: Project, say: Say, value: str, message: str
) -> None:
    declare(project, "b", BRANCHES)
    refused(say("extend", "b", "--value", value), message)


def test_a_text_is_added_as_it_is_written_and_in_quotes_among_numbers(
    project: Project, say: Say
) -> None:
    declare(project, "b", BRANCHES)
    assert (
        'tag can be "no", "1e3" '
        in say("extend", "b", "--value", "tag=no", "--value", "tag=1e3").out
    )
    assert 'lr can be "auto" ' in say("extend", "b", "--value", 'lr="auto"').out


def test_in_python_one_value_needs_no_list_and_messages_use_its_words(project: Project) -> None:
    declare(project, "b", BRANCHES)
    text = """
import colabctl
from colabctl.errors import UserError
sweep = colabctl.open().sweep("b")
print(sweep.extend(trials="+1", values={"tag": "rmsprop", "lr": 0.9}))
for call in ({}, {"values": ["tag"]}, {"values": {"lr": object()}}, {"trials": 1},
             {"values": {"lr": "0.3"}}, {"values": {"lr": []}}, {"trials": "many"}):
    try:
        sweep.extend(**call)
    except UserError as error:
        print(error)
"""
    ended = project.python(text)
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0] == "1"
    assert lines[1] == (
        'say what to add: trials=200, trials="+50" or values={"dataset": ["covtype"]}'
    )
    assert lines[2].startswith("values is ['tag']; write each with its name")
    assert "cannot be written" in lines[3]
    assert lines[4].endswith('has 3 trials already, and trials is the new number; for 1 more: '
                             'trials="+1"')  # fmt: skip
    assert "for the number, write 0.3" in lines[5]
    assert lines[6] == "values has no value for lr; write values={'lr': [...]}"
    assert '"+50" for 50 more' in lines[7]
    assert "--" not in ended.out


def test_trials_beyond_the_run_cap_of_the_file_need_a_changed_file(
    project: Project, say: Say, file: Path
) -> None:
    file.write_text(RANDOM.format(trials=9) + "run_cap: 4\n")
    assert say("sweep", str(file)).code == 0
    refused(
        say("extend", "s", "--trials", "+1"),
        "run_cap is 4; raise it in the file, and run: colabctl sweep FILE --extend",
    )
    file.write_text(RANDOM.format(trials=9) + "run_cap: 6\n")
    assert say("sweep", str(file), "--extend").out == "s: 2 new tasks, 6 in all\n"


def test_far_too_many_trials_and_trials_of_a_grid_are_refused_at_once(
    project: Project, say: Say
) -> None:
    declare(project, "r", RANDOM.format(trials=2))
    declare(project, "g", ZIP)
    for number in ("99999999999", "+99999999999", "9" * 25):
        refused(say("extend", "r", "--trials", number), "and 1,000,000 is the limit")
    for number in ("1", "5", "+5"):
        refused(say("extend", "g", "--trials", number), "is a grid, and runs each of its points")


def test_a_where_that_was_added_is_said_plainly_and_the_usual_sampler_is_no_change(
    project: Project, say: Say, file: Path
) -> None:
    pytest.importorskip("optuna")
    text = LISTED.replace("random", "bayes")
    file.write_text(text)
    assert say("sweep", str(file)).code == 0
    file.write_text(text + "where: k < 2\n")
    refused(say("sweep", str(file), "--extend"), 'where was added: "k < 2"', lines=3)
    file.write_text(text.replace("trials: 4", "trials: 5\nsampler: auto"))
    assert say("sweep", str(file), "--extend").out == "s: 1 new task, 5 in all\n"
