"""A slot in a Dask worker, as the worker sees it that claims: it hands out tasks and takes ends."""

import math
import queue
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from distributed import Future

from colabctl.engines.dask import host
from colabctl.engines.dask.brief import Handout, Host, Ran, TaskEnd
from colabctl.engines.dask.connection import Connection, Unreachable
from colabctl.engines.dask.files import Files, end_of_event
from colabctl.run.messages import (
    Broken,
    Inbox,
    Notice,
    Printed,
    Record,
    Report,
    Returned,
    Stop,
    TaskMessage,
    decode,
)
from colabctl.run.slots.waiting import Waiting
from colabctl.task import Assignment

_SHORT = 0.1  # seconds; of tasks shorter than this, several travel in a message
_MESSAGE = 0.25  # seconds of work in such a message
_MOST = 256  # tasks in a message
_AHEAD = 0.5  # seconds of a handout below which the next one waits at the worker already
_STUCK = 0.2  # seconds that a task runs until those behind it are taken back
_AGAIN = 0.5  # seconds until those are asked for that the process had, which come back later
_FETCH = (
    1.0  # seconds between looks at whether a Dask worker whose result is fetched is still there
)
_UNBEGUN = 2.0  # seconds that a handout waits for others in the Dask worker until it is taken back

_numbers = count()


@dataclass
class _Out:
    """A handout that has been submitted."""

    handout: Handout
    future: Future[Ran]
    submitted: float
    begun: bool = False


class DaskSlot:
    """Hands tasks to one slot of a Dask worker.

    It takes them from `waiting`, which all slots share. Its thread adds to `inbox`, and calls
    `record` once for the ends of a handout. When the Dask worker is gone, `lose` ends it: the task
    that ran there has lost its worker, and the others run elsewhere.
    """

    def __init__(
        self,
        connection: Connection,
        address: str,
        number: int,
        there: Host,
        *,
        waiting: Waiting,
        inbox: Inbox,
        wake: Any,
        record: Record,
        root: Path,
    ) -> None:
        self.address = address
        self.host = there
        self.number = number
        self.seconds: float | None = None
        self._connection = connection
        self._waiting = waiting
        self._inbox = inbox
        self._wake = wake
        self._record = record
        self._files = Files(connection, address, number, root, inbox)
        self._sent: deque[Assignment] = deque()  # the first one runs
        self._out: dict[str, _Out] = {}
        self._started = time.monotonic()
        self._stopped: set[int] = set()
        self._asked_at = 0.0  # when tasks were last taken back
        self._news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._over = False
        self._lost = ""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    # -- asked by the pool ----------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """Whether a handout is with the Dask worker."""
        return bool(self._out)

    def free_in(self) -> float:
        """Return an estimate of the seconds until the slot has run what it has."""
        with self._lock:
            if not self._out:
                return 0.0
            if self.seconds is None or not self._sent:
                return math.inf
            left = self._started + len(self._sent) * self.seconds - time.monotonic()
            # A message takes a while, so the next tasks of short ones are claimed in time.
            return left - _MESSAGE if self.seconds < _AHEAD else left

    def running(self) -> tuple[Assignment, float] | None:
        """Return the running task, and for how many seconds it has run."""
        with self._lock:
            if self._sent and self._has_begun():
                return self._sent[0], time.monotonic() - self._started
            return None

    def _has_begun(self) -> bool:
        return any(out.begun for out in self._out.values())

    def follow(self, index: int, *, answer: bool) -> None:
        """Report what this task has printed since the last call, if it runs here."""
        if self._runs(index):
            self._cast(host.follow, index, answer=answer)

    def answer(self, index: int, *, stop: bool) -> None:
        """Tell this task whether it should stop, if it runs here."""
        if self._runs(index):
            self._cast(host.answer, index, stop=stop)

    def _runs(self, index: int) -> bool:
        with self._lock:
            return any(task.index == index for task in self._sent)

    def stop(self, index: int, why: Stop, kill_after: float | None = None) -> None:
        """Stop this task if it is here."""
        with self._lock:
            if not self._runs(index) or index in self._stopped:
                return
            self._stopped.add(index)
        self._cast(host.stop, index, tuple(why), kill_after)

    def take_back_stuck(self) -> None:
        """Put tasks that wait for a long one back, also for one of another user of the worker."""
        with self._lock:
            running, now = self.running(), time.monotonic()
            if running is not None:
                is_stuck = len(self._sent) > 1 and running[1] > _STUCK
            else:
                first = min((out.submitted for out in self._out.values()), default=math.inf)
                is_stuck = bool(self._sent) and now - first > _UNBEGUN
            if not is_stuck or now - self._asked_at < _AGAIN:
                return
            self._asked_at = now
            handouts = tuple(out.handout for out in self._out.values())
        self._cast(host.withdraw, handouts, running[0].index if running else None)

    def _cast(self, function: Any, *parts: Any, **named: Any) -> None:
        self._connection.cast(self.address, function, self.number, *parts, **named)

    # -- called by the cluster ------------------------------------------------------------------

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take an event of the Dask worker; in Dask's own thread, so it only queues it."""
        self._news.put(("event", event))

    def lose(self, why: str) -> None:
        """Note that the Dask worker is gone; the slot ends."""
        self._lost = self._lost or why
        self._end()

    def _end(self) -> None:
        self._over = True
        self._news.put(("over", None))
        self._waiting.nudge()

    def close(self, within: float = 5.0) -> None:
        """End the slot; after `within` seconds, leave what still runs to the Dask worker's side."""
        self._over = True
        self._waiting.close()
        self._waiting.nudge()
        if not self._sent:
            self._news.put(("over", None))
        self._thread.join(within)
        self._news.put(("over", None))
        self._thread.join(within)
        for out in list(self._out.values()):
            with suppress(Exception):  # the connection may be gone
                out.future.cancel()

    # -- the thread -----------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            if not self._out and not self._waiting.wait(lambda: self._over):
                break
            try:
                if not self._over:
                    self._hand_out()
                if not self._out:
                    if self._over:
                        break
                    continue
                kind, what = self._news.get()
                if kind == "over":
                    break
                if kind == "ran":
                    self._take(what)
                elif not self._take_event(what):
                    break
            except Unreachable as error:
                if not self._over and self._connection.is_alive():
                    self._lost = self._lost or f"it does not answer ({error})"
                break
        if self._lost:
            self._give_back()
        self._wake()

    @property
    def has_ended(self) -> bool:
        """Whether it takes no more tasks."""
        return not self._thread.is_alive()

    def _hand_out(self) -> None:
        """Submit handouts until enough are with the Dask worker."""
        while len(self._out) < self._window():
            batch = tuple(self._waiting.take(self._size()))
            if not batch:
                return
            if not self.host.sees_project:
                try:
                    for assignment in batch:
                        self._files.bring_earlier(assignment)
                except Unreachable:
                    self._waiting.put_back(batch)
                    raise
            key = self._connection.key(batch[0], next(_numbers))
            handout = Handout(key, batch)
            with self._lock:
                if not self._out:
                    self._started = time.monotonic()
                self._sent.extend(batch)
                future = self._connection.submit(self.address, self.number, self.host, handout)
                self._out[key] = _Out(handout, future, time.monotonic())
            future.add_done_callback(lambda _, key=key: self._news.put(("ran", key)))
            if not self._waiting:
                self._wake()  # this slot will soon be idle

    def _window(self) -> int:
        """Return how many handouts may be with the Dask worker."""
        if self.seconds is None or self.seconds > _AHEAD:
            return 1
        running = self.running()
        return 1 if running is not None and running[1] > max(_STUCK, 2 * self.seconds) else 2

    def _size(self) -> int:
        if self.seconds is None or self.seconds > _SHORT:
            return 1
        return max(1, min(_MOST, int(_MESSAGE / max(self.seconds, 1e-6))))

    def _take_event(self, event: Mapping[str, Any]) -> bool:
        """Do what an event says; return whether the slot continues."""
        if "began" in event:
            with self._lock:
                out = self._out.get(event["began"])
                if out is not None:
                    out.begun = True
                    self._started = time.monotonic()
            return True
        if "withdrawn" in event:
            self._put_back(set(event["withdrawn"]))
        elif "ended" in event:
            self._close([end_of_event(*parts) for parts in event["ended"]])
            self._record(lambda: None)
            self._wake()
        elif "saves" in event:
            index, files = event["saves"]
            task = self._task(index)
            if task is not None:
                self._files.fetch(task, files)
        for kind, index, *parts in event.get("news", ()):
            task = self._task(index)
            if kind == "notice":
                self._inbox.append(Notice(parts[0]))
            elif kind == "broken":
                self._inbox.append(Broken(*parts))
                self._wake()
                return False
            elif task is not None and kind == "printed":
                self._inbox.append(TaskMessage(task, Printed(parts[0])))
            elif task is not None:
                message = decode(parts[0].encode())
                self._inbox.append(TaskMessage(task, message))  # type: ignore[arg-type]
                if isinstance(message, Report):  # it may need an answer
                    self._wake()
        return True

    def _task(self, index: int) -> Assignment | None:
        with self._lock:
            return next((task for task in self._sent if task.index == index), None)

    def _put_back(self, indices: set[int]) -> None:
        """Let other slots have tasks that did not start here, but for those that were stopped."""
        with self._lock:
            back = [task for task in self._sent if task.index in indices]
            self._sent = deque(task for task in self._sent if task.index not in indices)
            self._waiting.put_back([task for task in back if task.index not in self._stopped])
            stopped = [task for task in back if task.index in self._stopped]
            self._stopped -= indices
        for task in stopped:
            self._inbox.append(TaskMessage(task, Returned()))
        if stopped:
            self._wake()

    def _take(self, key: str) -> None:
        """Take the ends of a handout, with the files of its tasks."""
        out = self._out[key]
        ran = self._result(out)
        self._close(ran.ends)
        with self._lock:
            del self._out[key]
            left = {each.index for each in out.handout.assignments}
            if ran.ends:
                mean = self.seconds
                self.seconds = ran.seconds if mean is None else (mean + ran.seconds) / 2
        self._put_back(left)  # what did not run after all
        self._record(lambda: None)
        self._wake()

    def _result(self, out: _Out) -> Ran:
        """Fetch what a handout returned; raise Unreachable if it died with its Dask worker."""
        while True:
            try:
                ran: Ran = out.future.result(timeout=_FETCH)
            except TimeoutError as error:
                # Dask would wait until this very worker, which is gone, has computed it again.
                if self._over or not self._connection.is_alive():
                    raise Unreachable("what it returned is lost") from error
            except Exception as error:
                raise Unreachable(f"{type(error).__name__}: {error}"[:300]) from error
            else:
                return ran

    def _close(self, ends: Sequence[TaskEnd]) -> None:
        """Fetch the files of tasks that have ended, and report the ends."""
        for end in ends:
            task = self._task(end.index)
            if task is None:
                continue
            self._files.bring_home(task, end)
            with self._lock:
                self._sent.remove(task)
                self._stopped.discard(end.index)
                self._started = time.monotonic()
                self._inbox.append(TaskMessage(task, end.end))

    def _give_back(self) -> None:
        """End the tasks of a Dask worker that is gone: the one that ran has lost its worker."""
        with self._lock:
            begun = self._has_begun()
            tasks, self._sent = list(self._sent), deque()
            for out in self._out.values():
                with suppress(Exception):  # the connection may be gone as well
                    out.future.cancel()
            self._out.clear()
            stopped, self._stopped = self._stopped, set()
        if begun and tasks:
            first = tasks.pop(0)
            why = f"its Dask worker {self.address} is gone: {self._lost}"
            self._inbox.append(TaskMessage(first, Returned(why, lost=True)))
        for task in [task for task in tasks if task.index in stopped]:
            self._inbox.append(TaskMessage(task, Returned()))
        self._waiting.put_back([task for task in tasks if task.index not in stopped])
        self._record(lambda: None)
