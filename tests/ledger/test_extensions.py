"""Extensions count in one order, whatever the order in which they arrive; no task comes twice."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.ledger import Extension, Plan, TaskLine, extended, extensions_in, stretches
from colabctl.ledger.extensions.numbering import Numbering
from colabctl.ledger.extensions.record import RECORD
from colabctl.ledger.journals.events import Event, encode
from colabctl.ledger.tasks import write_tasks
from colabctl.project.layout import SweepLayout

PLAN = Plan(
    sweep="s", total=3, kind="function", method="grid", consistency="eventual", heartbeat=60.0,
    lease=600.0, declared_by="ana", declared_at=1.7e9, program="train.py:train",
    cells=({"values": {}, "tasks": 3},),
)  # fmt: skip


History = list[tuple[list[int], set[int]]]
"""For each extension the values that it adds, and which earlier ones its writer had seen."""


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw a history of a few extensions."""
    number = draw(st.integers(1, 5))
    return [
        (
            draw(st.lists(st.integers(10, 20), min_size=1, max_size=4, unique=True)),
            {each for each in range(at) if draw(st.booleans())},
        )
        for at in range(number)
    ]


def write(root: Path, history: History) -> list[Extension]:
    """Write the extensions; each writer leaves out the values that it knows."""
    written: list[Extension] = []
    known: list[set[int]] = []  # what each writer knew, with all that those had known
    for number, (values, seen) in enumerate(history):
        knows = {each for other in seen for each in {other, *known[other]}}
        known.append(knows)
        there = {value for other in knows for value in taken(written[other])}
        new = [value for value in values if value not in there]
        name = f"extension-m{number}"
        cells = ({"values": {}, "tasks": len(new), "first": 3},) if new else ()
        extension = Extension(
            name, PLAN.run_digest, "ana", 1.7e9 + (7 * number) % 5,
            tuple(written[other].name for other in sorted(knows)),
            ((("x",), tuple(new)),), cells,
        )  # fmt: skip
        folder = SweepLayout(root / name)
        folder.tasks.mkdir(parents=True)
        lines = (TaskLine(at, 0, 3 + at, {"x": value}) for at, value in enumerate(new))
        digests = write_tasks(folder.task_file, extension.plan(PLAN), lines)
        extension = replace(extension, task_digests=digests)
        (folder.root / RECORD).write_bytes(extension.encode())
        written.append(extension)
    return written


def taken(extension: Extension) -> tuple[int, ...]:
    return extension.values[0][1]


def values_of(plan: Plan) -> list[int]:
    """Return the value of each task that was added, by its number."""
    return [taken(each)[number] for each in plan.extensions for number in each.counting]


@given(histories(), st.randoms(use_true_random=False))
def test_any_order_of_reading_the_same_extensions_gives_the_same_tasks(
    tmp_path_factory: pytest.TempPathFactory, history: History, rng: random.Random
) -> None:
    root = tmp_path_factory.mktemp("s")
    written = write(root, history)
    whole = extended(PLAN, extensions_in([root], PLAN))
    added = values_of(whole)
    assert sorted(added) == sorted({value for values, _ in history for value in values})
    assert whole.total == 3 + len(added)
    assert [stretches(whole).place(index) for index in range(whole.total)] == [
        (0, number) for number in range(whole.total)
    ]
    hidden = tmp_path_factory.mktemp("hidden")
    arriving = list(written)
    rng.shuffle(arriving)
    for each in arriving:
        (root / each.name / RECORD).rename(hidden / each.name)
    for each in arriving:  # one after the other; what counts so far never names a missing one
        (hidden / each.name).rename(root / each.name / RECORD)
        now = extended(PLAN, extensions_in([root], PLAN))
        names = {extension.name for extension in now.extensions}
        assert all(names.issuperset(extension.after) for extension in now.extensions)
        assert len(set(values_of(now))) == len(values_of(now))
    assert now == whole


@given(histories())
def test_an_extension_that_knew_all_others_moves_none_of_their_tasks(
    tmp_path_factory: pytest.TempPathFactory, history: History
) -> None:
    root = tmp_path_factory.mktemp("s")
    chain = [(values, set(range(at))) for at, (values, _) in enumerate(history)]
    write(root, chain)
    whole = extended(PLAN, extensions_in([root], PLAN))
    added = values_of(whole)
    assert added == list(dict.fromkeys(value for values, _ in chain for value in values))
    assert not Numbering(whole).is_needed


@given(histories())
def test_every_reader_finds_the_tasks_that_a_writer_meant(
    tmp_path_factory: pytest.TempPathFactory, history: History
) -> None:
    root = tmp_path_factory.mktemp("s")
    written = write(root, history)
    whole = extended(PLAN, extensions_in([root], PLAN))
    for number, each in enumerate(written):
        names = [*each.after, each.name]
        theirs = extended(PLAN, _known(root, names))
        numbering = Numbering(whole)
        start = Event(1.7e9, f"w{number}", 0, "heartbeat", {"extensions": [
            own.name for own in theirs.extensions]})  # fmt: skip
        events = [start] + [
            Event(1.7e9, f"w{number}", 1 + index, "done", {"task": index, "attempt": 1})
            for index in range(theirs.total)
        ]
        read = [(event, encode(event.n, event.t, event.kind, event.body)) for event in events]
        late = [*read[1:], read[0]]  # the first file can be the last to arrive
        meant = [event.body["task"] for event, _ in numbering.read(iter(late)) if event.n]
        own, ours = values_of(theirs), values_of(whole)
        expected = [*range(3), *(3 + ours.index(value) for value in own)]
        assert sorted(meant) == sorted(expected)
        for index, value in enumerate(own):
            assert numbering.number(3 + ours.index(value), f"w{number}") == 3 + index
            assert numbering.index(3 + index, f"w{number}") == 3 + ours.index(value)


def _known(root: Path, names: list[str]) -> list[Extension]:
    """Return the extensions with these names, as someone sees them who has no others."""
    with TemporaryDirectory() as folder:
        for name in names:
            Path(folder, name).symlink_to(root / name)
        return extensions_in([Path(folder)], PLAN)


def test_a_damaged_record_and_one_of_another_sweep_have_no_effect(tmp_path: Path) -> None:
    good, other, bad = write(tmp_path, [([10], set()), ([11], set()), ([12], set())])
    record = tmp_path / other.name / RECORD
    record.write_text(json.dumps({**json.loads(record.read_text()), "sweep": "0" * 64}))
    (tmp_path / bad.name / RECORD).write_text('{"format": 1}')
    assert [each.name for each in extensions_in([tmp_path], PLAN)] == [good.name]


def test_the_repeats_of_a_configuration_are_dropped_or_kept_together(tmp_path: Path) -> None:
    two = {"name": None, "values": [0, 1], "aggregate": "mean"}
    cells = ({"values": {}, "tasks": 6},)
    declared = replace(PLAN, total=6, repeat=two, cells=cells)
    for name, values in (("a", (10, 11)), ("b", (11, 12))):  # neither knows of the other
        own = ({"values": {}, "tasks": 4, "first": 3},)
        path = ((("x",), values),)
        extension = Extension(f"extension-{name}", declared.run_digest, name, 1.7e9, (), path, own)
        folder = SweepLayout(tmp_path / extension.name)
        folder.tasks.mkdir(parents=True)
        tasks = [value for value in values for _ in range(2)]  # alike but for their number
        lines = (TaskLine(at, 0, 6 + at, {"x": value}) for at, value in enumerate(tasks))
        digests = write_tasks(folder.task_file, extension.plan(declared), lines)
        (folder.root / RECORD).write_bytes(replace(extension, task_digests=digests).encode())
    whole = extended(declared, extensions_in([tmp_path], declared))
    assert [list(each.counting) for each in whole.extensions] == [[0, 1, 2, 3], [2, 3]]
    numbering = Numbering(whole)
    start = Event(1.7e9, "b", 0, "heartbeat", {"extensions": ["extension-b"]})
    claim = Event(1.7e9, "b", 1, "claim", {
        "tasks": [[6, 1], [7, 1], [8, 1]], "params": {"6": {}, "9": {}}, "samplers": {"9": "tpe"}
    })  # fmt: skip
    read = [(event, encode(event.n, event.t, event.kind, event.body)) for event in (start, claim)]
    (_, (own_claim, _)) = numbering.read(iter(read))
    assert own_claim.body["tasks"] == [[8, 1], [9, 1], [10, 1]]
    assert (own_claim.body["params"], own_claim.body["samplers"]) == (
        {"8": {}, "11": {}}, {"11": "tpe"}
    )  # fmt: skip


def test_an_extension_with_some_of_the_repeats_only_has_no_effect(tmp_path: Path) -> None:
    two = {"name": None, "values": [0, 1], "aggregate": "mean"}
    declared = replace(PLAN, total=6, repeat=two, cells=({"values": {}, "tasks": 6},))
    cells = ({"values": {}, "tasks": 3, "first": 3},)
    extension = Extension("extension-a", declared.run_digest, "ana", 1.7e9, cells=cells)
    folder = SweepLayout(tmp_path / extension.name)
    folder.tasks.mkdir(parents=True)
    lines = (TaskLine(at, 0, at, {"x": 1}) for at in range(3))
    digests = write_tasks(folder.task_file, extension.plan(declared), lines)
    (folder.root / RECORD).write_bytes(replace(extension, task_digests=digests).encode())
    assert extensions_in([tmp_path], declared) == []


def test_points_to_start_with_are_still_known_after_an_extension() -> None:
    cells = ({"values": {}, "tasks": 3, "starts": 2},)
    more = Extension(
        "extension-a", "d", "ana", 1.7e9, cells=({"values": {}, "tasks": 2, "first": 3},)
    )
    whole = extended(replace(PLAN, cells=cells), [more])
    assert whole.cells == ({"values": {}, "tasks": 5, "starts": 2},)


@pytest.mark.parametrize(
    "damaged",
    [
        {"limits": {"budget": {"time": 10**400}}}, {"limits": {"patience": {"trials": 10**400}}},
        {"limits": {"patience": {"trials": 1, "min_delta": 10**400}}}, {"limits": {"seed": 3}},
        {"limits": {"budget": {"time": math.nan}}}, {"limits": [1]}, {"version": {"cwd": "x"}},
        {"at": 1e308}, {"at": math.nan}, {"at": -1e300}, {"values": [[[], []]]},
    ],
    ids=str,
)  # fmt: skip
def test_a_damaged_extension_has_no_effect(tmp_path: Path, damaged: dict[str, Any]) -> None:
    write(tmp_path, [([10], set())])
    assert extended(PLAN, extensions_in([tmp_path], PLAN)).total == 4
    file = tmp_path / "extension-m0" / RECORD
    file.write_text(json.dumps(json.loads(file.read_bytes()) | damaged))
    assert extensions_in([tmp_path], PLAN) == []


def test_the_latest_budget_counts(tmp_path: Path) -> None:
    one, two = write(tmp_path, [([10], set()), ([11], {0})])
    for each, tasks in ((one, 5), (two, 9)):
        limited = replace(each, limits={"budget": {"tasks": tasks}})
        (tmp_path / each.name / RECORD).write_bytes(limited.encode())
    assert extended(PLAN, extensions_in([tmp_path], PLAN)).budget == {"tasks": 9}
