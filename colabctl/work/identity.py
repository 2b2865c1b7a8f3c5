"""Who a worker is: the name of its journal, and how often it shows life."""

import os
import platform
import secrets
import socket
import time
from dataclasses import dataclass
from typing import Any

from colabctl.ledger import Plan
from colabctl.project.config import HEARTBEATS, Config
from colabctl.sharedfs.names import slug
from colabctl.version import VERSION


@dataclass(frozen=True)
class Identity:
    """A worker; it shows life every `heartbeat` seconds, and each time counts for `lease`."""

    name: str
    member: str
    host: str
    jobs: int
    heartbeat: float
    lease: float

    def start(self) -> tuple[str, dict[str, Any]]:
        """Return the event that a journal begins with."""
        return "start", {
            "member": self.member,
            "host": self.host,
            "pid": os.getpid(),
            "jobs": self.jobs,
            "heartbeat": self.heartbeat,
            "lease": self.lease,
            "version": VERSION,
            "python": platform.python_version(),
            "wall": round(time.time(), 3),
        }


def new_identity(
    plan: Plan, config: Config, member: str, jobs: int = 1, mark: str = ""
) -> Identity:
    """Return a new name for a worker of a sweep; a heartbeat in the configuration wins.

    mark  by which whoever starts the worker knows its name again: see is_marked
    """
    lease = config.lease or plan.lease
    heartbeat = min(config.heartbeat or plan.heartbeat, lease / HEARTBEATS)
    return Identity(writer_name(member, mark), member, socket.gethostname(), jobs, heartbeat, lease)


def writer_name(member: str, mark: str = "") -> str:
    """Return a name for a journal that was never used before."""
    start = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return f"{member}-{slug(socket.gethostname())}-{start}-{mark}{secrets.token_hex(3)}"


def new_mark() -> str:
    """Return a mark for the names of workers."""
    return secrets.token_hex(3)


def is_marked(name: str, mark: str) -> bool:
    """Whether a worker's name was made with a mark."""
    last = name.rpartition("-")[2]
    return len(last) == 2 * len(mark) and last.startswith(mark)
