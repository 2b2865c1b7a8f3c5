"""Journals of small files written once."""

import errno
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colabctl.ledger.journals.clock import Clock
from colabctl.ledger.journals.journal import JournalWriter
from colabctl.ledger.journals.numbered import NumberedJournals, NumberedStore
from tests.ledger.cached import MEMORY

NOW = 1.7e9


def mounted() -> None:
    """Do nothing, as for a mount that is there."""


def journals(folder: Path) -> NumberedJournals:
    return NumberedJournals(folder, 10, mounted)


def writer(folder: Path, name: str = "ana") -> JournalWriter:
    return JournalWriter(name, NumberedStore(folder / name, mounted), Clock(lambda: NOW))


def flush(journal: JournalWriter, *kinds: str) -> None:
    journal.append([(kind, {}) for kind in kinds])
    journal.flush()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def numbers(reader: NumberedJournals) -> list[int]:
    return sorted(event.n for event, _ in reader.new_events(skip=""))


def test_each_flush_is_a_file_named_by_its_events(tmp_path: Path) -> None:
    journal = writer(tmp_path)
    flush(journal, "heartbeat")
    flush(journal, "heartbeat", "pause")
    assert [path.name for path in files(tmp_path)] == [
        "00000000-00000000.jsonl",
        "00000001-00000002.jsonl",
    ]
    assert numbers(journals(tmp_path)) == [0, 1, 2]


def test_a_written_file_is_never_changed(tmp_path: Path) -> None:
    journal = writer(tmp_path)
    before: dict[Path, bytes] = {}
    for _ in range(300):
        flush(journal, "heartbeat")
        after = {path: path.read_bytes() for path in files(tmp_path)[-3:]}
        assert all(after.get(path, data) == data for path, data in before.items())
        before = after
    journal.close()
    assert numbers(journals(tmp_path)) == list(range(300))


@given(st.integers(1, 400), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_files_that_arrive_in_any_order_give_every_event_once(
    count: int, rng: random.Random
) -> None:
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as source,
        tempfile.TemporaryDirectory(dir=MEMORY) as target,
    ):
        journal = writer(Path(source))
        for _ in range(count):
            flush(journal, "heartbeat")
        journal.close()
        reader = journals(Path(target))
        waiting = files(Path(source))
        rng.shuffle(waiting)
        read: list[int] = []
        while waiting:
            for path in waiting[:50]:
                copy = Path(target) / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                data = path.read_bytes()
                torn = rng.random() < 0.2
                copy.write_bytes(data[: rng.randrange(len(data))] if torn else data)
            read += numbers(reader)
            for path in waiting[:50]:
                (Path(target) / path.relative_to(source)).write_bytes(path.read_bytes())
            waiting = waiting[50:]
        for _ in range(8):
            read += numbers(reader)
        assert sorted(read) == list(range(count))
        assert reader.damage == []


def test_a_newcomer_reads_few_files_of_a_long_journal(tmp_path: Path) -> None:
    journal = writer(tmp_path)
    for _ in range(2000):
        flush(journal, "heartbeat")
    reader = journals(tmp_path)
    assert numbers(reader) == list(range(2000))
    assert reader.files_read <= 2000 // 256 + 15 + 15
    journal.close()
    later = journals(tmp_path)
    assert numbers(later) == list(range(2000))
    assert later.files_read == 1


def test_no_folder_holds_more_than_300_entries_and_files_are_few(tmp_path: Path) -> None:
    journal = writer(tmp_path)
    for _ in range(5000):
        flush(journal, "heartbeat")
    assert len(files(tmp_path)) <= 5000 * 1.07
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert max(len(list(folder.iterdir())) for folder in folders) <= 300


def test_a_newcomer_reads_few_files_of_six_workers_and_ten_thousand_tasks(tmp_path: Path) -> None:
    journals_of_six = [writer(tmp_path, f"w{number}") for number in range(6)]
    for task in range(10_000):
        flush(journals_of_six[task % 6], "heartbeat", "pause")  # as done and the next claim
    reader = journals(tmp_path)
    assert len(list(reader.new_events(skip=""))) == 20_000
    assert reader.files_read <= 250
    assert len(files(tmp_path)) <= 10_000 * 1.1
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert max(len(list(folder.iterdir())) for folder in folders) <= 300


def test_the_events_of_an_incomplete_file_have_not_arrived_yet(tmp_path: Path) -> None:
    flush(writer(tmp_path), "heartbeat", "pause")
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    reader = journals(tmp_path)
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        assert numbers(reader) == []
    file.write_bytes(whole)
    assert numbers(reader) == [0, 1]
    assert reader.damage == []


def test_a_gap_does_not_hold_back_later_events(tmp_path: Path) -> None:
    journal = writer(tmp_path)
    for _ in range(3):
        flush(journal, "heartbeat")
    lost = files(tmp_path)[1]
    content = lost.read_bytes()
    lost.unlink()
    reader = journals(tmp_path)
    assert numbers(reader) == [0, 2]
    lost.write_bytes(content)
    assert numbers(reader) == [1]


def test_a_damaged_file_is_reported_until_its_events_arrive(tmp_path: Path) -> None:
    flush(writer(tmp_path), "heartbeat", "pause")
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(b"x" * (len(whole) // 2) + b"\n" + b"y\n")
    reader = journals(tmp_path)
    assert numbers(reader) == []
    assert str(file) in str(reader.damage[0])
    file.write_bytes(whole)
    assert numbers(reader) == [0, 1]
    assert reader.damage == []


def test_conflict_copies_and_foreign_files_are_ignored(tmp_path: Path) -> None:
    flush(writer(tmp_path), "heartbeat")
    (file,) = files(tmp_path)
    (file.parent / "00000000-00000000 (1).jsonl").write_bytes(b"{}\n")
    (tmp_path / "desktop.ini").write_text("x")
    reader = journals(tmp_path)
    assert numbers(reader) == [0]
    assert reader.damage == []


class Sick(NumberedStore):
    """A store on a mount that fails in the middle of a file."""

    fails = 0

    def _write(self, flush: object) -> None:
        if self.fails:
            self.fails -= 1
            name = f"{flush.first:08d}-{flush.last:08d}"  # type: ignore[attr-defined]
            suffix = f"-{self._tries + 1}" if self._tries else ""
            (self._part / f"{name}{suffix}.jsonl").write_bytes(b'{"n":')
            self._tries += 1
            raise OSError(errno.EIO, "Input/output error")
        super()._write(flush)  # type: ignore[arg-type]


def test_after_a_failed_write_the_events_go_to_a_new_name(tmp_path: Path) -> None:
    store = Sick(tmp_path / "ana", mounted)
    journal = JournalWriter("ana", store, Clock(lambda: NOW))
    store.fails = 2
    journal.append([("heartbeat", {})])
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            journal.flush()
    flush(journal, "pause")
    reader = journals(tmp_path)
    assert numbers(reader) == [0, 1]
    assert reader.damage == []


def test_nothing_is_written_if_the_mount_is_gone(tmp_path: Path) -> None:
    def gone() -> None:
        raise OSError(errno.ENOTCONN, "is no longer mounted")

    journal = JournalWriter("ana", NumberedStore(tmp_path / "ana", gone), Clock(lambda: NOW))
    journal.append([("heartbeat", {})])
    with pytest.raises(OSError, match="no longer mounted"):
        journal.flush()
    assert files(tmp_path) == []


def test_a_folder_with_more_journals_that_arrives_later_is_read_too(tmp_path: Path) -> None:
    own, twin = tmp_path / "s" / "journal", tmp_path / "s (1)" / "journal"
    own.mkdir(parents=True)
    flush(writer(own), "heartbeat")
    found = [own]
    reader = NumberedJournals(own, 10, mounted, lambda: found, look_every=0.0)
    assert numbers(reader) == [0]
    twin.mkdir(parents=True)
    flush(writer(twin, "ben"), "heartbeat", "heartbeat")
    found.append(twin)
    arrived = [(event.writer, event.n) for event, _ in reader.new_events(skip="")]
    assert arrived == [("ben", 0), ("ben", 1)]


def test_the_events_of_a_writer_whose_journal_is_in_two_folders_count_once(tmp_path: Path) -> None:
    folders = [tmp_path / "s" / "journal", tmp_path / "s (1)" / "journal"]
    for folder, flushes in zip(folders, (1, 2), strict=True):
        folder.mkdir(parents=True)
        journal = writer(folder)
        for _ in range(flushes):
            flush(journal, "heartbeat")
    reader = NumberedJournals(folders[0], 10, mounted, lambda: folders)
    assert numbers(reader) == [0, 1]
