"""The cache of what was read: it saves reading, and never changes what is read."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colabctl.ledger.journals.events import Event
from colabctl.ledger.opening import open_ledger
from tests.ledger.cached import (
    NOW,
    Consistency,
    Sweep,
    done,
    filled,
    is_used,
    start,
    sweep_in_memory,
)
from tests.ledger.histories import histories

pytestmark = pytest.mark.usefixtures("small_sweeps_are_cached_too")

_n = itemgetter(2)
BOTH = pytest.mark.parametrize("consistency", ["coherent", "eventual"])


def until_the_end(history: list[Event]) -> list[Event]:
    """Return the events without those that a writer adds after its end, as none does."""
    ends = {e.writer: e.n for e in sorted(history, reverse=True, key=_n) if e.kind == "end"}
    return [event for event in history if event.n <= ends.get(event.writer, event.n)]


def numbered(history: list[Event]) -> list[Event]:
    """Return the events with an order of arrival that an appended journal can have."""
    return sorted(history, key=_n)


@BOTH
@settings(max_examples=40)
@given(histories(), st.data())
def test_a_command_with_the_cache_sees_what_a_command_without_it_sees(
    consistency: Consistency, history: list[Event], data: st.DataObject
) -> None:
    with sweep_in_memory(consistency) as sweep:
        if consistency == "coherent":
            order = numbered(history)
        else:
            order = until_the_end(history)
            data.draw(st.randoms(use_true_random=False)).shuffle(order)
        for event in order:
            sweep.arrive(event)
            if data.draw(st.booleans()):
                sweep.check()
        sweep.check()
        assert sweep.file.exists()


@BOTH
@settings(max_examples=40)
@given(histories(), st.data())
def test_damage_to_the_cache_changes_nothing(
    consistency: Consistency, history: list[Event], data: st.DataObject
) -> None:
    with sweep_in_memory(consistency) as sweep:
        for event in numbered(history):
            sweep.arrive(event)
        sweep.read(sweep.cache())
        whole = sweep.file.read_bytes()
        damaged = bytearray(whole)
        where = data.draw(st.integers(0, len(whole) - 1))
        damaged[where] ^= data.draw(st.integers(1, 255))
        short = whole[: data.draw(st.integers(0, len(whole) - 1))]
        for content in (bytes(damaged), short, b"", whole + b"x", os.urandom(100)):
            sweep.file.write_bytes(content)
            assert not sweep.cache().load(sweep.read()._new_state(), sweep.read()._journals)
            sweep.check()


def test_only_new_lines_are_read(coherent: Sweep) -> None:
    coherent.arrive(done("ana", 2, 2))
    opened = open_ledger(coherent.journals, coherent.plan, lambda: NOW, coherent.cache())
    assert opened.state.finished == 2
    assert opened.refresh() == 1
    assert opened.state.finished == 3


_OPENED: list[str] | None = None


def _note_open(event: str, arguments: tuple[Any, ...]) -> None:
    if _OPENED is not None and event == "open":
        _OPENED.append(str(arguments[0]))


sys.addaudithook(_note_open)


@contextmanager
def opened_files() -> Iterator[list[str]]:
    """Collect the paths of the files that this process opens."""
    global _OPENED  # noqa: PLW0603 - an audit hook cannot be removed
    _OPENED = []
    try:
        yield _OPENED
    finally:
        _OPENED = None


@BOTH
def test_the_second_command_opens_no_file_that_was_read(
    tmp_path: Path, consistency: Consistency
) -> None:
    sweep = filled(Sweep(tmp_path, consistency))
    cache = sweep.cache()
    with opened_files() as opened:
        again = sweep.read(cache)
    assert again.state.finished == 2
    assert [path for path in opened if "/journal/" in path] == []
    sweep.arrive(done("ben", 2, 2))
    with opened_files() as opened:
        again = sweep.read(cache)
    assert again.state.finished == 3
    assert all("/ana/" not in path for path in opened)


def test_the_folders_of_a_writer_that_has_ended_are_not_listed_again(
    eventual: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    eventual.arrive(Event(2e9 + 5, "ana", 2, "end", {"reason": "no tasks left"}))
    eventual.read(eventual.cache())
    listed: list[str] = []
    listdir = os.listdir

    def listing(path: Path) -> list[str]:
        listed.append(Path(path).name)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", listing)
    eventual.read(eventual.cache())
    assert "ben" in listed
    assert "ana" not in listed


def test_a_journal_that_is_shorter_or_has_other_bytes_is_read_from_the_start(
    coherent: Sweep,
) -> None:
    file = coherent.journals / "ana" / "events.jsonl"
    whole = file.read_bytes()
    changed = whole.replace(b"0.5", b"0.7")
    for content in (whole[:-10], changed, changed + whole, whole[:20], b"", changed + b"\n"):
        file.write_bytes(content)
        os.utime(file, ns=(1, file.stat().st_mtime_ns + 1_000_000))
        assert not is_used(coherent)
        coherent.check()
        file.write_bytes(whole)
        coherent.read(coherent.cache())


def test_a_change_in_the_middle_is_noticed_by_the_date_of_the_file(coherent: Sweep) -> None:
    file = coherent.journals / "ana" / "events.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[0] = b"x" * (len(lines[0]) - 1) + b"\n"
    file.write_bytes(b"".join(lines))
    os.utime(file, ns=(1, file.stat().st_mtime_ns + 1_000_000))
    coherent.check()
    assert coherent.read(coherent.cache()).damage


def test_a_change_far_before_new_lines_is_noticed(coherent: Sweep) -> None:
    long = {"task": 3, "attempt": 1, "metrics": {"text": "x" * 100_000}}
    coherent.arrive(Event(2e9 + 6, "ana", 2, "done", long))
    coherent.read(coherent.cache())
    file = coherent.journals / "ana" / "events.jsonl"
    file.write_bytes(file.read_bytes().replace(b"0.5", b"0.7", 1))
    coherent.arrive(done("ana", 3, 4))
    assert not is_used(coherent)
    coherent.check()


def test_damage_is_named_again_by_the_next_command(coherent: Sweep) -> None:
    with (coherent.journals / "ana" / "events.jsonl").open("ab") as file:
        file.write(b"no json\n" * 3)
    coherent.arrive(done("ana", 2, 2))
    first = coherent.read(coherent.cache())
    assert is_used(coherent)
    again = coherent.read(coherent.cache())
    assert again.damage == first.damage != []


def test_an_error_that_has_gone_is_not_named_again(coherent: Sweep) -> None:
    folder = coherent.journals / "eve"
    (folder / "events.jsonl").mkdir(parents=True)
    coherent.arrive(done("ana", 2, 2))
    assert coherent.read(coherent.cache()).damage
    (folder / "events.jsonl").rmdir()
    coherent.arrive(start("eve"))
    assert is_used(coherent)
    assert coherent.read(coherent.cache()).damage == []


@pytest.mark.parametrize("journal", ["ana", "ben"])
@BOTH
def test_journals_that_have_gone_are_not_counted(
    tmp_path: Path, consistency: Consistency, journal: str
) -> None:
    sweep = filled(Sweep(tmp_path, consistency))
    (sweep.journals / journal).rename(tmp_path / "elsewhere")
    assert not is_used(sweep)
    assert sweep.read(sweep.cache()).state.finished == 1


def test_another_plan_has_another_state(coherent: Sweep) -> None:
    other = replace(coherent.plan, target=None)
    assert is_used(coherent)
    assert not is_used(coherent, other)
    assert coherent.read(coherent.cache(other), other).state.order == "go"


def test_what_a_process_wrote_itself_is_not_counted_twice(coherent: Sweep) -> None:
    opened = open_ledger(coherent.journals, coherent.plan, lambda: NOW, coherent.cache())
    opened.join("eve")
    opened.record([("start", dict(start("eve").body)), ("done", dict(done("eve", 1, 3).body))])
    opened.refresh()
    opened.close()
    coherent.check()
    assert coherent.read(coherent.cache()).state.duplicates == 0
