"""A simulated machine for a test: its mount, and the faults that can happen to it."""

import subprocess
import threading
import time
from pathlib import Path

from tests.drive.cloud import Cloud
from tests.drive.messages import Change, Count, Counts, Fail, Fill, News, Order, Repair, Setting
from tests.drive.mounted import MountProcess


class Machine:
    """A machine with the drive mounted at `path` and a disk of its own at `home`.

    The effect of each method is complete when it returns.
    """

    def __init__(
        self,
        number: int,
        folder: Path,
        cloud: Cloud,
        changed: threading.Condition,
        *,
        partial: float,
        cost: tuple[float, float],
        seed: int,
    ) -> None:
        self.number = number
        self.path = folder / f"machine-{number}"
        self.home = folder / f"home-{number}"
        self._folder = folder
        self._cloud = cloud
        self._changed = changed  # guards the cloud; notified when something is due earlier
        self._partial = partial
        self._cost = cost
        self._seed = seed
        self._mounts = 0
        self._process: MountProcess | None = None
        self._past = Counts()  # of mounts that have ended
        self.path.mkdir(parents=True)
        self.home.mkdir()

    def fail(self, errno: int, seconds: float | None = None) -> None:
        """Answer every operation with this errno, for some seconds or until `repair`."""
        self._order(Fail(errno, seconds))

    def fill(self, room: int = 0) -> None:
        """Accept `room` more bytes, then answer writes with ENOSPC until `repair`."""
        self._order(Fill(room))

    def repair(self) -> None:
        """End the faults of `fail` and `fill`."""
        self._order(Repair())

    def cut(self) -> None:
        """Stop all traffic between this machine and the cloud; the mount still works."""
        with self._changed:
            self._cloud.cut(self.number)

    def rejoin(self) -> None:
        """Resume the traffic; overdue changes move at once."""
        with self._changed:
            self._cloud.rejoin(self.number)
            self._changed.notify_all()

    def kill(self) -> None:
        """End the machine as a power cut would: its unsent files are lost, its mount is dead.

        Every operation on `path` then answers ENOTCONN. Processes of the test keep running.
        """
        self._end()
        with self._changed:
            self._cloud.lose(self.number)
            self._changed.notify_all()

    def unmount(self) -> None:
        """Unmount, so that `path` is the empty folder below the mount.

        Files that were closed before are still uploaded.
        """
        self.synchronise()
        unmount(self.path)
        self._end()
        with self._changed:
            self._cloud.unmount(self.number)
            self._changed.notify_all()

    def mount(self) -> None:
        """Mount the drive again; a new mount shows everything in the cloud."""
        self.launch()
        self.await_mount()

    def counts(self) -> Counts:
        """Return the counts of this machine since the start of the drive."""
        present = self.synchronise()
        with self._changed:
            return self._past + present + self._cloud.sent[self.number]

    def launch(self) -> None:
        """Start mounting; `await_mount` completes it, so that machines can start in parallel."""
        assert self._process is None, f"{self.path} is mounted already"
        unmount(self.path)  # a dead mount may be left there
        self._mounts += 1
        name = f"{self.number}.{self._mounts}"
        cache = self._folder / f"cache-{name}"
        cache.mkdir()
        setting = Setting(
            path=str(self.path),
            blobs=str(self._folder / "cloud"),
            cache=str(cache),
            name=name,
            seed=f"{self._seed}/{name}",
            partial=self._partial,
            cost=self._cost,
        )
        self._process = MountProcess(setting, self._folder / f"log-{self.number}", self._take)
        with self._changed:
            self._cloud.mount(self.number)

    def await_mount(self) -> None:
        """Wait until the mount answers and shows everything in the cloud."""
        assert self._process is not None
        self._process.report()  # the first comes by itself, with the mount
        self.synchronise()

    def synchronise(self) -> Counts:
        """Wait until both sides have received all earlier messages; return the mount's counts."""
        if self._process is None:
            return Counts()
        self._process.send(Count())
        return self._process.report()

    def tell(self, news: News) -> None:
        """Pass on a message from the cloud."""
        if self._process is not None:
            self._process.send(news)

    def close(self) -> None:
        """End the process of the mount, if there is one."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _end(self) -> None:
        self._past += self.synchronise()
        self.close()

    def _order(self, order: Order) -> None:
        assert self._process is not None, f"{self.path} is not mounted"
        self._process.send(order)
        self.synchronise()

    def _take(self, change: Change) -> None:
        with self._changed:
            self._cloud.take(self.number, change, time.monotonic())
            self._changed.notify_all()


def unmount(path: Path) -> None:
    """Unmount a path if something is mounted there, even while it is in use."""
    subprocess.run(["fusermount3", "-u", "-z", "-q", path], check=False, capture_output=True)
