"""What `status` shows to people and to scripts."""

import json

import pytest

from tests.cli.conftest import Say
from tests.processes import Project

KEYS = {"sweep", "state", "total", "pending", "claimed", "running", "done", "failed", "pruned",
        "cancelled", "duplicates", "best", "workers"}  # fmt: skip
WORKER_KEYS = {"worker", "member", "host", "state", "last_seen_seconds", "task", "done"}

LOOP = (
    "method: grid\nmetric: {name: y, goal: maximize}\nparameters: {x: {values: [10, 20, 30, 40]}}\n"
)


def claim(*tasks: int) -> dict[str, object]:
    return {"event": "claim", "tasks": [[task, 1] for task in tasks]}


def done(task: int, **metrics: object) -> dict[str, object]:
    return {"event": "done", "task": task, "attempt": 1, "seconds": 1.5, "metrics": metrics}


def failed(task: int, attempt: int, error: str) -> dict[str, object]:
    answer = {"seconds": 1.0, "error": error, "output": ""}
    return {"event": "failed", "task": task, "attempt": attempt, **answer}


def test_scripts_get_the_promised_keys(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    journal = project.journal("loop", claim(0, 1, 2), done(0, y=0.5), done(1, y=0.7))
    journal.write_text(journal.read_text().replace('"lease": 30.0', '"lease": 3000.0'))
    answer = say("status", "loop", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json.keys() >= KEYS
    [worker] = answer.json["workers"]
    assert worker.keys() >= WORKER_KEYS
    assert {key: answer.json[key] for key in KEYS - {"workers", "best"}} == {
        "sweep": "loop",
        "state": "running",
        "total": 4,
        "pending": 1,
        "claimed": 0,
        "running": 1,
        "done": 2,
        "failed": 0,
        "pruned": 0,
        "cancelled": 0,
        "duplicates": 0,
    }


def test_a_worker_without_a_heartbeat_is_lost_and_its_tasks_wait(
    project: Project, say: Say
) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0, 1), done(0, y=1.0))
    answer = say("status", "loop", "--json").json
    assert (answer["state"], answer["pending"], answer["running"], answer["done"]) == (
        "idle",
        3,
        0,
        1,
    )
    [worker] = answer["workers"]
    assert (worker["state"], worker["task"], worker["member"]) == ("lost", None, "ana")
    assert 30 < worker["last_seen_seconds"] < 120
    shown = say("status", "loop")
    assert "no active workers; start one: colabctl work loop" in shown.out


def test_the_counts_add_up_to_the_total(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    project.journal(
        "loop", claim(0, 1), done(0, y=1.0), failed(1, 1, "x"), claim(1), failed(1, 2, "x")
    )
    project.journal("loop", {"event": "stop", "member": "ben"}, writer="ben-vm-1")
    answer = say("status", "loop", "--json").json
    counts = ("pending", "claimed", "running", "done", "failed", "pruned", "cancelled")
    assert sum(answer[key] for key in counts) == answer["total"] == 4
    assert (answer["state"], answer["cancelled"], answer["failed"]) == ("stopped", 2, 1)


@pytest.mark.parametrize(("goal", "index"), [("maximize", 2), ("minimize", 0)])
def test_the_best_is_by_the_sweeps_own_metric_and_goal(
    project: Project, say: Say, goal: str, index: int
) -> None:
    project.declare("loop", LOOP.replace("maximize", goal))
    outcomes = (done(0, y=0.1), done(1, y=float("nan")), done(2, y=0.9), done(3, z=5))
    project.journal("loop", claim(0, 1, 2, 3), *outcomes)
    best = say("status", "loop", "--json").json["best"]
    assert (best["index"], best["metric"], best["params"]) == (index, "y", {"x": 10 + 10 * index})
    assert f"best y {best['value']:g} in t00000{index}: x={10 + 10 * index}" in say("status").out


def test_a_duplicate_result_counts_once_and_is_shown(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0), done(0, y=1.0))
    project.journal("loop", claim(0), done(0, y=2.0), writer="ben-vm-1")
    answer = say("status", "loop", "--json").json
    assert (answer["done"], answer["duplicates"]) == (1, 1)
    assert ", 1 duplicate result" in say("status", "loop").out
    assert [row["metrics"] for row in say("results", "loop", "--format", "json").json] == [
        {"y": 1.0}
    ]


def test_failures_are_grouped_by_error(project: Project, say: Say) -> None:
    project.declare("loop", LOOP + "max_retries: 0\n")
    project.journal(
        "loop",
        claim(0, 1, 2),
        failed(0, 1, "no [/gpu]"),
        failed(1, 1, "no [/gpu]"),
        failed(2, 1, "other"),
    )
    answer = say("status", "loop", "--json").json
    groups = [(each["error"], each["tasks"], each["to_retry"]) for each in answer["failures"]]
    assert groups == [("no [/gpu]", 2, 0), ("other", 1, 0)]
    shown = say("status", "loop").out
    assert "2 tasks failed: no [/gpu]" in shown
    assert "colabctl retry loop" in shown


def test_all_sweeps_are_a_list(project: Project, say: Say) -> None:
    assert say("status", "--json").json == []
    assert "colabctl sweep FILE" in say("status").out
    for name in ("one", "two"):
        project.declare(name, LOOP)
    assert [each["sweep"] for each in say("status", "--json").json] == ["one", "two"]
    shown = say("status").out
    assert [line.split()[-1] for line in shown.splitlines()] == ["0/4", "0/4"]


def test_watching_ends_with_the_sweep(project: Project) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0, 1, 2, 3), *(done(index, y=1.0) for index in range(4)))
    watched = project.run("status", "loop", "--watch")
    assert watched.code == 0
    assert "4/4 finished" in watched.out


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (b"no json at all", "not an object"),
        (b"\xff\xfe\x00", "not an object"),
        (b"", "not an object"),
        (b"[" * 100_000, "is damaged"),
        (b"3", "not an object"),
        (b'{"n": 3, "t": 5e9, "event": "heartbeat"}', "t is not a time"),
        (b'{"n": 3, "t": 1.7e9, "event": "explode"}', "unknown event 'explode'"),
        (b'{"n": 3, "t": 1.7e9, "event": "done", "task": 1000000, "attempt": 1}', "no such task"),
        (b'{"n": 3, "t": 1.7e9, "event": "done", "task": 1}', "attempt is not a number"),
        (b'{"n": 3, "t": 1.7e9, "event": "claim", "tasks": [3]}', "a claim without its attempt"),
        (b'{"n": 3, "t": NaN, "event": "heartbeat"}', "t is not a time"),
        (
            b'{"n": 3, "t": 1.7e9, "event": "done", "task": 1, "attempt": 1, "metrics": {"y": '
            + b"[" * 600
            + b"]" * 600
            + b"}}",
            "nested too deep",
        ),
        (b'{"n": 1, "t": 1.7e9, "event": "heartbeat"}', "is repeated"),
    ],
)
def test_a_journal_damaged_in_the_middle_is_named_and_the_rest_counts(
    project: Project, say: Say, damage: bytes, reason: str
) -> None:
    project.declare("loop", LOOP)
    file = project.journal("loop", claim(0, 1), done(0, y=1.0), done(2, y=3.0), done(1, y=2.0))
    lines = file.read_bytes().splitlines()
    lines[3] = damage
    file.write_bytes(b"\n".join(lines) + b"\n")
    answer = say("status", "loop", "--json")
    assert (answer.code, answer.json["done"]) == (0, 2)
    assert any(f"{file} line 4" in line and reason in line for line in answer.json["damage"])
    shown = say("status", "loop")
    assert "line 4 is damaged" in shown.out.replace("\n", " ")
    results = say("results", "loop", "--format", "json")
    assert [row["metrics"]["y"] for row in results.json] == [1.0, 2.0]
    assert f"{file} line 4" in results.err


def test_a_journal_that_cannot_be_read_is_named_and_the_others_count(
    project: Project, say: Say
) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0), done(0, y=1.0))
    folder = project.root / "sweeps/loop/journal/eve-vm-1/events.jsonl"
    folder.mkdir(parents=True)
    answer = say("status", "loop", "--json")
    assert (answer.code, answer.json["done"]) == (0, 1)
    assert any(str(folder) in line for line in answer.json["damage"])


def test_an_incomplete_line_has_not_arrived_yet(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    file = project.journal("loop", claim(0), done(0, y=1.0))
    whole = file.read_bytes()
    file.write_bytes(whole + whole.splitlines()[-1][:40])
    answer = say("status", "loop", "--json").json
    assert (answer["done"], answer["damage"]) == (1, [])


def test_names_of_others_are_not_interpreted_as_markup(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    file = project.journal("loop", claim(0), writer="eve-vm-1")
    file.write_text(file.read_text().replace('"eve"', '"[/red]"').replace('"vm"', '"\\ud800"'))
    shown = say("status", "loop")
    assert (shown.code, shown.err) == (0, "")
    assert "[/red]" in shown.out
    assert json.loads(say("status", "loop", "--json").out)["workers"][0]["member"] == "[/red]"


def test_text_from_others_cannot_control_the_terminal(project: Project, say: Say) -> None:
    project.declare("loop", f"{LOOP}max_retries: 0\n")
    trick = "\x1b]0;title\x07\x1b[2Jno\rthing"
    project.journal("loop", claim(0, 1), {**failed(0, 1, trick), "output": trick}, done(1, y=trick))
    for arguments in (["status", "loop"], ["failures", "loop"], ["results", "loop"]):
        shown = say(*arguments).out
        assert "<U+001B>[2Jno<U+000D>thing" in shown
        assert not set("\x1b\x07\r") & set(shown)


def test_text_from_others_cannot_start_a_line(project: Project, say: Say) -> None:
    project.declare("loop", f"{LOOP}max_retries: 0\n")
    trick = "bad\n  best y 9 in t000003: x=40"
    file = project.journal("loop", claim(0, 1), failed(0, 1, trick), done(1, y=trick))
    file.write_text(file.read_text().replace('"host": "vm"', f'"host": {json.dumps(trick)}'))
    for arguments in (["status", "loop"], ["failures", "loop"], ["results", "loop"]):
        shown = say(*arguments, COLUMNS="200").out
        assert "bad\\n  best y 9" in shown
        assert not any(line.startswith("  best y 9") for line in shown.splitlines())


def test_watch_and_json_exclude_each_other(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    said = say("status", "loop", "--watch", "--json")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "colabctl: --watch is for people and --json for scripts; use only one of them\n"
    )


def test_a_metric_that_no_task_reports_is_noted_with_the_reported_ones(
    project: Project, say: Say
) -> None:
    project.declare("loop", LOOP.replace("name: y", "name: lss"))
    assert "no task reported" not in say("status", "loop").out
    project.journal("loop", claim(0, 1), done(0, loss=1.0, n=2), done(1, loss=2.0))
    assert (
        "  no task reported lss; reported metrics: loss, n; did you mean loss?\n"
        in say("status", "loop").out
    )


def test_a_metric_that_one_task_reports_needs_no_note(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0, 1, 2), done(0, loss=1.0), done(1, y=float("nan")))
    assert "no task reported a number as y" in say("status", "loop").out
    project.journal("loop", claim(2), done(2, y=3.0), writer="ben-vm-1")
    assert "no task reported" not in say("status", "loop").out


def test_a_long_parameter_does_not_crowd_out_the_rest(project: Project, say: Say) -> None:
    project.declare("loop", LOOP.replace("[10, 20, 30, 40]", f"[{'a' * 50_000}]"))
    project.journal("loop", claim(0), done(0, y=1.0))
    shown = say("status", "loop", COLUMNS="200").out
    assert f"best y 1 in t000000: x={'a' * 57}...\n" in shown
    assert len(shown) < 1000


def test_the_next_step_can_be_pasted_into_a_shell(project: Project, say: Say) -> None:
    project.declare("two words", f"{LOOP}max_retries: 0\n")
    assert (
        "no workers yet; start one: colabctl work 'two words'\n" in say("status", "two words").out
    )
    project.journal("two words", claim(0), failed(0, 1, "no"))
    shown = say("status", "two words").out
    assert "no active workers; start one: colabctl work 'two words'\n" in shown
    assert "see why: colabctl failures 'two words'\n" in shown
    assert "once the cause is gone: colabctl retry 'two words'\n" in shown
    for order in ("pause", "stop"):
        say(order, "two words")
        shown = say("status", "two words").out
        assert "resume it: colabctl resume 'two words'\n" in shown


def test_terminal_codes_in_the_output_of_programs_are_dropped(project: Project) -> None:
    code = "def train(params, task):\n    print('\\x1b]0;t\\x07\\x1b[1;34mblue\\x1b[0m'); 1 / 0\n"
    sweep = "method: grid\nparameters: {x: {values: [1]}}\nprogram: train.py:train\n"
    project.declare("blue", sweep, code)
    project.run("work", "blue")
    assert project.events("blue", "failed")[0]["output"].startswith("blue\nTraceback")


def test_a_sweep_that_cannot_be_opened_does_not_hide_the_others(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    project.declare("newer", LOOP)
    (project.root / "sweeps/newer/plan.json").write_text('{"format": 99}')
    answer = say("status", "--json")
    assert [sweep["sweep"] for sweep in answer.json] == ["loop"]
    assert "newer colabctl (format 99" in answer.err
    assert say("status", "newer").code == 1


def test_a_frozen_file_that_is_missing_or_changed_is_not_a_change_of_the_project(
    declared: Project, say: Say
) -> None:
    frozen = declared.root / "sweeps/first/code/train.py"
    frozen.write_text("x = 1\n")
    changed = say("status", "first", "--json").json["damage"][0]
    frozen.unlink()
    missing = say("status", "first", "--json").json["damage"][0]
    assert say("status", "first", "--json").json["changed"] == []
    assert "sweeps/first/code is not the code that was declared" in changed
    assert "sweeps/first/code is missing or empty" in missing
