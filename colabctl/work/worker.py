"""A worker with slots: it runs claimed tasks in them and records the outcomes."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from colabctl.engines.contract import MakeSlots
from colabctl.run.messages import (
    Broken,
    End,
    Failed,
    Gone,
    Notice,
    Printed,
    Report,
    Returned,
    Stop,
    Suggestion,
    TaskMessage,
)
from colabctl.run.output import last_lines
from colabctl.task import Assignment
from colabctl.work.claiming import Claimer
from colabctl.work.data.staging import SweepData
from colabctl.work.identity import Identity
from colabctl.work.limits import Limits, Tally
from colabctl.work.notices import Notices
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.outputs.followed import FollowedTasks
from colabctl.work.records.room import RoomWatch
from colabctl.work.slots.pool import SlotPool
from colabctl.work.waiting import Reasons

# If the first attempts of a worker all fail, the cause is this machine or the code, and more
# attempts would only use up the retries.
_FAILING = 5
_ALIKE = 10  # attempts with the same error that are all named; of later ones, some are
_GIVEN_UP = ("failing", "gone")
_FINISHING = (
    "target",
    "budget",
    "patience",
    "stopped",
    "dismissed",
    "max-tasks",
    "nothing to do",
    "short",
    "extended",
)
_NOTICE = 0.5  # seconds until a signal, a time limit or a task's timeout is noticed
_SIGNALS_APART = 0.5  # seconds, at most, between SIGTERM for a task and for its worker


class Worker:
    """A worker of one sweep.

    `run` does everything. `step`, `should_end` and `leave` are its parts, for a caller with its own
    clock, such as a simulation.

    Args:
        tell: takes messages for the user.
        progress: called after each step, with this worker.
        interrupted: set to end at once and release the tasks.
        data: what to stage before the first claim; None for nothing.
        reasons: why earlier workers of this process had to wait, as they said.
        conceal: replaces the secrets in a text.

    """

    def __init__(
        self,
        sweep: OpenSweep,
        identity: Identity,
        limits: Limits,
        make_slots: MakeSlots,
        *,
        tell: Callable[[str], None],
        progress: Callable[["Worker"], None],
        interrupted: threading.Event,
        data: SweepData | None = None,
        reasons: Reasons | None = None,
        notices: Notices | None = None,
        room: RoomWatch | None = None,
        rng: random.Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        conceal: Callable[[str], str] = str,
    ) -> None:
        self.name = identity.name
        self._limits = limits
        self._tell = tell
        self._progress = progress
        self._interrupted = interrupted
        self._data = data
        self._monotonic = monotonic
        self._conceal = conceal
        self._kind = sweep.plan.kind
        self._max_retries = sweep.plan.max_retries
        self._writes_at_once = sweep.plan.consistency == "coherent"
        self._pool = SlotPool(make_slots, identity.jobs, self._record)
        self._lock = threading.Lock()  # held for all but waiting
        self._error: Exception | None = None  # of a slot's thread
        self._claimer = Claimer(
            sweep, identity, limits, self._pool,
            tell=tell, conceal=conceal, reasons=reasons, notices=notices, room=room,
            rng=rng, monotonic=monotonic,
        )  # fmt: skip
        interval = _NOTICE if self._writes_at_once else identity.heartbeat
        self._followed = FollowedTasks(identity.host, interval, monotonic)
        self._tuner = self._claimer.tuner
        self._tally = self._claimer.tally
        self._alike: Counter[str] = Counter()  # failed attempts by their error
        self._stopping: dict[int, float] = {}  # when each task was asked to stop early
        self._revision = 0  # of the state at the last check of tasks to stop

    def slots(self) -> list[tuple[Assignment, float] | None]:
        """Return the task that each slot runs, and for how many seconds; None for an idle one."""
        return self._pool.slots()

    def silent_for(self) -> float:
        """Return for how many seconds the folder has not answered, 0 if it does."""
        return self._claimer.retries.silent_for()

    def staging(self) -> str:
        """Return how far staging is, "" once it is done."""
        return self._data.text if self._data else ""

    def run(self) -> Tally:
        """Work until there is nothing left to do here; return what was done."""
        try:
            if self._stage():
                self.step()
                while not self.should_end():
                    self._wait()
                    self.step()
                    self._claimer.sync()
            if self._tally.ending in _FINISHING:
                self._finish_running()
        finally:
            self.leave()
        return self._tally

    def _stage(self) -> bool:
        """Stage the sweep's data, claim nothing meanwhile; return whether tasks can run."""
        data = self._data
        if data is None:
            return True
        data.start()
        while not data.done.wait(_NOTICE):
            with self._lock:
                self._claimer.look()
                self._claimer.keep_alive(join=True)
                self._progress(self)
                if self._should_end():
                    return False
        if data.error is not None:
            self._tally.ending, self._tally.reason = "unstaged", data.error
        return data.error is None

    def _wait(self) -> None:
        self._pool.wake.wait(min(self._claimer.poll, _NOTICE))
        self._pool.wake.clear()

    def step(self) -> None:
        """Record what the slots report, and do what is due."""
        with self._lock:
            if self._error is not None:
                raise self._error
            self._collect()
            self._claimer.step()
            if self._tuner.stops_early:
                self._stop_behind()
            self._send_followed()
            self._progress(self)

    def _record(self, proceed: Callable[[], None]) -> None:
        """Write what the slots report, then call `proceed`: in a slot's thread, at a task's end.

        On an eventual folder, where a write takes long, `step` does it later.
        """
        if not self._writes_at_once:
            proceed()
            return
        try:
            with self._lock:
                self._read_inbox()
                self._claimer.write()
                proceed()
                self._claimer.ledger.add_written()  # while the next task runs
        except Exception as error:  # noqa: BLE001 - `step` raises it
            self._error = error
            self._pool.wake.set()

    def should_end(self) -> bool:
        """Whether this worker should end; the tally then says why."""
        if self._tally.ending in _GIVEN_UP:
            return True
        with self._lock:
            return self._should_end()

    def _should_end(self) -> bool:
        if self._interrupted.is_set():
            self._tally.ending = "interrupted"
            return True
        return self._claimer.should_end() and not self._pool.inbox

    def _finish_running(self) -> None:
        """Wait for the running tasks without claiming more."""
        with self._lock:
            self._claimer.release(self._pool.take_back_waiting())
        while self._pool.tasks and not self._interrupted.is_set() and not self._claimer.late():
            self._wait()
            with self._lock:
                self._collect()
                self._claimer.look()
                self._claimer.keep_alive()
                self._progress(self)

    def leave(self) -> None:
        """Stop the running tasks, release every claim, and close the journal."""
        with self._lock:
            self._claimer.release(self._pool.take_back_waiting())
            if self._tally.ending == "interrupted" and any(self._pool.running()):
                self._tell("stopping the running tasks; Ctrl-C again leaves at once")
        self._pool.stop_all(within=3.0)  # without the lock, as their threads may wait for it
        with self._lock:
            self._collect()
            self._claimer.leave(self._tally.reason or self._tally.ending)

    # -- outcomes -------------------------------------------------------------------------

    def _collect(self) -> None:
        """Take what the slots report, and stop tasks that have run for too long."""
        self._read_inbox()
        self._pool.take_back_stuck()
        timeout = self._limits.task_timeout
        if timeout is not None:
            for index, seconds in self._pool.running():
                if seconds > timeout:
                    why = Stop("failed", f"ran longer than {timeout:g} s (task timeout)")
                    self._pool.stop(index, why)
        self._kill_unresponsive()

    def _read_inbox(self) -> None:
        while self._pool.inbox:
            match self._pool.inbox.popleft():
                case Broken(error, output):
                    self._give_up(f"the code cannot be loaded: {error}", output)
                case Gone(error):
                    if self._tally.ending not in _GIVEN_UP:
                        self._tally.ending, self._tally.reason = "gone", error
                case Notice(text):
                    self._tell(text)
                case TaskMessage(task, message):
                    if isinstance(message, Report | Suggestion):
                        self._report(task, message)
                    elif isinstance(message, Printed):
                        self._claimer.outputs.add(task, message.text, is_part=True)
                    else:
                        self._close(task, message)

    def _close(self, task: Assignment, end: End) -> None:
        """Record the end of a task."""
        self._pool.remove(task.index)
        self._stopping.pop(task.index, None)
        if isinstance(end, Failed) and self._is_ended_with_it(end):
            end = Returned()
        if isinstance(end, Returned):
            self._claimer.release([task.index], lost=end.lost)
            if self._claimer.ledger.state.columns.status(task.index) == "cancelled":
                self._tell(f"{task.task} was cancelled, and has been ended")
            elif end.why:
                self._tell(self._conceal(f"{task.task} runs again: {end.why}"))
            return
        failures = self._claimer.ledger.state.tasks[task.index].failures  # before this one
        self._claimer.record_end(task, end)
        if isinstance(end, Failed):
            again = ", and will be tried again" if failures < self._max_retries else ""
            error = self._conceal(end.error)
            self._alike[error] += 1
            alike = self._alike[error]
            if alike <= _ALIKE or alike.bit_count() == 1:  # then at the 16th, 32nd, 64th, ...
                before = f" ({alike:,} attempts failed so)" if alike > _ALIKE else ""
                self._tell(f"{task.task} failed{again}: {error}{before}")
            if self._all_failed():
                self._give_up(f"{self._failures()}, the last one with: {error}", end.output)

    def _is_ended_with_it(self, end: Failed) -> bool:
        """Whether what ends this worker has ended its task too, so that the task is not to blame.

        SLURM and systemd send SIGTERM to all processes of a job at once.
        """
        return self._interrupted.wait(_SIGNALS_APART if "SIGTERM" in end.error else 0.0)

    def _all_failed(self) -> bool:
        """Whether the first attempts here have all failed, and there are enough of them."""
        tally = self._tally
        is_enough = tally.attempts == _FAILING + tally.refused
        return is_enough and set(tally.ends.values()) == {"failed"}

    def _failures(self) -> str:
        tasks = len(self._tally.ends)
        if tasks >= _FAILING:
            return f"the first {_FAILING} tasks of this worker all failed"
        number = "1 task" if tasks == 1 else f"{tasks} tasks"
        return f"the first {_FAILING} attempts of this worker, at {number}, all failed"

    def _give_up(self, reason: str, output: str) -> None:
        if self._tally.ending in _GIVEN_UP:
            return
        self._tally.ending, self._tally.reason = "failing", self._conceal(reason)
        if output:
            self._tell(self._conceal(last_lines(output)))

    def _send_followed(self) -> None:
        """Write what followed tasks have printed; less often where each time makes a file."""
        followed = self._followed.due(self._claimer.ledger, self._pool.tasks)
        if not followed:
            return
        for index, asked in followed:
            self._pool.follow(index, answer=asked)
        self._read_inbox()
        self._claimer.outputs.write(force=True)

    # -- stopping early -------------------------------------------------------------------

    def _report(self, task: Assignment, report: Report | Suggestion) -> None:
        """Record intermediate values, and tell the task whether to stop."""
        self._claimer.report(task, report)
        if self._tuner.stops_early and isinstance(report, Report):
            self._pool.answer(task.index, stop=self._should_stop(task.index))

    def _should_stop(self, index: int) -> bool:
        if index not in self._stopping and self._tuner.stops(index):
            self._stopping[index] = self._monotonic()
        return index in self._stopping

    def _stop_behind(self) -> None:
        """Stop running tasks that are behind the others, by the latest events."""
        revision = self._claimer.ledger.state.revision
        if revision == self._revision:
            return
        self._revision = revision
        for index, _ in self._pool.running():
            if index not in self._stopping and self._should_stop(index):
                self._pool.answer(index, stop=True)

    def _kill_unresponsive(self) -> None:
        """Kill functions that continue long after they were asked to stop."""
        if self._kind in ("program", "notebook"):  # their runners do this
            return
        for index, since in self._stopping.items():
            if self._monotonic() - since > self._limits.kill_after:
                self._pool.stop(index, Stop("pruned"))
