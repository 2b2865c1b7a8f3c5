"""Programs in any language: a command with W&B's macros, run again for every task."""

import json
import os
import sys
from pathlib import Path

from tests.processes import Project, check_interrupted_leaves_nothing, linux, until

FORM = """
method: grid
program: {program}
{command}
parameters: {{x: {{values: {values}}}}}
{more}
"""


def form(program: str, tasks: int = 1, command: str = "", more: str = "max_retries: 0") -> str:
    return FORM.format(program=program, values=list(range(tasks)), command=command, more=more)


def failures(project: Project, sweep: str) -> list[tuple[int, str]]:
    return [(row["index"], row["error"]) for row in project.results(sweep) if row["error"]]


def test_a_python_program_records_its_metrics_with_the_api(project: Project) -> None:
    program = """
import argparse, colabctl
parser = argparse.ArgumentParser()
parser.add_argument("--x", type=int)
given = parser.parse_args()
assert colabctl.open().raw.is_dir()
task = colabctl.task()
assert task.params == {"x": given.x}, task.params
for step in range(3):
    task.report(step=step, loss=given.x / (step + 1))
task.done(twice=2 * given.x, name=task.name, sweep=task.sweep, attempt=task.attempt)
"""
    project.declare("python", form("train.py", 3), program)
    assert project.run("work", "python").code == 0
    assert [row["metrics"] for row in project.results("python")] == [
        {"twice": 2 * x, "name": f"t{x:06d}", "sweep": "python", "attempt": 1} for x in range(3)
    ]
    reports = project.reports("python")
    assert [(r["step"], r["values"]) for r in reports if r["task"] == 2] == [
        (0, {"loss": 2.0}),
        (1, {"loss": 1.0}),
        (2, {"loss": 2 / 3}),
    ]


def test_a_shell_script_writes_its_metrics_to_a_file(project: Project) -> None:
    program = """
x=${1#--x=}
echo '{"step": 1, "values": {"loss": 0.5}}' >> "$COLABCTL_REPORTS"
printf '{"twice": %d, "given": %s}' $((2 * x)) "$(cat "$COLABCTL_TASK")" > "$COLABCTL_RESULT"
"""
    project.declare("shell", form("train.sh", 2), program)
    assert project.run("work", "shell").code == 0
    rows = project.results("shell")
    assert [row["metrics"]["twice"] for row in rows] == [0, 2]
    assert rows[1]["metrics"]["given"]["params"] == {"x": 1}
    assert [r["values"] for r in project.reports("shell")] == [{"loss": 0.5}] * 2


def test_every_macro_of_the_command_is_expanded(project: Project) -> None:
    commands = {
        "equals": '["${env}", "${interpreter}", "${program}", "${args}"]',
        "hyphens": '["${interpreter}", "${program}", "${args_no_hyphens}"]',
        "spaces": '["${interpreter}", "${program}", "${args_no_equals}"]',
        "flags": '["${interpreter}", "${program}", "${args_no_boolean_flags}"]',
        "hydra": '["${interpreter}", "${program}", "${args_override_hydra}"]',
        "json": '["${interpreter}", "${program}", "${args_json}"]',
        "words": '["${interpreter}", "-u", "${program}", "of ${lr}", "${envvar:FLAVOUR}", fixed]',
        "file": '["${interpreter}", "${program}", "--config", "${args_json_file}"]',
    }
    program = """
import colabctl, pathlib, sys
words = [pathlib.Path(word).read_text() if word.endswith(".json") else word for word in sys.argv[1:]]
colabctl.task().done(words=words)
"""
    for name, command in commands.items():
        parameters = "parameters: {lr: {value: 1e-5}, on: {value: true}, s: {value: a b}}"
        text = form("train.py", command=f"command: {command}").replace(
            "parameters: {x: {values: [0]}}", parameters
        )
        project.declare(name, text, program)
    worked = project.run("work", FLAVOUR="vanilla")
    assert worked.code == 0, worked.err
    whole = '{"lr": 1e-05, "on": true, "s": "a b"}'
    assert {name: project.results(name)[0]["metrics"]["words"] for name in commands} == {
        "equals": ["--lr=1e-05", "--on=True", "--s=a b"],
        "hyphens": ["lr=1e-05", "on=True", "s=a b"],
        "spaces": ["--lr", "1e-05", "--on", "True", "--s", "a b"],
        "flags": ["--lr=1e-05", "--on", "--s=a b"],
        "hydra": ["++lr=1e-05", "++on=True", "++s=a b"],
        "json": [whole],
        "words": ["of 1e-05", "vanilla", "fixed"],
        "file": ["--config", whole],
    }


def test_arguments_that_are_too_long_together_point_to_a_file(project: Project) -> None:
    long = "x" * 120_000
    values = ", ".join(f"p{i}: {{value: *long}}" for i in range(20))
    text = form("train.py").replace(
        "{x: {values: [0]}}", f"{{a: {{value: &long {long}}}, {values}}}"
    )
    project.declare("long", text, "print('never')\n")
    project.run("work", "long")
    _, error = failures(project, "long")[0]
    assert "longer in all than this system allows" in error
    assert "${args_json_file}" in error


def test_a_value_never_becomes_a_separate_command(project: Project) -> None:
    text = form("train.sh").replace("[0]", "['; touch planted; $(touch planted)']")
    project.declare("quoted", text, 'printf \'{"n": %d}\' $# > "$COLABCTL_RESULT"\n')
    assert project.run("work", "quoted").code == 0
    assert project.results("quoted")[0]["metrics"] == {"n": 1}
    assert not (project.root / "planted").exists()


def test_a_program_runs_in_the_project_and_is_the_frozen_copy(project: Project) -> None:
    project.write("data/raw/a.csv", "1,2\n")
    project.declare(
        "frozen", form("train.sh"), 'cp data/raw/a.csv . && echo {} > "$COLABCTL_RESULT"'
    )
    project.write("train.sh", "exit 1\n")
    assert project.run("work", "frozen").code == 0
    assert failures(project, "frozen") == []
    assert (project.root / "a.csv").read_text() == "1,2\n"


def test_what_a_program_starts_imports_frozen_modules_and_none_of_the_project(
    project: Project,
) -> None:
    project.write("planted.py", "")
    project.write(
        "tools/other.py", "import inner, features, os\nprint(inner.here, features.here)\n"
    )
    project.write("tools/inner.py", "here = 'inner'\n")
    project.write("features.py", "here = 'features'\n")
    program = """
frozen=$(dirname "$0")
python "$frozen/tools/other.py" || exit 2
python -c 'import features' || exit 3
python -c 'import planted' && exit 4
python -m planted && exit 5
echo {} > "$COLABCTL_RESULT"
"""
    text = form("train.sh", more="code: [tools, features.py]\nmax_retries: 0")
    project.declare("children", text, program)
    for name in ("tools/inner.py", "features.py"):
        project.write(name, "1 / 0")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    assert project.run("work", "children", PATH=path).code == 0
    assert failures(project, "children") == []


def test_each_way_in_which_a_program_fails_is_described(project: Project) -> None:
    errors = {
        "exit 3": "the program ended with exit code 3",
        "echo so be it; exit 1": "the program ended with exit code 1; its last line: so be it",
        "python3 -c '1 / 0'": "the program ended with exit code 1: "
        "ZeroDivisionError: division by zero",
        "kill -9 $$": "the program was killed by SIGKILL",
        'echo "[1]" > "$COLABCTL_RESULT"': "COLABCTL_RESULT must hold an object, "
        'such as {"accuracy": 0.91}',
        'echo "{" > "$COLABCTL_RESULT"': "COLABCTL_RESULT is not valid JSON "
        "(Expecting property name enclosed in double quotes: line 2 column 1 (char 2))",
        'echo "{}" >> "$COLABCTL_REPORTS"': "COLABCTL_REPORTS: b'{}' is not a report ('step')",
        'printf "\\377" > "$COLABCTL_RESULT"': "COLABCTL_RESULT is not valid JSON "
        "('utf-8' codec can't decode byte 0xff in position 0: invalid start byte)",
    }
    cases = "".join(f"--x={x}) {body};;\n" for x, body in enumerate(errors))
    project.declare("wrong", form("train.sh", len(errors)), f"case $1 in\n{cases}esac\n")
    for _ in range(2):  # a worker whose first five tasks fail gives up
        project.run("work", "wrong")
    assert failures(project, "wrong") == list(enumerate(errors.values()))


def test_a_program_that_leaves_nothing_is_done_without_metrics(project: Project) -> None:
    project.declare("silent", form("train.sh"), "true\n")
    assert project.run("work", "silent").code == 0
    assert [(row["status"], row["metrics"]) for row in project.results("silent")] == [("done", {})]


def test_a_command_that_is_not_there_is_named(project: Project) -> None:
    text = form("train.sh", command="command: [no-such-tool, '${program}']")
    project.declare("missing", text, "true\n")
    assert project.run("work", "missing").code == 1
    assert failures(project, "missing") == [
        (0, "no-such-tool cannot be started: No such file or directory")
    ]


def test_the_output_of_a_failed_program_is_kept(project: Project) -> None:
    program = "for n in $(seq 60); do echo line $n; done; echo to standard error >&2; exit 1\n"
    project.declare("output", form("train.sh"), program)
    assert project.run("work", "output").code == 1
    [failure] = project.events("output", "failed")
    assert failure["output"].splitlines() == [
        *(f"line {n}" for n in range(22, 61)),
        "to standard error",
    ]


def test_a_program_that_reads_its_input_finds_it_empty(project: Project) -> None:
    project.declare("reads", form("train.sh"), 'cat; echo {} > "$COLABCTL_RESULT"\n')
    assert project.run("work", "reads").code == 0
    assert failures(project, "reads") == []


def test_programs_run_side_by_side_as_many_as_asked_for(project: Project) -> None:
    program = """
mkdir -p started && touch "started/$1"
for n in $(seq 1000); do
    if [ "$(ls started | wc -l)" = 2 ]; then echo '{"together": 1}' > "$COLABCTL_RESULT"; exit; fi
    sleep 0.02
done
exit 1
"""
    project.declare("abreast", form("train.sh", 2), program)
    assert project.run("work", "abreast", "--jobs", "2").code == 0
    assert [row["metrics"] for row in project.results("abreast")] == [{"together": 1}] * 2


def test_a_program_that_takes_too_long_may_end_well_and_has_failed(project: Project) -> None:
    program = """
case $1 in --x=1) exit;; esac
trap 'echo saved; exit 0' TERM
echo started
while true; do sleep 0.05; done
"""
    project.declare("long", form("train.sh", 2), program)
    worked = project.run("work", "long", "--task-timeout", "2s")
    assert worked.code == 1, worked.err
    assert failures(project, "long") == [(0, "ran longer than 2 s (task timeout)")]
    [failure] = project.events("long", "failed")
    lines = failure["output"].splitlines()
    assert (lines[0], lines[-1]) == ("started", "saved")


@linux
def test_what_a_program_left_running_ends_with_the_worker(project: Project) -> None:
    project.declare("left", form("train.sh"), "sleep 600 & true\n")
    assert project.run("work", "left").code == 0
    assert failures(project, "left") == []
    until(lambda: not project.processes())


def test_the_task_file_contains_everything_a_program_needs(project: Project) -> None:
    project.declare(
        "file", form("train.sh"), 'cp "$COLABCTL_TASK" task.json; mkdir -p "$COLABCTL_FOLDER"\n'
    )
    assert project.run("work", "file").code == 0
    parts = json.loads((project.root / "task.json").read_text())
    assert {
        key: parts[key] for key in ("sweep", "task", "index", "attempt", "params", "member")
    } == {
        "sweep": "file",
        "task": "t000000",
        "index": 0,
        "attempt": 1,
        "params": {"x": 0},
        "member": "ana",
    }
    assert parts["root"] == str(project.root)
    assert parts["folder"].startswith(str(project.root / "sweeps/file/runs"))
    assert not (project.root / parts["result"]).exists()


def test_a_program_that_must_be_killed_leaves_nothing_on_the_machine(
    project: Project, tmp_path: Path
) -> None:
    project.declare("stubborn", form("train.sh"), "trap '' TERM\ntouch started\nsleep 600\n")
    check_interrupted_leaves_nothing(project, "stubborn", tmp_path / "machine")
