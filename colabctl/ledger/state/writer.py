"""One writer of a sweep's journals, as far as its events have been read."""

from array import array
from bisect import bisect_right, insort

from colabctl.ledger.events import Event


class Writer:
    """One writer: who it is, and when it was alive, in ledger time."""

    __slots__ = (
        "contested", "done", "ended", "failed", "horizon", "host", "jobs", "lease", "member",
        "name", "number", "pid", "pruned", "started", "times", "version", "wall",
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
        self.wall: float | None = None  # time of its own clock when it started
        self.ended: float | None = None
        self.times = array("d")  # of its events, ascending
        self.done = self.pruned = self.failed = 0  # done includes pruned
        self.contested: set[int] = set()  # tasks that another writer has claimed too
        self.horizon = 0.0  # time of the latest claim of a contested task, see _note_rivals

    def lives_at(self, t: float) -> bool:
        """Whether this writer's lease covers ledger time `t`, by the events read so far."""
        if self.ended is not None and self.ended <= t:
            return False
        earlier = bisect_right(self.times, t)
        return earlier > 0 and t < self.times[earlier - 1] + self.lease

    @property
    def last_seen(self) -> float:
        """Ledger time of the latest event."""
        return self.times[-1] if self.times else 0.0

    @property
    def is_worker(self) -> bool:
        """Whether this is a worker, not a command such as `pause` or `retry`."""
        return self.started is not None

    def see(self, event: Event) -> None:
        """Update this writer by one of its events."""
        t, kind = event.t, event.kind
        if not self.times or t > self.times[-1]:
            self.times.append(t)
        elif t < self.times[-1]:
            insort(self.times, t)
        if kind == "start":
            self.started = t
            self.member, self.host = event.body["member"], event.body["host"]
            self.pid, self.jobs = event.body["pid"], event.body["jobs"]
            self.lease = event.body["lease"]
            self.version, self.wall = str(event.body.get("version", "")), event.body.get("wall")
        elif kind == "end":
            self.ended = t if self.ended is None else min(self.ended, t)
        elif kind in ("done", "pruned"):
            self.done += 1
            self.pruned += kind == "pruned"
        elif kind == "failed":
            self.failed += 1
