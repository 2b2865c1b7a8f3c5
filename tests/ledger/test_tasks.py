"""Task files count as far as they have their digest; one damaged line costs only its own task."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.ledger import Plan, TaskFiles, TaskLine, contents, write_tasks

TOTAL = 1500  # the second file has 500 tasks
PLAN = Plan(
    sweep="s", total=TOTAL, kind="function", method="grid", consistency="coherent",
    heartbeat=10.0, lease=60.0, declared_by="ana", declared_at=0.0, program="train.py:train",
)  # fmt: skip


def lines(some: range) -> Iterator[TaskLine]:
    return (TaskLine(index, 0, index, {"x": index}) for index in some)


def no_lines(_: range) -> Iterator[TaskLine]:
    raise UserError("sweep.yaml was changed")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    digests = write_tasks(lambda number: path(tmp_path, number), PLAN, lines(range(TOTAL)))
    return replace(PLAN, task_digests=digests)


def path(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.jsonl"


def files(folder: Path, plan: Plan, expand: object = lines) -> TaskFiles:
    return TaskFiles(lambda number: path(folder, number), plan, expand)  # type: ignore[arg-type]


def test_tasks_are_what_was_written(tmp_path: Path, plan: Plan) -> None:
    tasks = files(tmp_path, plan, no_lines)
    assert len(plan.task_digests) == 2
    assert [tasks[index] for index in (0, 999, 1000, 1499)] == [
        *lines(range(1)), *lines(range(999, 1001)), *lines(range(1499, 1500)),
    ]  # fmt: skip
    assert (tasks.fault(3), tasks.all_damage()) == (None, [])


def test_only_the_task_of_a_damaged_line_does_not_run(tmp_path: Path, plan: Plan) -> None:
    file = path(tmp_path, 1)
    content = file.read_bytes().splitlines(keepends=True)
    content[7] = content[7].replace(b'"x":1007', b'"x":"; rm -rf ~"')
    file.write_bytes(b"".join(content))
    tasks = files(tmp_path, plan)
    assert [index for index in range(TOTAL) if tasks.fault(index)] == [1007]
    assert tasks.fault(1007) == (
        "line 8 of tasks/00001.jsonl of sweep s is not what was declared, so t001007 does not "
        "run; restore that file from the folder's version history, then run: colabctl retry s"
    )
    assert tasks[1007].params == {"x": 1007}  # never what the line says
    [damage] = tasks.damage()
    assert "00001.jsonl of sweep s is not what was declared: task t001007 does not run" in damage


@pytest.mark.parametrize(
    ("change", "count"),
    [
        (lambda content: content.replace(b"\n", b"\r\n"), 0),
        (lambda content: b"\n\n" + content, 0),
        (lambda content: content[content.index(b"\n") + 1 :], 1),
        (lambda content: content[:-1], 0),
        (lambda content: content[:-3], 1),
        (lambda content: content[: len(content) // 2], 250),
        (lambda _: b"", 500),
        (lambda content: content.replace(b"{", b"[", 1), 1),
        (lambda content: b"".join(reversed(content.splitlines(keepends=True))), 0),
    ],
)
def test_lines_that_are_there_count_wherever_they_are(
    tmp_path: Path, plan: Plan, change: object, count: int
) -> None:
    file = path(tmp_path, 1)
    file.write_bytes(change(file.read_bytes()))  # type: ignore[operator]
    tasks = files(tmp_path, plan)
    faults = [index for index in range(TOTAL) if tasks.fault(index)]
    assert abs(len(faults) - count) <= (5 if count == 250 else 0)
    assert all(tasks[index].params == {"x": index} for index in range(1000, TOTAL))
    assert len(tasks.damage()) == 1


@given(data=st.data())
def test_any_change_of_a_byte_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("tasks")
    small = replace(PLAN, total=20)
    digests = write_tasks(lambda number: path(folder, number), small, lines(range(20)))
    content = bytearray(path(folder, 0).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))
    path(folder, 0).write_bytes(content)
    tasks = files(folder, replace(small, task_digests=digests))
    assert len(tasks.all_damage()) == 1
    assert sum(tasks.fault(index) is not None for index in range(20)) <= 2  # a newline joins two
    assert all(tasks[index].params == {"x": index} for index in range(20))


def test_if_the_declared_lines_are_unknown_no_task_of_the_file_runs(
    tmp_path: Path, plan: Plan
) -> None:
    file = path(tmp_path, 0)
    file.write_bytes(file.read_bytes().replace(b"17}", b"18}", 1))
    other = lambda some: (replace(line, trial=0) for line in lines(some))  # noqa: E731 - short
    for expand, why in ((no_lines, "sweep.yaml was changed"), (other, "does not give these tasks")):
        tasks = files(tmp_path, plan, expand)
        assert [index for index in range(TOTAL) if tasks.fault(index)] == list(range(1000))
        assert why in str(tasks.fault(3))
        assert why in tasks.damage()[0]
        assert tasks.params(3) is None
        with pytest.raises(UserError, match=why):
            tasks[3]


def test_a_restored_file_counts_at_once(tmp_path: Path, plan: Plan) -> None:
    file = path(tmp_path, 0)
    whole = file.read_bytes()
    tasks = files(tmp_path, plan)
    file.write_bytes(whole[:-50])
    assert tasks.fault(999)
    file.write_bytes(whole)
    assert tasks.fault(999) is None
    assert tasks.damage() == []


def test_a_missing_file_is_damage_where_files_do_not_arrive_late(
    tmp_path: Path, plan: Plan
) -> None:
    path(tmp_path, 1).unlink()
    tasks = files(tmp_path, plan)
    assert "is missing" in str(tasks.fault(1000))
    assert tasks[1000].params == {"x": 1000}
    late = files(tmp_path, replace(plan, consistency="eventual"))
    assert not late.arrived(whole=False)
    with pytest.raises(UserError, match="declared a moment ago, try again"):
        late.fault(1000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
def test_a_pipe_in_place_of_a_file_is_damage_and_is_not_read(tmp_path: Path, plan: Plan) -> None:
    path(tmp_path, 0).unlink()
    os.mkfifo(path(tmp_path, 0))
    tasks = files(tmp_path, plan)
    assert "cannot be read (is not a regular file)" in str(tasks.fault(0))
    assert tasks.fault(1000) is None


@pytest.mark.parametrize("name", ["x\nimport os", "x\x1b[2J", "", " ", "\u202ex"])
def test_a_parameter_without_a_printable_name_does_not_run(tmp_path: Path, name: str) -> None:
    small = replace(PLAN, total=2)
    steering = [TaskLine(0, 0, 0, {"x": 1}), TaskLine(1, 0, 1, {name: 1})]
    digests = write_tasks(lambda number: path(tmp_path, number), small, iter(steering))
    tasks = files(tmp_path, replace(small, task_digests=digests))
    assert tasks[0].params == {"x": 1}
    assert "cannot be the name of a parameter" in str(tasks.fault(1))


def test_an_unfinished_file_is_completed_and_a_whole_one_stays(tmp_path: Path) -> None:
    whole = list(contents(PLAN, lines(range(TOTAL))))
    path(tmp_path, 0).write_bytes(whole[0])
    path(tmp_path, 1).write_bytes(whole[1][:100])
    before = path(tmp_path, 0).stat().st_ino
    write_tasks(lambda number: path(tmp_path, number), PLAN, lines(range(TOTAL)))
    assert [path(tmp_path, number).read_bytes() for number in range(2)] == whole
    assert path(tmp_path, 0).stat().st_ino == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["00000.jsonl", "00001.jsonl"]
    assert json.loads(whole[1].splitlines()[0])["index"] == 1000
