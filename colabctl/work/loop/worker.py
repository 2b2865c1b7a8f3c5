"""A worker inside a notebook or script: the tasks run in the loop that asks for them."""

import os
import random
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from colabctl import signals
from colabctl.errors import CancelledError, UserError
from colabctl.run.failures.failure import headline, traceback_of
from colabctl.run.messages import Done, Failed, Pruned, Report
from colabctl.run.termination import KILL_AFTER
from colabctl.task import Assignment, Task
from colabctl.work.claiming import Claimer
from colabctl.work.data.staging import Lines, SweepData
from colabctl.work.identity import Identity
from colabctl.work.limits import Limits
from colabctl.work.notices import Notices
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.records.room import RoomWatch
from colabctl.work.slots.pool import LoopPool


class Run:
    """One run of a task in a loop: a task.Recorder for its values and its end."""

    def __init__(self, worker: "InlineWorker", assignment: Assignment) -> None:
        self._worker, self._claimer, self._assignment = worker, worker.claimer, assignment
        self.metrics: dict[str, Any] | None = None  # once the task has called `done`
        self.cancelled = False  # a member has cancelled the task, and the body knows
        self.task = Task(assignment, self)

    @property
    def _ended(self) -> bool:
        return self._worker.pool.current is not self._assignment

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        """Record intermediate values, unless the task has ended."""
        with self._worker.own_lock():
            if not self._ended:
                report = Report(self._assignment.index, step, values)
                self._claimer.report(self._assignment, report)
                self._claimer.keep_alive()

    def should_stop(self) -> bool:
        """Whether the task is cancelled or behind the others, by the latest events."""
        tuner = self._claimer.tuner
        with self._worker.own_lock():
            if self._ended:
                return False
            if tuner.stops_early:
                self._claimer.step()
            self.cancelled = self.cancelled or self._worker.is_cancelled(self)
            return self.cancelled or tuner.stops(self._assignment.index)

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        """Do nothing: an objective does not run in a loop."""

    def done(self, metrics: dict[str, Any]) -> None:
        """Take the metrics; `finish` records them."""
        self._check()
        self.metrics = metrics

    def failed(self, error: BaseException) -> None:
        """Record an exception; if it is meant for the loop, release all tasks."""
        self._check()
        if isinstance(error, CancelledError):
            self.cancelled = True
            self.finish()
        elif isinstance(error, Exception):
            conceal = self._worker.conceal
            self._fail(headline(error, conceal), (traceback_of(error),))
        else:  # after an interrupt, the loop usually does not continue
            with self._worker.own_lock():
                self._claimer.release(self._worker.pool.clear())
                self._claimer.keep_alive()

    def _check(self) -> None:
        if self._ended:
            raise UserError(
                f"{self._assignment.task} has ended: the loop is at another task; finish each "
                "task in the body of the loop; to run several at a time, start several loops"
            )

    def finish(self) -> None:
        """Record the end of the task at the end of the loop's body, unless it has ended already."""
        if self._ended:
            return
        if self.cancelled:
            with self._worker.own_lock():
                self._worker.pool.end()
                self._claimer.release([self._assignment.index])
            print_message(f"{self._assignment.task} was cancelled, and has been ended")
        elif self.task.stop_requested:
            self._end(Pruned, metrics=self.metrics or {})
        elif self.metrics is not None:
            self._end(Done, metrics=self.metrics)
        else:
            self._fail(
                "the loop continued without task.done(...); write `with task:` around the work", ()
            )

    def _fail(self, error: str, output: Iterable[str]) -> None:
        self._end(Failed, error=error, output=self._worker.conceal("".join(output)).rstrip())

    def _end(self, kind: type[Done | Pruned | Failed], **parts: Any) -> None:
        with self._worker.own_lock():
            seconds, index = self._worker.pool.end(), self._assignment.index
            end = kind(index, seconds, attributes=self.task.user_attributes, **parts)
            self._claimer.record_end(self._assignment, end)
            if self._worker.writes_at_once:
                self._claimer.write()
                self._claimer.ledger.add_written()


class InlineWorker:
    """A worker whose tasks run in the process, and in the thread, that asks for them.

    `tasks` does everything. `step`, `start_next`, `keep_alive` and `leave` are its parts, for a
    caller with its own clock, such as a simulation. While a task runs, a second thread calls
    `keep_alive`, and a lock keeps the two threads apart. That thread claims nothing: a notebook can
    leave a loop without closing it, and such a loop must not claim tasks that it will never run.

    If a member cancels the running task, `should_stop` and `report` say so to the loop's body. If
    it has not ended `kill_after` seconds later, CancelledError is raised in it.

    `conceal` replaces the secrets in a text, and `data` is staged before the first claim.
    """

    def __init__(
        self,
        sweep: OpenSweep,
        identity: Identity,
        *,
        conceal: Callable[[str], str] = str,
        data: SweepData | None = None,
        max_tasks: int | None = None,
        notices: Notices | None = None,
        room: RoomWatch | None = None,
        kill_after: float = KILL_AFTER,
        rng: random.Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.sweep, self.conceal = sweep, conceal
        self.pool = LoopPool(monotonic)
        self.claimer = Claimer(
            sweep, identity, Limits(max_tasks=max_tasks), self.pool,
            tell=print_message, conceal=conceal, notices=notices, room=room, rng=rng,
            monotonic=monotonic,
        )  # fmt: skip
        self.lock = threading.Lock()
        self._data = data
        self.keep_alive_every = min(identity.heartbeat / 4, 1.0)  # seconds
        # On a Drive, it is written together with the claim of the next task.
        self.writes_at_once = sweep.plan.consistency == "coherent"
        self._monotonic = monotonic
        self._sleep = sleep
        self._kill_after = kill_after
        self._interrupt: Callable[[], None] | None = None  # while the loop runs
        self._run: Run | None = None  # whose body runs
        self._in_own_code = 0  # the main thread is there, not in the body
        self._cancelled_at: float | None = None  # when the running task was found to be so
        self._step_at = 0.0  # when the claimer's next step is due
        self._ended = threading.Event()

    def tasks(self) -> Generator[Task]:
        """Yield tasks until none is left; raise OSError if the folder cannot be written.

        Meanwhile, SIGTERM and SIGHUP raise SystemExit, so that the loop ends and gives back tasks.
        """
        thread = threading.Thread(target=self._keep_alive_until_end, daemon=True)
        run: Run | None = None
        with signals.raising(), signals.interrupting(self._raise_cancelled) as self._interrupt:
            try:
                self._stage()
                while self.step():
                    run = self.start_next()
                    if run is None:
                        self._sleep(self.claimer.poll)
                        continue
                    if thread.ident is None:
                        thread.start()
                    self._run, self._cancelled_at = run, None
                    yield run.task
                    self._run = None
                    run.finish()
                if self.claimer.retries.error is not None:
                    raise self.claimer.retries.error
                if self.claimer.tally.ending in ("short", "unfit"):
                    print_message(f"{self.claimer.tally.reason}; the loop ends")
            finally:
                self._run = None
                if (
                    run is not None and run.metrics is not None
                ):  # the loop ended after task.done(...)
                    run.finish()
                self.leave()
                if self._data is not None:
                    self._data.close()

    def _stage(self) -> None:
        """Stage the sweep's data, and stay alive meanwhile; raise UserError if that fails."""
        data = self._data
        if data is None:
            return
        lines = Lines(print_message)
        data.start()
        while not data.done.wait(self.keep_alive_every):
            with self.own_lock():
                self.claimer.look()
                self.claimer.keep_alive(join=True)
            lines.show(data.text)
        if data.error is not None:
            raise UserError(data.error)
        os.environ.update(data.variables)  # for `task.staged`, and for what the loop starts

    def step(self) -> bool:
        """Claim tasks if none waits, write what is due, and return whether to continue."""
        with self.lock:
            if not self.pool.tasks or self._monotonic() >= self._step_at:  # not for each short task
                self.claimer.step()
                self._step_at = self._monotonic() + self.claimer.poll
            return not self.claimer.should_end()

    def start_next(self) -> Run | None:
        """Start the next task and return its run; None if no task waits."""
        with self.lock:
            assignment = self.pool.begin()
        return Run(self, assignment) if assignment else None

    def keep_alive(self) -> None:
        """Read new events, and write those that have waited long enough, or a heartbeat."""
        with self.lock:
            if self._ended.is_set():
                return
            self.claimer.look()
            self.claimer.keep_alive()
            self._end_cancelled()
        self.claimer.sync()

    @contextmanager
    def own_lock(self) -> Iterator[None]:
        """Hold the lock in the thread of the loop, which is not interrupted meanwhile."""
        self._in_own_code += 1
        try:
            with self.lock:
                yield
        finally:
            self._in_own_code -= 1

    def is_cancelled(self, run: Run) -> bool:
        """Whether a member has cancelled the task of a run."""
        return self.claimer.ledger.state.columns.status(run.task.index) == "cancelled"

    def _end_cancelled(self) -> None:
        """Interrupt the body if its task was cancelled, and it had the time to end by itself."""
        run, now = self._run, self._monotonic()
        if run is None or not self.is_cancelled(run):
            self._cancelled_at = None
        elif self._cancelled_at is None:
            self._cancelled_at = now
        elif now - self._cancelled_at >= self._kill_after and self._interrupt is not None:
            self._interrupt()

    def _raise_cancelled(self) -> None:
        run = self._run
        if run is not None and not self._in_own_code:
            raise CancelledError(f"{run.task.name} of sweep {run.task.sweep} was cancelled")

    def _keep_alive_until_end(self) -> None:
        while not self._ended.wait(self.keep_alive_every):
            self.keep_alive()

    def leave(self) -> None:
        """Release every claim and close the journal."""
        self._ended.set()
        with self.lock:
            self.claimer.leave("the loop ended")


def print_message(text: str) -> None:
    """Print a message of colabctl in someone's program."""
    print(f"colabctl: {text}", file=sys.stderr, flush=True)
