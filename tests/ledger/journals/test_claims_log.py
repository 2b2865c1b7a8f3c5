"""Claims on a coherent folder: under the lock, the log of claims is enough, and it can be lost."""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from colabctl.ledger import Claim, Ledger, Plan
from colabctl.ledger.opening import open_ledger
from colabctl.sharedfs.locks import locked

TOTAL, LEASE = 60, 60.0
PLAN = Plan(
    sweep="s", total=TOTAL, kind="loop", method="grid", consistency="coherent", heartbeat=10.0,
    lease=LEASE, declared_by="ana", declared_at=0.0,
)  # fmt: skip
_opened: list[str] = []  # what this process opens or lists under the lock
_is_locked = False


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _is_locked and event in ("open", "os.scandir"):
        _opened.append(str(arguments[0]))


@contextmanager
def watched(lock: Path) -> Iterator[int]:
    """Hold the lock, and note in `_opened` what is opened meanwhile."""
    global _is_locked  # noqa: PLW0603 - an audit hook stays until Python ends
    with locked(lock) as handle:
        _opened.clear()
        _is_locked = True
        try:
            yield handle
        finally:
            _is_locked = False


class Group:
    """Workers of one sweep, in this process, with one clock."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, 1.7e9
        self.log = folder / "claims.lock"
        (folder / "journal").mkdir()

    def worker(self, name: str) -> Ledger:
        ledger = open_ledger(self.folder / "journal", PLAN, lambda: self.now)
        ledger.join(name)
        start = {"member": name, "host": "vm", "pid": 1, "jobs": 1, "lease": LEASE}
        ledger.record([("start", start)])
        return ledger

    def claim(self, ledger: Ledger, count: int = 1) -> list[int]:
        """Claim without reading the journals before."""
        lock = watched(self.log)
        claims: list[Claim] = ledger.claim(lambda _: count, lock=lock, rng=random.Random(0))
        return [index for index, _ in claims]


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return Group(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def _audit() -> None:
    sys.addaudithook(_watch)


@pytest.mark.parametrize("others", [1, 30])
def test_a_claim_opens_only_its_own_journal_however_many_workers_live(
    group: Group, others: int
) -> None:
    me = group.worker("me")
    group.claim(me)  # the first claim of a worker reads everything
    rivals = [group.worker(f"rival{number}") for number in range(others)]
    taken = [index for rival in rivals for index in group.claim(rival)]
    mine = group.claim(me)
    assert len(mine) == 1
    assert not set(mine) & set(taken)
    assert set(_opened) == {str(group.folder / "journal/me/events.jsonl")}


def test_a_journal_is_read_before_the_task_of_its_silent_writer_is_taken_over(group: Group) -> None:
    ana, ben = group.worker("ana"), group.worker("ben")
    assert len(group.claim(ana, TOTAL)) == TOTAL
    ben.refresh()
    group.now += LEASE - 1
    ana.record([("heartbeat", {})])
    group.now += 2
    assert group.claim(ben) == []
    group.now += LEASE
    assert len(group.claim(ben)) == 1


def _torn(log: Path) -> None:
    with log.open("ab") as file:
        file.write(b'{"writer":"cid","n":1,"tas')


def _absent(log: Path) -> None:
    log.unlink()


def _empty(log: Path) -> None:
    log.write_bytes(b"")


def _shorter(log: Path) -> None:
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[1:]))


def _replaced(log: Path) -> None:
    log.write_bytes(b'{"writer":"dan","n":1,"tasks":[0]}\n' * 50)


def _garbage(log: Path) -> None:
    with log.open("ab") as file:
        file.write(
            b'\xff\x00\n[]\n{"writer":1}\n{"writer":"x","n":1,"tasks":7}\n' + b"[" * 9000 + b"\n"
        )


@pytest.mark.parametrize("damage", [_torn, _absent, _empty, _shorter, _replaced, _garbage])
def test_no_task_is_claimed_twice_with_a_damaged_log(
    group: Group, damage: Callable[[Path], None]
) -> None:
    workers = [group.worker(name) for name in ("ana", "ben", "cid")]
    claimed: list[int] = []
    for turn in range(TOTAL):
        claimed += group.claim(workers[turn % 3])
        if turn % 7 == 5:
            damage(group.log)
    assert sorted(claimed) == list(range(TOTAL))


def test_a_log_that_was_damaged_is_used_again(group: Group) -> None:
    ana, ben = group.worker("ana"), group.worker("ben")
    group.claim(ana)
    group.claim(ben)
    _torn(group.log)
    for worker in (ana, ben, ana):
        group.claim(worker)
    assert set(_opened) == {str(group.folder / "journal/ana/events.jsonl")}


def test_tasks_that_only_the_log_says_are_claimed_are_free_after_a_lease(group: Group) -> None:
    ana = group.worker("ana")
    group.claim(ana)
    with group.log.open("a") as file:
        file.write(f'{{"writer":"nobody","n":1,"tasks":{list(range(TOTAL))}}}\n')
    assert group.claim(ana, TOTAL) == []
    group.now += LEASE - 1
    ana.record([("heartbeat", {})])
    group.now += 2
    assert len(group.claim(ana, TOTAL)) == TOTAL - 1


def test_a_task_that_another_worker_released_can_be_claimed_once_its_journal_was_read(
    group: Group,
) -> None:
    ana, ben = group.worker("ana"), group.worker("ben")
    group.claim(ben)
    tasks = group.claim(ana, TOTAL)
    assert group.claim(ben, TOTAL) == []
    ana.record([("released", {"tasks": tasks})])
    ben.refresh()
    assert sorted(group.claim(ben, TOTAL)) == sorted(tasks)


def test_a_claim_that_cannot_be_logged_is_released(group: Group) -> None:
    ana, ben = group.worker("ana"), group.worker("ben")
    group.log.touch()

    @contextmanager
    def unwritable() -> Iterator[int]:
        with locked(group.log), group.log.open("rb") as file:
            yield file.fileno()

    with pytest.raises(OSError, match="Bad file descriptor"):
        ana.claim(lambda _: 5, lock=unwritable(), rng=random.Random(0))
    ana.record([])
    ben.refresh()
    assert len(ben.state.open) == TOTAL
