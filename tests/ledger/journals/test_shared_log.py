"""Claims in a store that refuses a second create: one order, found by every reader."""

import errno
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.ledger import Claim, Ledger, Plan, open_ledger
from colabctl.ledger.journals.journal import Read
from colabctl.ledger.journals.logged import LoggedJournals
from colabctl.ledger.journals.shared_log import (
    PER_FOLDER,
    Entry,
    Position,
    SharedLog,
    entries_in,
    name_of,
)
from colabctl.ledger.opening import open_journals
from colabctl.sharedfs.mounts import Guard, guard_for

LEASE = 60.0
PLAN = Plan(
    sweep="s", total=40, kind="loop", method="grid", consistency="created", heartbeat=10.0,
    lease=LEASE, declared_by="ana", declared_at=0.0,
)  # fmt: skip


class Memory:
    """A store in memory; `between` is called before each create, `after` after it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.reads: list[str] = []
        self.between: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def names(self, after: str) -> Sequence[str]:
        return sorted(name for name in self.objects if name > after)

    def read(self, names: Sequence[str]) -> Sequence[bytes]:
        self.reads += names
        return [self.objects[name] for name in names]

    def create(self, name: str, data: bytes) -> bool:
        between, self.between = self.between, lambda: None
        between()
        if name in self.objects:
            return False
        self.objects[name] = data
        after, self.after = self.after, lambda: None
        after()
        return True


class Group:
    """Workers, each with a mirror of its own, and their one store."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.now = folder, Memory(), 1.7e9

    def journals(self, name: str) -> LoggedJournals:
        folder = self.folder / name / "journal"
        folder.mkdir(parents=True, exist_ok=True)
        journals = open_journals(folder, PLAN)
        assert isinstance(journals, LoggedJournals)
        journals.log = Position(lambda: self.now)
        return journals

    def worker(self, name: str) -> Ledger:
        journals = self.journals(name)
        log = SharedLog(self.store, journals, lambda _seconds: None, random.Random(0))
        ledger = Ledger(journals, PLAN, lambda: self.now, shared=log)
        ledger.join(name)
        start = {"member": name, "host": "vm", "pid": 1, "jobs": 1, "lease": LEASE}
        ledger.record([("start", start)])
        return ledger

    def claim(self, ledger: Ledger, count: int = 1) -> set[int]:
        claims: list[Claim] = ledger.claim(
            lambda _: count, lock=nullcontext(), rng=random.Random(ledger.name)
        )
        return {index for index, _ in claims}


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return Group(tmp_path)


def done(ledger: Ledger, index: int) -> None:
    ledger.record([("done", {"task": index, "attempt": 1, "seconds": 1.0, "metrics": {}})])


def test_a_worker_that_was_slower_reads_the_faster_claim_and_chooses_again(group: Group) -> None:
    slow, fast = group.worker("slow"), group.worker("fast")
    won: list[set[int]] = []
    group.store.between = lambda: won.append(group.claim(fast, 39))
    assert group.claim(slow, 40) == set(range(40)) - won[0]
    assert list(group.store.objects) == [name_of(0), name_of(1)]


def test_a_claim_whose_answer_was_lost_counts_if_the_client_asked_again(group: Group) -> None:
    ledger = group.worker("ana")
    create = group.store.create
    group.store.create = lambda name, data: create(name, data) and create(name, data)  # type: ignore[method-assign]
    assert len(group.claim(ledger, 3)) == 3
    assert len(group.store.objects) == 1


def test_a_claim_of_unknown_fate_is_given_back_and_blocks_nobody(group: Group) -> None:
    def fail() -> None:
        raise OSError(errno.ECONNRESET, "connection reset")

    ana, ben = group.worker("ana"), group.worker("ben")
    group.store.after = fail
    with pytest.raises(OSError, match="connection reset"):
        group.claim(ana, 40)
    assert group.claim(ben, 40) == set()  # the entry is there, so the tasks are ana's
    ana.refresh(shared=True)
    held = ana.state.held.get("ana", set())
    assert not held  # she released them
    ana.leave([("heartbeat", {})])
    assert len(group.claim(ana, 1)) == 1
    assert len(group.claim(ben, 40)) == 39


def test_a_lease_is_renewed_by_entries_only_and_lapses_after_a_silence(group: Group) -> None:
    ana, ben = group.worker("ana"), group.worker("ben")
    mine = group.claim(ana, 40)
    for _ in range(10):
        group.now += LEASE / 2
        ana.record([("heartbeat", {})])
        assert group.claim(ben, 40) == set()
    group.now += LEASE - 1
    assert group.claim(ben, 40) == set()
    group.now += 1
    assert group.claim(ben, 40) == mine


def test_a_wrong_date_takes_no_task_from_a_worker_that_lives(group: Group) -> None:
    ana = group.worker("ana")
    group.now -= 3000.0  # her clock is behind that of the others
    mine = group.claim(ana, 40)
    group.now += 3000.0
    ben = group.worker("ben")
    assert group.claim(ben, 40) == set()
    assert mine == set(range(40))


def test_the_end_of_the_last_task_is_in_the_log_although_no_journal_arrived(group: Group) -> None:
    ana, ben = group.worker("ana"), group.worker("ben")
    for index in group.claim(ana, 2):
        done(ana, index)
    group.now += 10 * LEASE
    assert len(group.claim(ben, 40)) == 38
    assert ben.state.counts["done"] == 2


def test_a_reader_without_the_store_sees_what_its_mirror_has(group: Group) -> None:
    ana = group.worker("ana")
    first = group.claim(ana, 2)
    group.claim(ana, 2)
    (group.folder / "ana" / "claims" / name_of(1)).unlink()
    reader = open_ledger(group.folder / "ana" / "journal", PLAN)
    reader.refresh()
    assert reader.state.held["ana"] == first
    assert not reader.can_claim
    assert not reader.damage


def test_a_half_downloaded_entry_waits_and_a_damaged_one_is_passed_over(group: Group) -> None:
    ana = group.worker("ana")
    group.claim(ana, 2)
    second = group.claim(ana, 2)
    files = [group.folder / "ana" / "claims" / name_of(n) for n in range(2)]
    whole = files[0].read_bytes()
    files[0].write_bytes(whole[:-5])
    journals = group.journals("ana")
    assert [event.kind for event, _ in journals.new_events("")] == ["start"]
    files[0].write_bytes(b"not json\n")
    claims = [event for event, _ in journals.new_events("") if event.kind == "claim"]
    assert {index for event in claims for index in event.tasks()} == second
    assert "does not start with the number" in str(journals.damage[0])


def test_a_newcomer_reads_one_object_for_many_entries(group: Group) -> None:
    ana = group.worker("ana")
    group.claim(ana, 1)
    for _ in range(PER_FOLDER + 4):
        group.now += 20
        ana.record([("heartbeat", {})])
    ben = group.worker("ben")
    group.store.reads.clear()
    assert len(group.claim(ben, 40)) == 39
    assert len(group.store.reads) < 10
    assert group.store.reads[0].endswith("all.jsonl")


def test_a_reader_continues_where_the_cache_ended(group: Group) -> None:
    ana = group.worker("ana")
    group.claim(ana, 2)
    before = group.journals("ana")
    read = list(before.new_events(""))
    group.claim(ana, 1)
    after = group.journals("ana")
    assert after.resume(before.position())
    more = [event.kind for event, _ in after.new_events("")]
    assert more == ["claim"]
    assert len(read) == 2


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_log_reads_the_same_in_any_pieces(data: st.DataObject) -> None:
    total = PLAN.total
    count = data.draw(st.integers(1, 12))
    store, position = Memory(), Position()
    names = [data.draw(st.sampled_from(["a", "b", "c"])) for _ in range(count)]
    numbers = dict.fromkeys("abc", 0)
    for writer in names:
        line = b'{"n":%d,"t":1700000000.0,"event":"claim","tasks":[[%d,1]]}\n'
        index = data.draw(st.integers(0, total - 1))
        log = SharedLog(store, _Copies(total, position))
        assert log.add(writer, line % (numbers[writer], index))
        numbers[writer] += 1
    joined = b"".join(store.objects[name_of(n)] for n in range(count))
    apart = [
        entry for n in range(count) for entry in entries_in(store.objects[name_of(n)], n, total)
    ]
    assert list(entries_in(joined, 0, total)) == apart
    start = data.draw(st.integers(0, count))
    assert list(entries_in(joined, start, total)) == apart[start:]
    assert [entry.writer for entry in apart] == names
    assert not any(entry.fault for entry in apart)


class _Copies:
    def __init__(self, total: int, log: Position) -> None:
        self.total, self.log = total, log

    def take(self, entry: Entry, skip: str) -> Iterator[Read]:
        return self.log.take(entry, skip, lambda _event: True)

    def keep(self, name: str, data: bytes) -> None:
        """Do nothing."""


@given(st.binary(max_size=400))
def test_no_bytes_break_a_reader(data: bytes) -> None:
    for entry in entries_in(data + b"\n", 3, PLAN.total):
        assert entry.number >= 3


def test_created_needs_a_store_that_was_probed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not the mirror of one"):
        guard_for(tmp_path, "created")
    lies = Guard("eventual", "this store took a second file")
    with pytest.raises(UserError, match="this store took a second file"):
        guard_for(tmp_path, "created", stored=lies)
    good = Guard("created", "this store refuses to create a file twice")
    assert guard_for(tmp_path, "auto", stored=good) == good
    assert guard_for(tmp_path, "created", stored=good) == good
    assert guard_for(tmp_path, "auto", stored=lies) == lies
