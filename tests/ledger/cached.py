"""A sweep whose journals are read with a cache, for the tests of the cache."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from colabctl.ledger import Ledger, open_ledger
from colabctl.ledger.journals.events import Event, encode
from colabctl.ledger.plan import Plan
from colabctl.ledger.state.attempts import proposal_of, reports_of
from colabctl.ledger.state.cache import Cache, cache_of
from tests.ledger.histories import LEASE, TOTAL

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A folder in memory, if the system has one.

Journals consist of thousands of files, and each of them is written through to the disk.
"""

Consistency = Literal["coherent", "eventual"]
NOW = 2e9 + 100


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
              "latest", "last_seen", "last_number", "lost_at", "dismissed_at", "dismissed_by", "done",
              "pruned", "failed")]
        )
        for name, writer in state.writers.items()
    }  # fmt: skip
    return (
        list(state.tasks),
        [state.events_of(index) for index in range(TOTAL)],
        [(proposal_of(state, index), reports_of(state, index)) for index in range(TOTAL)],
        [repr(value) for value in columns.values],
        bytes(columns.lacking),
        columns.seconds.tolist(),
        sorted(state.open),
        {writer: held for writer, held in state.held.items() if held},
        {status: count for status, count in state.counts.items() if count},
        (
            state.duplicates,
            state.order,
            state.ends.reached,
            sorted(map(str, state.orders.current())),
        ),
        writers,
        state.log.steering(),
        sorted(map(str, opened.damage)),
        opened.clock.now(),
    )


def start(writer: str) -> Event:
    body = {"member": writer, "host": "h", "pid": 1, "jobs": 1, "lease": LEASE}
    return Event(2e9, writer, 0, "start", body)


def done(writer: str, n: int, task: int, loss: float = 0.5) -> Event:
    body = {"task": task, "attempt": 1, "seconds": 1.0, "metrics": {"loss": loss}}
    return Event(2e9 + n, writer, n, "done", body)


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
