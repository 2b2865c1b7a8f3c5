"""Journals of one growing file each."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.ledger.journals.appended import AppendedJournals, AppendedStore
from colabctl.ledger.journals.clock import Clock
from colabctl.ledger.journals.events import LONGEST_LINE, Event
from colabctl.ledger.journals.journal import MOST_DAMAGE, JournalWriter
from colabctl.ledger.sweep_state import SweepState
from colabctl.sharedfs.faults import fault_of

NOW = 1.7e9


@pytest.fixture
def journals(tmp_path: Path) -> AppendedJournals:
    return AppendedJournals(tmp_path, total=10)


def writer(journals: AppendedJournals, name: str) -> JournalWriter:
    return JournalWriter(name, journals.create(name), Clock(lambda: NOW))


def write(journals: AppendedJournals, name: str, *kinds: str) -> list[Event]:
    journal = writer(journals, name)
    dated = [event for event, _ in journal.append([(kind, {}) for kind in kinds])]
    journal.flush()
    return dated


def new(journals: AppendedJournals, skip: str = "") -> list[Event]:
    return [event for event, _ in journals.new_events(skip)]


def kinds(events: list[Event]) -> list[tuple[str, int, str]]:
    return [(event.writer, event.n, event.kind) for event in events]


def test_an_event_is_read_once_with_its_writer_and_number(
    journals: AppendedJournals,
) -> None:
    write(journals, "ana", "heartbeat", "pause")
    assert kinds(new(journals)) == [("ana", 0, "heartbeat"), ("ana", 1, "pause")]
    assert new(journals) == []


def test_the_skipped_journal_is_not_read(journals: AppendedJournals) -> None:
    write(journals, "ana", "heartbeat")
    assert new(journals, skip="ana") == []


def test_a_line_without_its_newline_has_not_arrived_yet(
    journals: AppendedJournals, tmp_path: Path
) -> None:
    write(journals, "ana", "heartbeat", "pause")
    file = tmp_path / "ana" / "events.jsonl"
    content = file.read_bytes()
    file.write_bytes(content[:-5])
    assert kinds(new(journals)) == [("ana", 0, "heartbeat")]
    file.write_bytes(content)
    assert kinds(new(journals)) == [("ana", 1, "pause")]


def test_a_damaged_line_is_named_with_its_file_and_the_other_lines_count(
    journals: AppendedJournals, tmp_path: Path
) -> None:
    write(journals, "ana", "heartbeat", "heartbeat", "pause")
    file = tmp_path / "ana" / "events.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[1] = b'{"n":1,"t":17\0\0\0\n'
    file.write_bytes(b"".join(lines))
    assert kinds(new(journals)) == [("ana", 0, "heartbeat"), ("ana", 2, "pause")]
    assert journals.damage[0][:2] == (file, 2)
    assert "is damaged" in str(journals.damage[0])


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "7",
        '{"n":0}',
        '{"n":0,"t":1e300,"event":"pause"}',
        '{"n":0,"t":1.7e9,"event":"explode"}',
        '{"n":0,"t":1.7e9,"event":"done","task":1000000,"attempt":1}',
        '{"n":0,"t":1.7e9,"event":"done","task":1,"attempt":1,"seconds":"long"}',
        '{"n":0,"t":1.7e9,"event":"done","task":1,"attempt":1,"metrics":[]}',
        '{"n":0,"t":1.7e9,"event":"claim","tasks":[[1]]}',
        '{"n":0,"t":1.7e9,"event":"claim","tasks":{}}',
        '{"n":0,"t":1.7e9,"event":"claim","tasks":[[1,1],[1,1]]}',
        '{"n":0,"t":1.7e9,"event":"claim","tasks":[[1,1]],"after":{"ana":"1"}}',
        '{"n":0,"t":1.7e9,"event":"pause","after":[]}',
        '{"n":0,"t":1.7e9,"event":"retry","tasks":[1],"worker":7}',
        '{"n":0,"t":1.7e9,"event":"done","task":1,"attempt":1,"seconds":1' + "0" * 400 + "}",
        '{"n":0,"t":1.7e9,"event":"released","tasks":[-1]}',
        '{"n":0,"t":1.7e9,"event":"start","member":"a","host":"b","lease":-1}',
        '{"n":0,"t":1.7e9,"event":"start","member":5,"host":"b","lease":1}',
        "[" * 5000,
        '{"n":0,"t":1.7e9,"event":"pause"},{"n":1,"t":1.7e9,"event":"pause"}',
    ],
)
def test_a_line_that_is_not_an_event_is_damage_and_never_a_crash(
    journals: AppendedJournals, tmp_path: Path, line: str
) -> None:
    (tmp_path / "eve").mkdir()
    (tmp_path / "eve" / "events.jsonl").write_text(line + "\n")
    assert new(journals) == []
    assert len(journals.damage) == 1


@pytest.mark.parametrize("line", [b"", b"{}", b"{x"])
def test_a_journal_of_nothing_but_damage_is_named_once_and_left_in_the_middle(
    journals: AppendedJournals, tmp_path: Path, line: bytes
) -> None:
    write(journals, "ana", "heartbeat")
    file = tmp_path / "eve" / "events.jsonl"
    file.parent.mkdir()
    file.write_bytes((line + b"\n") * 3 * MOST_DAMAGE)
    assert kinds(new(journals)) == [("ana", 0, "heartbeat")]
    [damage] = journals.damage
    assert damage[:2] == (file, 1)
    assert str(damage).endswith("and so are 9,999 more; the rest of the file is not read")
    with file.open("ab") as stream:
        stream.write(line + b"\n")
    assert new(journals) == []
    assert journals.damage == [damage]


def test_a_line_that_is_longer_than_any_event_ends_its_journal(
    journals: AppendedJournals, tmp_path: Path
) -> None:
    write(journals, "ana", "heartbeat")
    file = tmp_path / "ana" / "events.jsonl"
    with file.open("ab") as stream:
        stream.write(b"x" * (LONGEST_LINE + 1))
    for _ in range(2):
        new(journals)
        assert "line 2 is damaged (longer than 64 MB" in str(*journals.damage)


def test_metrics_that_no_reader_would_take_fail_their_task(journals: AppendedJournals) -> None:
    journal = writer(journals, "ana")
    metrics = {"text": "x" * LONGEST_LINE}
    journal.append([("done", {"task": 1, "attempt": 2, "seconds": 0.5, "metrics": metrics})])
    journal.flush()
    [event] = new(journals)
    assert (event.kind, event.outcome.attempt) == ("failed", 2)
    assert event.outcome.error.startswith("its metrics take more than 64 MB")


@pytest.mark.parametrize("name", ["x\nall tasks are done", "\x1b[2J", "a\u202eb", ".hidden", "-rf"])
def test_a_journal_whose_name_cannot_be_a_writers_is_not_read(
    journals: AppendedJournals, name: str
) -> None:
    write(journals, name, "heartbeat")
    assert new(journals) == []


def test_lines_that_are_events_only_together_are_damage(
    journals: AppendedJournals, tmp_path: Path
) -> None:
    done = '{"n":0,"t":1.7e9,"event":"done","task":1,"attempt":1}'
    (tmp_path / "eve").mkdir()
    lines = ['{"x":[{}', f"{done}]}}", f"{done},{done}"]
    (tmp_path / "eve" / "events.jsonl").write_text("\n".join(lines) + "\n")
    assert new(journals) == []
    assert journals.damage[0].total == 3


@pytest.mark.parametrize("end", ["\r", " "])
def test_a_line_may_have_space_around_it(
    journals: AppendedJournals, tmp_path: Path, end: str
) -> None:
    (tmp_path / "eve").mkdir()
    line = f' {{"n":0,"t":1.7e9,"event":"done","task":1,"attempt":1,"metrics":{{"x":2}}}}{end}\n'
    (tmp_path / "eve" / "events.jsonl").write_text(line, newline="")
    state = SweepState(10, 0, 60.0)
    state.read(journals.new_events(skip=""))
    assert state.tasks[1].outcome.metrics == {"x": 2}


def test_of_an_event_about_tasks_of_a_later_extension_the_known_tasks_are_read(
    journals: AppendedJournals, tmp_path: Path
) -> None:
    lines = [
        '{"n":0,"t":1.7e9,"event":"claim","tasks":[[1,1],[1000,1]]}',
        '{"n":1,"t":1.7e9,"event":"done","task":1000,"attempt":1,"metrics":{}}',
        '{"n":2,"t":1.7e9,"event":"released","tasks":[1,1000]}',
    ]
    (tmp_path / "eve").mkdir()
    (tmp_path / "eve" / "events.jsonl").write_text("\n".join(lines) + "\n")
    assert [event.body for event in new(journals)] == [{"tasks": [[1, 1]]}, {"tasks": [1]}]
    assert journals.damage == []


def test_a_journal_without_its_file_yet_is_empty(
    journals: AppendedJournals, tmp_path: Path
) -> None:
    (tmp_path / "ana").mkdir()
    assert new(journals) == []


class Full(AppendedStore):
    """A store on a disk with `room` bytes left."""

    room = 0

    def write(self, lines: bytes) -> int:
        if len(lines) <= self.room:
            return super().write(lines)
        # The system writes what fits, and the caller gets only the error.
        self._folder.mkdir(exist_ok=True)
        with self._file.open("ab") as file:
            arrived = file.tell() - self.position
            file.write(lines[arrived : arrived + self.room])
        self.room = 0
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("room", [0, 1, 40, 60, 75])
def test_after_a_full_disk_the_journal_continues_without_a_gap(
    journals: AppendedJournals, tmp_path: Path, room: int
) -> None:
    store = Full(tmp_path / "ana")
    store.room = room
    journal = JournalWriter("ana", store, Clock(lambda: NOW))
    journal.append([("heartbeat", {}), ("pause", {})])
    with pytest.raises(OSError, match="No space"):
        journal.flush()
    new(journals)
    store.room = 10_000
    journal.append([("resume", {})])
    journal.flush()
    fresh = AppendedJournals(tmp_path, total=10)
    assert [event.kind for event in new(fresh)] == ["heartbeat", "pause", "resume"]
    assert fresh.damage == []


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of a file's size")
@given(room=st.integers(0, 200))
def test_what_did_not_fit_on_a_full_disk_starts_with_a_whole_event(room: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = AppendedStore(Path(folder, "ana"))
        journal = JournalWriter("ana", store, Clock(lambda: NOW))
        journal.append([("heartbeat", {}), ("pause", {}), ("resume", {})])
        lines = journal.due
        with files_of_at_most(room):
            if room < len(lines):
                with pytest.raises(OSError, match="File too large"):
                    journal.flush()
            else:
                journal.flush()
        assert lines == lines[: journal.position] + journal.due
        assert [json.loads(line)["n"] for line in journal.due.splitlines()] == list(
            range(lines[: journal.position].count(b"\n"), 3)
        )
        again = AppendedStore(Path(folder, "ana"), journal.position)
        while journal.due:
            journal.due = journal.due[again.write(journal.due) :]
        assert Path(folder, "ana", "events.jsonl").read_bytes() == lines


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow above `size` bytes, so that the system takes part of a write."""
    import resource  # noqa: PLC0415 - Windows has none

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_folder_of_journals_that_someone_deleted_is_not_waited_for(tmp_path: Path) -> None:
    journals = AppendedJournals(tmp_path / "journal", total=10)
    with pytest.raises(OSError, match="is missing; it holds the results") as deleted:
        new(journals)
    assert fault_of(deleted.value) == "lasting"


def test_a_sweep_that_is_out_of_sight_may_come_back(tmp_path: Path) -> None:
    journals = AppendedJournals(tmp_path / "sweep" / "journal", total=10)
    with pytest.raises(FileNotFoundError) as unseen:
        new(journals)
    assert fault_of(unseen.value) == "passing"


def test_a_writer_never_touches_the_journal_of_another(
    journals: AppendedJournals, tmp_path: Path
) -> None:
    write(journals, "ana", "heartbeat")
    before = (tmp_path / "ana" / "events.jsonl").read_bytes()
    write(journals, "ben", "heartbeat")
    assert (tmp_path / "ana" / "events.jsonl").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ana", "ben"]


def test_infinity_and_odd_text_come_back_unchanged(
    journals: AppendedJournals,
) -> None:
    metrics: dict[str, Any] = {"loss": float("inf"), "name": 'é"\n'}
    journal = writer(journals, "ana")
    journal.append([("done", {"task": 1, "attempt": 1, "seconds": 0.5, "metrics": metrics})])
    journal.flush()
    assert new(journals)[0].body["metrics"] == metrics
