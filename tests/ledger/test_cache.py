"""The cache of what was read: it saves reading, and never changes what is read."""

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import colabctl.ledger.ledger
from colabctl.ledger.attempts import proposal_of, reports_of
from colabctl.ledger.events import Event, encode
from colabctl.ledger.ledger import Ledger, open_ledger
from colabctl.ledger.plan import Plan
from colabctl.ledger.state.cache import Cache, cache_of
from tests.ledger.conftest import MEMORY
from tests.ledger.histories import LEASE, TOTAL, histories

Consistency = Literal["coherent", "eventual"]
_n = itemgetter(2)
BOTH = pytest.mark.parametrize("consistency", ["coherent", "eventual"])
NOW = 2e9 + 100


@pytest.fixture(autouse=True)
def _small_sweeps_are_cached_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colabctl.ledger.ledger, "_FEW", 1)


def plan_of(consistency: Consistency, total: int = TOTAL, **parts: Any) -> Plan:
    return Plan(
        sweep="s", total=total, kind="loop", method="grid", consistency=consistency, heartbeat=10.0,
        lease=LEASE, declared_by="ana", declared_at=0.0, metric="loss",
        target=-1.0, **parts,
    )  # fmt: skip


class Sweep:
    """A sweep's journals in a folder, and a folder for caches beside it."""

    def __init__(self, place: Path, consistency: Consistency, total: int = TOTAL) -> None:
        self.plan = plan_of(consistency, total)
        self.journals = place / "journal"
        self.journals.mkdir()
        self.caches = place / "caches"
        self._next: dict[str, int] = {}

    def arrive(self, event: Event) -> None:
        """Write an event where its writer would, as the last of its file or as a file of its own."""
        line = encode(event.n, event.t, event.kind, event.body)
        folder = self.journals / event.writer
        if self.plan.consistency == "coherent":
            folder.mkdir(exist_ok=True)
            with (folder / "events.jsonl").open("ab") as file:
                file.write(line)
        else:
            part = folder / "00000000"
            part.mkdir(parents=True, exist_ok=True)
            (part / f"{event.n:08d}-{event.n:08d}.jsonl").write_bytes(line)

    def cache(self, plan: Plan | None = None) -> Cache:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLABCTL_CACHE", str(self.caches))
            cache = cache_of(self.journals, plan or self.plan)
        assert cache is not None
        return cache

    @property
    def file(self) -> Path:
        return self.cache().folder / self.cache().name

    def read(self, cache: Cache | None = None, plan: Plan | None = None) -> Ledger:
        """Read everything, as a new command does."""
        opened = open_ledger(self.journals, plan or self.plan, lambda: NOW, cache)
        opened.refresh()
        return opened

    def check(self) -> None:
        """Check that a command with the cache sees what one without it sees."""
        assert picture(self.read(self.cache())) == picture(self.read())


@contextmanager
def sweep_in_memory(consistency: Consistency) -> Iterator[Sweep]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Sweep(Path(folder), consistency)


def picture(opened: Ledger) -> object:
    """Everything that commands ask of a ledger."""
    state = opened.state
    columns = state.columns
    writers = {
        name: (
            [getattr(writer, part) for part in
             ("member", "host", "pid", "jobs", "lease", "started", "version", "wall", "ended",
              "latest", "last_seen", "last_number", "lost_at", "done", "pruned", "failed")]
        )
        for name, writer in state.writers.items()
    }  # fmt: skip
    return (
        list(state.tasks),
        [state.events_of(index) for index in range(TOTAL)],
        [(proposal_of(state, index), reports_of(state, index)) for index in range(TOTAL)],
        [repr(value) for value in columns.values],
        bytes(columns.lacking),
        sorted(state.open),
        {writer: held for writer, held in state.held.items() if held},
        {status: count for status, count in state.counts.items() if count},
        (state.duplicates, state.order, state.reached, sorted(map(str, state.orders.current()))),
        writers,
        sorted(map(str, opened.damage)),
        opened.clock.now(),
    )


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


def start(writer: str) -> Event:
    body = {"member": writer, "host": "h", "pid": 1, "jobs": 1, "lease": LEASE}
    return Event(2e9, writer, 0, "start", body)


def done(writer: str, n: int, task: int, loss: float = 0.5) -> Event:
    body = {"task": task, "attempt": 1, "seconds": 1.0, "metrics": {"loss": loss}}
    return Event(2e9 + n, writer, n, "done", body)


@pytest.fixture
def coherent(tmp_path: Path) -> Sweep:
    return filled(Sweep(tmp_path, "coherent"))


@pytest.fixture
def eventual(tmp_path: Path) -> Sweep:
    return filled(Sweep(tmp_path, "eventual"))


def filled(sweep: Sweep) -> Sweep:
    """Add a finished task of each of two writers, and read it all."""
    for number, writer in enumerate(("ana", "ben")):
        sweep.arrive(start(writer))
        sweep.arrive(done(writer, 1, number))
    sweep.read(sweep.cache())
    return sweep


def is_used(sweep: Sweep, plan: Plan | None = None) -> bool:
    opened = open_ledger(sweep.journals, plan or sweep.plan, lambda: NOW, sweep.cache(plan))
    return opened.state.finished > 0


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


def test_damage_is_named_again_by_the_next_command(coherent: Sweep) -> None:
    with (coherent.journals / "ana" / "events.jsonl").open("ab") as file:
        file.write(b"no json\n" * 3)
    coherent.arrive(done("ana", 2, 2))
    first = coherent.read(coherent.cache())
    assert is_used(coherent)
    again = coherent.read(coherent.cache())
    assert again.damage == first.damage != []


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


def test_the_cache_is_this_users_alone(coherent: Sweep) -> None:
    assert coherent.file.parent.stat().st_mode & 0o777 == 0o700
    assert coherent.file.stat().st_mode & 0o777 == 0o600
    coherent.file.parent.chmod(0o755)
    assert not is_used(coherent)
    coherent.check()


def test_a_folder_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, "coherent")
    sweep.caches.write_text("a file in the place of the folder")
    filled(sweep).check()
    assert not is_used(sweep)
    sweep.caches.unlink()
    sweep.caches.symlink_to(tmp_path / "nowhere")
    filled(sweep).check()


def test_a_link_in_the_place_of_the_cache_is_not_followed(coherent: Sweep, tmp_path: Path) -> None:
    target = tmp_path / "target"
    coherent.file.rename(target)
    coherent.file.symlink_to(target)
    before = target.read_bytes()
    assert not is_used(coherent)
    coherent.arrive(done("ana", 2, 2))
    coherent.check()
    assert target.read_bytes() == before
    assert not coherent.file.is_symlink()


def test_caches_that_were_not_used_for_a_month_are_deleted(coherent: Sweep) -> None:
    old, recent = (coherent.file.with_name(name) for name in ("old.sweep", "recent.sweep"))
    for file in (old, recent):
        file.write_bytes(b"")
    os.utime(old, (1e9, 1e9))
    coherent.arrive(done("ana", 2, 2))
    coherent.read(coherent.cache())
    assert (old.exists(), recent.exists()) == (False, True)


def test_using_a_cache_keeps_it(coherent: Sweep) -> None:
    os.utime(coherent.file, (1e9, 1e9))
    assert is_used(coherent)
    assert coherent.file.stat().st_mtime > 1.1e9


@pytest.mark.parametrize("setting", ["off", "OFF", "0", "no", "relative/folder"])
def test_the_cache_can_be_switched_off(
    coherent: Sweep, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("COLABCTL_CACHE", setting)
    assert cache_of(coherent.journals, coherent.plan) is None


def test_a_home_folder_where_nothing_can_be_written_is_no_error(
    coherent: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLABCTL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    cache = cache_of(coherent.journals, coherent.plan)
    assert picture(coherent.read(cache)) == picture(coherent.read())


def test_commands_that_save_at_once_leave_one_good_cache(coherent: Sweep) -> None:
    first, second = coherent.read(), coherent.read()
    coherent.arrive(done("ana", 2, 2))
    second.refresh()
    order = [first, second] * 3
    random.Random(0).shuffle(order)
    for each in order:
        coherent.cache().save(each.state, each._journals)
        coherent.check()
    assert [path.name for path in coherent.file.parent.glob("*") if path.suffix != ".read"] == [
        coherent.file.name
    ]
