"""`colabctl compare`: two sweeps side by side."""

from pathlib import Path

import pytest

from tests.cli.conftest import Say, refused
from tests.cli.see.test_status import claim, done
from tests.processes import Project
from tests.screen import shown as lines_at

FIRST = """\
method: grid
metric: {name: y, goal: minimize}
foreach: [model]
parameters:
  model: {values: [svm, knn]}
  lr: {values: [0.1, 0.2]}
  same: {value: 1}
  deep: {parameters: {k: {value: 1}}}
program: train.py
"""
SECOND = (
    FIRST.replace("knn", "mlp")
    .replace("[0.1, 0.2]", "[0.1, 0.2, 0.4]")
    .replace("{k: {value: 1}}", "{k: {value: 2}}")
    + "max_retries: 2\n"
)


@pytest.fixture
def two(project: Project) -> Project:
    project.write("train.py", "import help\nprint('one')\n")
    project.write("help.py", "x = 1\n")
    project.declare("one", FIRST)
    project.write("train.py", "import other\nprint('two \x1b[31m')\n")
    project.write("other.py", "x = 1\n")
    project.declare("two", SECOND)
    project.journal("one", claim(0, 1, 2), done(0, y=0.5), done(1, y=0.25), done(2, y=float("nan")))
    project.journal("two", claim(0, 3), done(0, y=0.125), done(3, y=1e200))
    return project


def test_both_sweeps_are_shown_beside_each_other(two: Project, say: Say) -> None:
    answer = say("compare", "one", "two")
    assert (answer.code, answer.err) == (0, "")
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["one", "two"] in lines
    assert ["done", "3", "of", "4", "2", "of", "6"] in lines
    assert ["best", "y", "0.25,", "t000001", "0.125,", "t000000"] in lines
    assert ["lr", "0.2", "0.1"] in lines
    assert ["model=svm", "0.25,", "0.375", "±", "0.18", "(2)", "0.125,", "0.125", "(1)"] in lines
    assert ["model=knn", "-", "-"] in lines
    assert ["model=mlp", "-", "1e+200,", "1e+200", "(1)"] in lines
    assert ["max_retries", "-", "2"] in lines
    assert ["keys", "that", "differ"] in lines
    assert ["deep.k", "value:", "1", "value:", "2"] in lines
    assert not any(line[:1] == ["same"] for line in lines)


def test_a_narrow_terminal_has_a_line_for_each_value(two: Project) -> None:
    assert lines_at(two, "compare", "one", "two", columns=40)[:7] == [
        "    one", "    two", "  done", "    3 of 4", "    2 of 6", "  best y", "    0.25, t000001",
    ]  # fmt: skip


def test_a_sweep_without_cells_is_compared_as_a_whole(two: Project, say: Say) -> None:
    text = FIRST.replace("foreach: [model]\n", "").replace("  model: {values: [svm, knn]}\n", "")
    two.declare("flat", text)
    answer = say("compare", "one", "flat")
    assert any(line.startswith("  all tasks") for line in answer.out.splitlines())


def test_the_code_is_shown_as_lines_that_differ(two: Project, say: Say) -> None:
    lines = [line.strip() for line in say("compare", "one", "two").out.splitlines()]
    assert "- help.py  +0 -1" in lines
    assert "+ other.py  +1 -0" in lines
    assert "~ train.py  +2 -2" in lines
    assert "+print('two <U+001B>[31m')" in lines
    assert "-x = 1" not in lines
    assert "-x = 1" in say("compare", "one", "two", "--code").out


def test_scripts_get_all_of_it(two: Project, say: Say) -> None:
    answer = say("compare", "one", "two", "--json").json
    assert answer["sweeps"] == ["one", "two"]
    assert [best["value"] for best in answer["best"]] == [0.25, 0.125]
    assert {each["name"] for each in answer["parameters"]} == {"model", "lr", "deep.k"}
    assert [each["name"] for each in answer["declaration"]] == ["max_retries"]
    assert {each["file"]: each["change"] for each in answer["code"]} == {
        "help.py": "removed", "other.py": "added", "train.py": "changed",
    }  # fmt: skip
    [svm, _, _] = answer["cells"]
    assert (svm["values"], svm["first"]["count"], svm["second"]["count"]) == (
        {"model": "svm"},
        2,
        1,
    )


def test_a_sweep_is_the_same_as_itself(two: Project, say: Say) -> None:
    assert "parameters, declaration and code are the same" in say("compare", "one", "one").out


def test_sweeps_with_different_metrics_name_them(two: Project, say: Say) -> None:
    two.declare("third", FIRST.replace("name: y", "name: z"))
    two.journal("third", claim(0), done(0, z=3))
    lines = [line.split() for line in say("compare", "one", "third").out.splitlines()]
    assert ["best", "y", "0.25,", "t000001", "z", "3,", "t000000"] in lines


def test_code_that_has_changed_in_the_folder_is_not_compared(two: Project, say: Say) -> None:
    frozen = next(Path(two.root, "sweeps/two/code").rglob("other.py"))
    frozen.write_text("x = 2\n")
    answer = say("compare", "one", "two")
    assert answer.code == 0
    assert "the code of two is not compared" in answer.err
    assert answer.out


def test_a_sweep_that_does_not_exist_is_named(two: Project, say: Say) -> None:
    refused(say("compare", "one", "tow"), "did you mean two?")


def test_every_command_shows_values_near_the_largest_number(project: Project, say: Say) -> None:
    for name in ("one", "two"):
        project.declare(name, FIRST.replace("program: train.py\n", ""))
        outcomes = [done(0, y=1e308), done(1, y=1.7e308), done(2, y=1.7e308), done(3, y=-1.7e308)]
        project.journal(name, claim(0, 1, 2, 3), *outcomes)
    assert "1.35e+308 ± 4.9e+307 (2)" in say("compare", "one", "two").out
    lines = say("results", "one", "--by", "model").out.splitlines()
    assert [" ".join(line.split()[:6]) for line in lines[1:]] == [
        "knn 2 -1.7e+308 0 t000003",
        "svm 2 1e+308 1.35e+308 ± 4.9e+307",
    ]
    assert say("report", "one", "two").code == 0
