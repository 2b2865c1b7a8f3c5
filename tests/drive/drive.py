"""The simulated Drive for a test: machines, and the clock that moves changes between them."""

import math
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.drive.cloud import Cloud
from tests.drive.delays import Delays
from tests.drive.machine import Machine
from tests.drive.messages import Counts, Object
from tests.drive.mounted import MountRefusedError, missing

# Runs alongside the test and outlives it: the end of the test, however it comes, closes the pipe.
JANITOR = 'cat >/dev/null; for path; do fusermount3 -u -z -q "$path"; done'


class Drive:
    """Machines that share a drive; a context manager that always unmounts at the end.

    Args:
        folder: an empty folder, created if missing.
        machines: number of machines.
        median: median seconds from closing a file until another machine sees the change.
        worst: the same at worst.
        manual: nothing moves until `upload` or `deliver` is called.
        seed: decides delays and orders.
        partial: chance that a listing omits a newly arrived name.
        cost: seconds of a metadata operation, uniform between the two.

    Raises:
        MountRefusedError: FUSE is missing.

    """

    def __init__(
        self,
        folder: Path,
        *,
        machines: int = 2,
        median: float = 1.0,
        worst: float = 6.0,
        manual: bool = False,
        seed: int = 0,
        partial: float = 0.0,
        cost: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self._changed = threading.Condition()
        self._cloud = Cloud(
            machines,
            tell=lambda number, news: self.machines[number].tell(news),
            delays=Delays(median, worst),
            manual=manual,
            seed=seed,
        )
        self._manual = manual
        self._over = False
        self._clock = threading.Thread(target=self._run, daemon=True)
        (folder / "cloud").mkdir(parents=True)
        self.machines = [
            Machine(
                number, folder, self._cloud, self._changed, partial=partial, cost=cost, seed=seed
            )
            for number in range(machines)
        ]

    def __enter__(self) -> Self:
        if lack := missing():
            raise MountRefusedError(lack)
        self._janitor = subprocess.Popen(
            ["sh", "-c", JANITOR, "janitor", *(machine.path for machine in self.machines)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            for machine in self.machines:
                machine.launch()
            for machine in self.machines:
                machine.await_mount()
        except BaseException:
            self.close()
            raise
        self._clock.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def machine(self, number: int) -> Machine:
        """Return a machine, the first being number 0."""
        return self.machines[number]

    def counts(self) -> list[Counts]:
        """Return what each machine did since the drive was made."""
        return [machine.counts() for machine in self.machines]

    def objects(self) -> list[Object]:
        """Return the files and folders in the cloud that are not in the trash."""
        with self._changed:
            objects = [each for each in self._cloud.objects.values() if not each.trashed]
        return [each for each in objects if each.parent]

    def upload(self, *machines: Machine, names: str = "*") -> None:
        """Upload now the closed files of these machines, or of all; `names` is a shell pattern."""
        self._synchronise()
        with self._changed:
            for machine in machines or self.machines:
                self._cloud.upload(machine.number, names, time.monotonic())
            self._changed.notify_all()
        self._synchronise()

    def deliver(self, *machines: Machine, names: str = "*") -> None:
        """Upload everything now, and deliver it now to these machines, or to all.

        Only objects whose name matches the shell pattern `names` move, and the folders that they
        need. Nothing moves for a machine that is cut off.
        """
        self.upload(names=names)
        with self._changed:
            for machine in machines or self.machines:
                self._cloud.deliver(machine.number, names)
        self._synchronise()

    def settle(self, timeout: float = 300.0) -> None:
        """Wait until everything has arrived at all machines that are not cut off.

        A manual drive delivers instead. Raises TimeoutError after `timeout` seconds.
        """
        if self._manual:
            self.deliver()
            return
        self._synchronise()
        with self._changed:
            if not self._changed.wait_for(self._cloud.idle, timeout):
                raise TimeoutError(f"files were still on their way after {timeout:g} s")
        self._synchronise()

    def close(self) -> None:
        """Unmount all machines and end all processes; `with` does this."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        if self._clock.is_alive():
            self._clock.join()
        self._janitor.communicate()
        for machine in self.machines:
            machine.close()

    def _synchronise(self) -> None:
        for machine in self.machines:
            machine.synchronise()

    def _run(self) -> None:
        with self._changed:
            while not self._over:
                due = self._cloud.advance(time.monotonic())
                if self._cloud.idle():
                    self._changed.notify_all()
                self._changed.wait(None if due == math.inf else max(0.0, due - time.monotonic()))
