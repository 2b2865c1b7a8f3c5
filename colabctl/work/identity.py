"""The identity of a worker: the name of its journal, its member and host, and its heartbeat."""

import os
import platform
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from colabctl.ledger import Machine, Plan, capacity_of, read_machine
from colabctl.needs import ANYTHING, Capacity
from colabctl.project.config import HEARTBEATS, Config
from colabctl.sharedfs.names import slug
from colabctl.version import VERSION


@dataclass(frozen=True)
class Identity:
    """A worker. It writes at least every `heartbeat` seconds; each event renews its `lease`.

    Attributes:
        has: what each of its tasks at a time has, as far as the sweep's needs ask for it.
        elsewhere: whether an engine runs its tasks on other machines.

    """

    name: str
    member: str
    host: str
    jobs: int
    heartbeat: float
    lease: float
    has: Capacity = ANYTHING
    elsewhere: bool = False

    def start(self, **more: Any) -> tuple[str, dict[str, Any]]:
        """Return the first event of its journal, with `more` parts."""
        from colabctl.run.slots import machine  # noqa: PLC0415 - see new_identity

        return "start", {
            "member": self.member,
            "host": self.host,
            "pid": os.getpid(),
            "jobs": self.jobs,
            "heartbeat": self.heartbeat,
            "lease": self.lease,
            "version": VERSION,
            "wall": round(time.time(), 3),
            **machine.describe(),
            **({"elsewhere": True} if self.elsewhere else {}),
            **more,
        }


def new_identity(
    plan: Plan,
    config: Config,
    member: str,
    jobs: int = 1,
    mark: str = "",
    *,
    elsewhere: bool = False,
) -> Identity:
    """Return the identity of a new worker; the configuration's heartbeat wins over the plan's.

    The process that starts a worker recognises it by `mark`: see is_marked. If the tasks of the
    sweep need anything, it waits until it is known what this machine has, unless an engine runs
    them `elsewhere`.
    """
    from colabctl.run.slots import machine  # noqa: PLC0415 - only workers need it; `status` is fast

    machine.look()
    lease = config.lease or plan.lease
    heartbeat = min(config.heartbeat or plan.heartbeat, lease / HEARTBEATS)
    if plan.consistency == "created":  # others may not know this lease yet
        heartbeat = min(heartbeat, plan.lease / HEARTBEATS)
    has = ANYTHING
    if plan.needs and not elsewhere:
        has = capacity_of(plan, machine_here(), jobs)
    name, host = writer_name(member, mark), platform.node()
    return Identity(name, member, host, jobs, heartbeat, lease, has, elsewhere)


@cache
def machine_here() -> Machine:
    """Return what this process runs on; wait until that is known, for about a minute at most."""
    from colabctl.run.slots import machine  # noqa: PLC0415 - as above

    machine.wait()
    return read_machine(machine.describe())


def writer_name(member: str, mark: str = "") -> str:
    """Return a new name for a journal, different from all others."""
    start = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return f"{member}-{slug(platform.node())}-{start}-{mark}{os.urandom(3).hex()}"


def new_mark() -> str:
    """Return a new mark for the names of workers."""
    return os.urandom(3).hex()


def is_marked(name: str, mark: str) -> bool:
    """Whether the name of a worker has this mark."""
    last = name.rpartition("-")[2]
    return len(last) == 2 * len(mark) and last.startswith(mark)
