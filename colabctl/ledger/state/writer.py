"""One writer of a sweep's journals, as far as its events have been read."""

import math

from colabctl.ledger.journals.clock import MAX_LEAD
from colabctl.ledger.journals.events import Event
from colabctl.ledger.state.machine import Machine, read_machine

_ROOM_KINDS = ("start", "heartbeat", "end")  # the events that say how much room is free


class Writer:
    """One writer: who it is, and when it was alive, in ledger time."""

    __slots__ = (
        "_newest", "_oldest", "code", "dismissed_at", "dismissed_by", "done", "ended", "failed",
        "free", "free_at", "freed",
        "host", "jobs", "last_number", "last_seen", "latest", "lease", "lost_at", "machine",
        "member", "name", "number", "pid", "pruned", "started", "version", "wall",
    )  # fmt: skip

    def __init__(self, name: str, number: int, lease: float) -> None:
        self.name = name
        self.number = number  # in order of arrival
        self.lease = lease  # the sweep's until its start event arrives
        self.member = self.host = ""
        self.pid = 0
        self.jobs = 1
        self.started: float | None = None
        self.version = ""
        self.code = ""  # digest of the program that it runs, if the sweep was extended
        self.machine = Machine()
        self.wall: float | None = None  # time of its own clock when it started
        self.ended: float | None = None
        self.free: int | None = None  # bytes of room in its folder, as it saw at `free_at`
        self.free_at = 0.0
        self.freed = 0.0  # date of its latest outcome, when a slot of it became idle
        self.last_number = -1  # of its events
        self.dismissed_at: float | None = None  # when a member dismissed it
        self.dismissed_by = ""
        self.lost_at = -1  # a member declared it lost, having read its events up to this number
        self.latest = 0.0  # date of its latest event, by its own clock
        self.last_seen = 0.0  # when it was alive, for this reader: see `look`
        self.done = self.pruned = self.failed = 0  # done includes pruned
        self._oldest, self._newest = math.inf, 0.0  # dates since the last look

    def lives_at(self, now: float) -> bool:
        """Whether this writer's lease covers ledger time `now`, by the events read so far."""
        if self.ended is not None or self.last_number <= self.lost_at:
            return False
        return now < self.last_seen + self.lease

    @property
    def is_worker(self) -> bool:
        """Whether this is a worker, not a command such as `pause` or `retry`."""
        return self.started is not None

    def see(self, event: Event) -> None:
        """Update this writer by one of its events; `look` follows when all have been read."""
        t, kind = event.t, event.kind
        self._newest = max(self._newest, t)
        self._oldest = min(self._oldest, t)
        self.last_number = max(self.last_number, event.n)
        if kind in _ROOM_KINDS and "free" in event.body and t > self.free_at:
            self.free, self.free_at = event.body["free"], t
        if kind in ("done", "pruned"):
            self.done += 1
            self.pruned += kind == "pruned"
            self.freed = max(self.freed, t)
        elif kind == "failed":
            self.failed += 1
            self.freed = max(self.freed, t)
        elif kind == "start":
            self.started = t
            self.member, self.host = event.body["member"], event.body["host"]
            self.pid, self.jobs = event.body["pid"], event.body["jobs"]
            self.lease = event.body["lease"]
            self.version, self.wall = event.body.get("version", ""), event.body.get("wall")
            code = event.body.get("code")
            self.code = code if isinstance(code, str) else ""
            self.machine = read_machine(event.body)
        elif kind == "end":
            self.ended = t

    def lose(self, n: int) -> None:
        """Note that a member who had read its events up to number `n` declared it lost."""
        self.lost_at = max(self.lost_at, n)

    def dismiss(self, event: Event) -> None:
        """Note that a member dismissed it; of several, the first by date is remembered."""
        if self.dismissed_at is None or (event.t, event.member) < (
            self.dismissed_at,
            self.dismissed_by,
        ):
            self.dismissed_at, self.dismissed_by = event.t, event.member

    def look(self, read_at: float, *, fresh: bool) -> None:
        """Judge when this writer was alive, by its events that were read at ledger time `read_at`.

        An event is a sign of life at its date. But nothing that was read is from the future. And
        where the date of a `fresh` event, one that was not there at the last look, is more than an
        hour old, its writer's clock is wrong, or a file was hours late: it counts from now.
        """
        is_late = fresh and read_at - self._oldest > MAX_LEAD
        alive = read_at if is_late else min(self._newest, read_at)
        self.last_seen = max(self.last_seen, alive)
        self.latest = max(self.latest, self._newest)
        self._oldest, self._newest = math.inf, 0.0
