"""Bad input: one clear line that names the thing, exit 1, and no partial files."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Say, refused
from tests.processes import Finished, Project
from tests.project.conftest import bound_by_permissions, everything

GOOD = {"method": "grid", "program": "train.py:train", "parameters": {"x": {"values": [1, 2]}}}
PROGRAM = "def train(params, task):\n    return {'y': params['x']}\n"


def with_(**keys: object) -> str:
    return json.dumps({**GOOD, **keys})


def parameter(space: object) -> str:
    return with_(parameters={"x": space})


def sampled(space: object) -> str:
    return with_(parameters={"x": space}, method="random", trials=3)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("method: grid\nparameters: {x: {values: [1, 2}\n", ["s.yaml:2:31:"]),
        ("method: grid\n\tparameters: 1\n", ["s.yaml:2:1:"]),
        ("", ["s.yaml", "is empty"]),
        ("- a\n- b\n", ["s.yaml:1:1:", "a sweep file is a map"]),
        (with_(metod="grid"), ["metod", "did you mean method?"]),
        (with_(method="gird"), ["method", "did you mean grid?"]),
        (sampled({"min": 5, "max": 1}), ["parameters.x", "min", "5", "1"]),
        (sampled({"min": 5, "max": 5}), ["parameters.x"]),
        (sampled({"min": 1, "maxx": 5}), ["parameters.x.maxx", "did you mean max?"]),
        (parameter({"min": 0.0, "max": 1.0}), ["parameters.x", "grid"]),
        (parameter({"distribution": "normal"}), ["parameters.x", "grid"]),
        (parameter({"values": []}), ["parameters.x", "values is empty"]),
        (parameter([1, 2]), ["parameters.x", "values: [...]"]),
        (parameter({"distribution": "unifrom", "min": 0, "max": 1}), ["did you mean uniform?"]),
        (sampled({"values": [1, 2], "probabilities": [0.5, 0.6]}), ["probabilities"]),
        (with_(parameters={}), ["parameters"]),
        (with_(foreach=["y"]), ["foreach", "y"]),
        (with_(exclude=[{"y": 1}], foreach=["x"]), ["exclude", "y"]),
        (with_(trials=0), ["trials"]),
        (with_(max_retries=-1), ["max_retries"]),
        (with_(task_timeout="soon"), ["task_timeout", "soon"]),
        (with_(command="python train.py"), ["command"]),
        (parameter({"values": list(range(1001))}).replace('"x"', '"y"', 1), ["program"]),
        (with_(method="bayes"), ["bayes needs metric:"]),
        (with_(sampler="tpe"), ["sampler", "method: bayes"]),
        (with_(method="optuna"), ["parameters.x", "suggests its own parameters"]),
        (with_(program="trian.py:train"), ["trian.py", "did you mean train.py?"]),
        (with_(program="train.py:trian"), ["trian", "did you mean train?"]),
        (with_(program="TRAIN.py:train"), ["TRAIN.py does not exist", "did you mean train.py?"]),
        (with_(program="nothing/like/it.py"), ["nothing/like/it.py", "does not exist"]),
        (with_(program="data"), ["data", "is a folder"]),
        (
            with_(program="../train.py"),
            ["../train.py", "leaves the project", "did you mean train.py?"],
        ),
        (with_(program="/etc/passwd"), ["/etc/passwd", "absolute"]),
        (with_(program="data.xyz"), ["data.xyz", "no interpreter is known"]),
        (with_(program="work.ipynb"), ["work.ipynb", "notebook"]),
        (with_(program="broken.py:train"), ["broken.py", "not valid Python"]),
        (with_(code=["missing"]), ["code: missing does not exist"]),
        (with_(program=None, code=["train.py"]), ["code:"]),
    ],
)
def test_an_invalid_sweep_file_is_refused(
    project: Project, say: Say, text: str, parts: list[str]
) -> None:
    project.write("train.py", PROGRAM)
    project.write("broken.py", "def train(:\n")
    for name in ("data.xyz", "work.ipynb"):
        project.write(name, "")
    if "1000" in text:
        text = with_(parameters={f"p{n}": {"values": list(range(11))} for n in range(7)})
        parts = ["1,000,000 is the limit", "points"]
    project.write("s.yaml", text)
    before = everything(project.root)
    refused(say("sweep", "s.yaml"), *parts)
    assert everything(project.root) == before


def test_every_problem_of_a_file_is_reported_with_its_line_and_column(
    project: Project, say: Say
) -> None:
    project.write(
        "s.yaml",
        "metod: grid\nmethod: grid\nparameters:\n  x: {values: []}\n  y: {min: 2, max: 1}\n",
    )
    said = say("sweep", "s.yaml")
    refused(said, lines=3)
    places = [line.removeprefix("colabctl: ").split(": ")[0] for line in said.err.splitlines()]
    assert [place.split(":")[:2] for place in places] == [
        ["s.yaml", "1"],
        ["s.yaml", "4"],
        ["s.yaml", "5"],
    ]


@pytest.mark.parametrize(
    "name",
    ["a/b", "..", "a..b", "a\\b", "a\nb", "a\x07b", "con", "NUL.txt", "aux ", "a.", " a", "a:b",
     "a?", "-a", ".a", "", "x" * 65, "a\u202eb"],
)  # fmt: skip
def test_a_name_that_is_not_safe_everywhere_is_refused(
    project: Project, say: Say, name: str
) -> None:
    project.write("train.py", PROGRAM)
    project.write("s.yaml", with_())
    project.declare("there", with_())
    before = everything(project.root)
    if name:  # an empty --name is none
        refused(say("sweep", "s.yaml", f"--name={name}"), "sweep name")
        refused(say("init", "--member", name), "member name")
        refused(say("work", "--", name), "sweep name")
    refused(say("member", "add", "--", name), "member name")
    refused(say("results", "--", name), "sweep name")
    refused(say("status", "--json", "--", name or " "), "sweep name")
    refused(say("retry", "--", name), "sweep name")
    assert everything(project.root) == before


def test_a_name_that_no_folder_can_have_becomes_a_safe_one(project: Project, say: Say) -> None:
    project.write("train.py", PROGRAM)
    project.write("aux.yaml", with_())
    assert say("sweep", "aux.yaml").out == "sweep-aux: 2 tasks, declared\n"
    project.write("s.yaml", with_(name="a/b: c"))
    assert say("sweep", "s.yaml").out == "a-b-c: 2 tasks, declared\n"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["sweep", "train.py"], ["is a program, not a sweep file", "`program: train.py`"]),
        (["sweep", "missing.yaml"], ["missing.yaml does not exist"]),
        (["sweep", "data"], ["data is a folder"]),
        (["sweep", "data/raw/binary.yaml"], ["binary.yaml", "UTF-16", "UTF-8"]),
        (["sweep", "data/raw/huge.yaml"], ["huge.yaml", "1,000,0"]),
        (["status", "tehre"], ["'tehre' does not exist", "did you mean there?"]),
        (["work", "tehre"], ["did you mean there?"]),
        (["results", "tehre"], ["did you mean there?"]),
        (["pause", "tehre"], ["did you mean there?"]),
        (["retry", "there", "--task", "t000000"], ["t000000 has not failed"]),
        (["work", "by-hand"], ["by-hand", "program"]),
        (["work", "there", "--member", "anna"], ["'anna'", "did you mean ana?"]),
        (["sweep", "s.yaml", "--member", "anna"], ["'anna'", "did you mean ana?"]),
        (["pause", "there", "--member", "anna"], ["'anna'"]),
        (["work", "there", "--max-time", "soon"], ["--max-time: 'soon'", "11h"]),
        (["work", "there", "--max-time", "0"], ["--max-time"]),
        (["work", "there", "--task-timeout", "-1s"], ["--task-timeout"]),
        (["work", "there", "--max-time", "11 parsecs"], ["--max-time: '11 parsecs'"]),
        (["results", "there", "--format", "xml"], ["xml", "jsonl"]),
        (["results", "there", "-o", "all.xml"], ["all.xml", ".xml", ".sqlite"]),
        (["results", "there", "-o", "all"], ["--format"]),
        (["results", "there", "--format", "sqlite"], ["-o there.sqlite"]),
        (["results", "there", "--format", "table", "-o", "all.txt"], ["csv"]),
        (["results", "there", "--best", "3"], ["there names no metric"]),
        (["results", "there", "-o", "no/such/folder/all.csv"], ["no/such/folder/all.csv"]),
        (["results", "there", "-o", "train.py/all.csv"], ["train.py/all.csv"]),
        (["results", "there", "-o", "data", "--format", "csv"], ["data"]),
        (["results", "there", "-o", "data", "--format", "sqlite", "--force"], ["data"]),
        (["status", "--root", "no/where"], ["--root", "no/where", "is not a folder"]),
        (["status", "--root", "data"], ["--root", "data", "is not a project", "colabctl init"]),
        (["verify"], ["data/raw is not protected yet", "colabctl protect"]),
        (["verify", "no/where"], ["no/where"]),
        (["protect", "no/where"], ["no/where"]),
        (["protect", "/"], ["/"]),
        (["protect", "."], ["protect a folder that contains only data"]),
        (["protect", "sweeps"], ["sweeps"]),
    ],
)
def test_a_command_that_fails_says_what_is_wrong(
    project: Project, say: Say, arguments: list[str], parts: list[str]
) -> None:
    project.write("train.py", PROGRAM)
    project.write("s.yaml", with_())
    (project.root / "data/raw/binary.yaml").write_bytes(b"\xff\xfe\x00")
    project.write("data/raw/huge.yaml", "# " + "x" * 1_000_000)
    project.declare("there", with_())
    project.declare("by-hand", json.dumps({**GOOD, "program": None}))
    before = everything(project.root)
    refused(say(*arguments), *parts)
    assert everything(project.root) == before


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("COLABCTL_LEASE", "soon", "COLABCTL_LEASE"),
        ("COLABCTL_HEARTBEAT", "0", "COLABCTL_HEARTBEAT"),
        ("COLABCTL_CONSISTENCY", "strict", "choose auto, coherent, eventual or created"),
        ("COLABCTL_MEMBER", "anna", "did you mean ana?"),
        ("COLABCTL_ROOT", "/no/where", "COLABCTL_ROOT /no/where is not a folder"),
    ],
)
def test_an_invalid_variable_is_named(
    project: Project, say: Say, variable: str, value: str, part: str
) -> None:
    project.write("train.py", PROGRAM)
    project.declare("there", with_())
    before = everything(project.root)
    refused(say("work", "there", **{variable: value}), part)
    assert everything(project.root) == before


def test_outside_a_project_every_command_says_how_to_create_one(say: Say, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "s.yaml").write_text(json.dumps({**GOOD, "program": None}))
    for arguments in (
        ["status"], ["work"], ["results", "x"], ["sweep", "s.yaml"], ["pause", "x"], ["retry", "x"],
        ["protect"], ["verify"], ["member", "list"], ["member", "add", "eve"],
    ):  # fmt: skip
        refused(say(*arguments, cwd=elsewhere), f"no project in {elsewhere}", "colabctl init")
    assert [path.name for path in elsewhere.iterdir()] == ["s.yaml"]


def test_without_a_member_the_error_lists_the_members(project: Project, say: Say) -> None:
    project.write("train.py", PROGRAM)
    project.declare("there", with_())
    refused(say("work", "there", COLABCTL_MEMBER=""), "which member are you: ana, ben?")


def test_a_project_with_a_newer_format_is_refused(project: Project, say: Say) -> None:
    project.declare("there", json.dumps({**GOOD, "program": None}))
    config = project.root / "colabctl.yaml"
    config.write_text(config.read_text().replace("format: 1", "format: 2"))
    before = everything(project.root)
    for arguments in (["status"], ["work"], ["init"], ["member", "add", "eve"], ["pause", "there"]):
        refused(say(*arguments), "newer colabctl (format 2", "upgrade colabctl")
    assert everything(project.root) == before


def test_a_sweep_with_a_newer_format_is_refused(project: Project, say: Say) -> None:
    project.write("train.py", PROGRAM)
    project.write("there.yaml", with_())
    project.declare("there", with_())
    plan = project.root / "sweeps/there/plan.json"
    plan.write_text(plan.read_text().replace('"format": 1', '"format": 2'))
    before = everything(project.root)
    for arguments in (
        ["status", "there"], ["work", "there"], ["results", "there"], ["sweep", "there.yaml"],
        ["stop", "there"],
    ):  # fmt: skip
        refused(say(*arguments), "plan.json", "newer colabctl (format 2", "upgrade colabctl")
    assert everything(project.root) == before


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "3", "[" * 100_000, '{"format": 1}', '{"format": "1"}', "\x00" * 100],
)
def test_a_damaged_plan_is_named(project: Project, say: Say, damage: str) -> None:
    project.write("train.py", PROGRAM)
    project.declare("there", with_())
    project.write("sweeps/there/plan.json", damage)
    for command in ("status", "work", "results", "pause"):
        refused(say(command, "there"), "sweeps/there/plan.json is damaged", "version history")


def test_a_damaged_task_file_is_named_once_and_the_results_are_there(
    project: Project, say: Say
) -> None:
    project.declare("there", json.dumps({**GOOD, "program": None}))
    done = {"event": "done", "task": 1, "attempt": 1, "seconds": 1.0, "metrics": {}}
    project.journal("there", done)
    file = project.root / "sweeps/there/tasks/00000.jsonl"
    lines = file.read_text().splitlines()
    for damage in (
        "",
        "{",
        "[]",
        "3",
        "[" * 100_000,
        "{}",
        lines[0],
        lines[1].replace('{"x":2}', "3"),
    ):
        file.write_text(f"{lines[0]}\n{damage}\n")
        said = say("results", "there", "--format", "json")
        assert (said.code, [row["params"] for row in said.json]) == (0, [{"x": 2}])
        what = (
            "tasks/00000.jsonl of sweep there is not what was declared: task t000001 does not run"
        )
        assert said.err.count("tasks/00000.jsonl") == said.err.count(what) == 1
    file.unlink()
    said = say("results", "there", "--format", "json")
    assert (said.code, len(said.json)) == (0, 1)
    assert "tasks/00000.jsonl of sweep there is missing: 2 tasks, the first t000000" in said.err


@pytest.mark.parametrize(
    "change",
    [{"total": -1}, {"total": "3"}, {"kind": "virus"}, {"lease": 0}, {"consistency": "none"},
     {"cells": 3}, {"command": 3}, {"max_retries": "many"}, {"goal": "up"}, {"metric": 3},
     {"program": 3}, {"task_timeout": "long"}, {"total": True}, {"heartbeat": 1e999}],
)  # fmt: skip
def test_an_invalid_plan_is_named(project: Project, say: Say, change: dict[str, object]) -> None:
    project.write("train.py", PROGRAM)
    project.declare("there", with_())
    plan = project.root / "sweeps/there/plan.json"
    plan.write_text(json.dumps({**json.loads(plan.read_text()), **change}))
    refused(say("status", "there"), "sweeps/there/plan.json is damaged")


def test_results_that_cannot_be_written_say_where_and_why(project: Project, say: Say) -> None:
    project.write("train.py", PROGRAM)
    project.declare("there", with_())
    closed = project.root / "results/ana"
    closed.chmod(0o555)
    for folder in (project.root, *project.root.parents):
        if not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o055)
    try:
        with bound_by_permissions():
            said = [
                say("results", "there", "-o", f"results/ana/a.{end}") for end in ("csv", "sqlite")
            ]
    finally:
        closed.chmod(0o755)
    for each in said:
        refused(each, "results/ana/a.", "Permission denied")
    assert list(closed.iterdir()) == []


def test_a_full_disk_is_reported_and_leaves_no_partial_file(project: Project, say: Say) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    project.write("train.py", PROGRAM)
    project.declare("there", with_())
    finished = project.start_python(
        "-c",
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10));"
        "sys.argv[1:] = ['results', 'there', '-o', 'all.csv'];"
        "from colabctl.cli import main; main()",
    )
    out, err = finished.communicate()
    refused(Finished(finished.returncode, out, err), "all.csv cannot be written: File too large")
    assert [path.name for path in project.root.iterdir() if "all" in path.name] == []


def test_wrong_usage_exits_with_2(say: Say) -> None:
    for arguments in (
        ["frobnicate"],
        ["work", "--jobs", "0"],
        ["sweep"],
        ["results", "x", "--best", "0"],
    ):
        said = say(*arguments)
        assert (said.code, said.out) == (2, "")


def test_the_installed_command_itself_shows_no_traceback(project: Project) -> None:
    project.write("s.yaml", "method: [\n")
    refused(project.run("sweep", "s.yaml"), "s.yaml:2:1: invalid YAML")
