"""A slot in a Dask worker: the slot of any worker, with the project's folder or a stand-in."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from colabctl.code import frozen
from colabctl.engines.dask import folders
from colabctl.engines.dask.brief import Brief, Files, Handout, Host, Ran, TaskEnd
from colabctl.engines.settings import slot_settings
from colabctl.run.messages import (
    Broken,
    Done,
    End,
    Failed,
    Inbox,
    Notice,
    Printed,
    Pruned,
    Report,
    Returned,
    Stop,
    Suggestion,
    TaskMessage,
    encode,
)
from colabctl.run.slots.environment import gpus, links, slot_environs, staged_variables
from colabctl.run.slots.slot import Slot
from colabctl.run.slots.waiting import Waiting
from colabctl.staged import StagedCopy
from colabctl.task import Assignment

_LOOK = 0.2  # seconds between looks at what the slot reports and whether Dask still wants it
_SAVES = 5.0  # seconds between looks for new files of a task that runs on
_ENDS = 0.5  # seconds that the end of a task waits for others of its handout
_KEPT = 4  # handouts whose ends are kept; a slot has two at a time
_SMALL = 200_000  # bytes of a task's files that travel with its end

Send = Callable[[dict[str, Any]], None]


class Place:
    """One slot, and the tasks that it has."""

    def __init__(  # noqa: PLR0917 - built in one place
        self,
        brief: Brief,
        code: frozen.Code,
        copies: Sequence[StagedCopy],
        scratch: Path,
        number: int,
        host: Host,
        send: Send,
    ) -> None:
        self._number = number
        self._send: Callable[[dict[str, Any]], object] = lambda event: send(
            {"host": host.id, "number": number, **event}
        )
        self._project = Path(brief.root)
        self._sees = host.sees_project
        self.root = self._project if self._sees else scratch / "project" / self._project.name
        self.root.mkdir(parents=True, exist_ok=True)
        self.folders: dict[int, Path] = {}  # of tasks whose files are still to travel
        for source in () if self._sees else links(copies):  # a copy is shown in its folder
            (self.root / source).parent.mkdir(parents=True, exist_ok=True)
        frozen.write(code, scratch / "code")
        [settings] = slot_settings(
            brief.plan,
            self.root,
            scratch,
            jobs=1,
            kill_after=brief.kill_after,
            secrets=brief.secrets,
            tell=self._tell,
            wait=lambda _: True,
            staged=links(copies),
        )
        workspace = settings.code if settings.frozen else None
        [environ] = slot_environs(self.root, "", [workspace], staged=staged_variables(copies))
        environ |= {**brief.environ, "COLABCTL_ROOT": str(self.root)}
        devices = gpus(os.environ) if host.gpus and host.slots > 1 else []
        if len(devices) > 1:
            environ["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
        self.wake = threading.Event()
        self._inbox: Inbox = Inbox()
        self._waiting = Waiting()
        self._running = threading.Lock()  # held by the handout that runs here
        self._lock = threading.Lock()
        self._withdrawn: dict[str, set[int]] = {}  # handouts that have not started
        self._begun: set[str] = set()
        self._ran: dict[str, Ran] = {}  # the last handouts, as Dask may ask for one again
        self._open: dict[int, Assignment] = {}
        self._ended = False  # the slot's process cannot be started

        def record(proceed: Callable[[], None]) -> None:
            proceed()
            self.wake.set()

        self.slot = Slot(
            settings, environ, self._inbox, self.wake.set, record, waiting=self._waiting
        )

    def _tell(self, text: str) -> None:
        self._send({"news": [["notice", -1, text]]})

    # -- a handout ----------------------------------------------------------------------------

    def run(self, handout: Handout, is_wanted: Callable[[], bool]) -> Ran:
        """Run the tasks of a handout, until all have ended or Dask does not want them any more."""
        with self._running:
            if handout.key in self._ran:
                return self._ran[handout.key]
            started, ends = time.monotonic(), list[TaskEnd]()
            with self._lock:
                out = self._withdrawn.pop(handout.key, set())
                self._begun.add(handout.key)
                tasks = [self._here(each) for each in handout.assignments if each.index not in out]
                self._open = {task.index: task for task in tasks}
            self._send({"began": handout.key})
            self._waiting.add(tasks)
            looked_at, sent_at, seen = started, started, dict[int, Files]()
            count = 0
            while self._open and not self._ended:
                self.wake.wait(_LOOK)
                self.wake.clear()
                now = time.monotonic()
                ends += self._read()
                if ends and self._open and now - sent_at > _ENDS:
                    count, sent_at = count + len(ends), now
                    self._send({"ended": [_as_event(end) for end in ends]})
                    ends.clear()
                if not is_wanted():
                    self._abandon()
                    break
                if not self._sees and now - looked_at > _SAVES:
                    looked_at = now
                    self._show_saves(seen)
            count += len(ends)
            ran = Ran(tuple(ends), (time.monotonic() - started) / max(1, count))
            self._ran = {**dict(list(self._ran.items())[1 - _KEPT :]), handout.key: ran}
            return ran

    def _here(self, assignment: Assignment) -> Assignment:
        """Return an assignment with the paths of this machine."""
        if self._sees:
            return assignment
        folder, *earlier = (
            str(self.root / Path(each).relative_to(self._project))
            for each in (assignment.folder, *assignment.earlier)
        )
        return replace(assignment, folder=folder, earlier=tuple(earlier), root=str(self.root))

    def _read(self) -> list[TaskEnd]:
        """Pass on what the slot reports; return the tasks that have ended."""
        ends: list[TaskEnd] = []
        news: list[list[Any]] = []
        while self._inbox:
            match self._inbox.popleft():
                case TaskMessage(task, Report() | Suggestion() as message):
                    news.append(["message", task.index, encode(message).decode()])
                case TaskMessage(task, Printed(text)):
                    news.append(["printed", task.index, text])
                case TaskMessage(task, Done() | Pruned() | Failed() | Returned() as end):
                    ends.append(self._end(task, end))
                    with self._lock:
                        self._open.pop(task.index, None)
                case Notice(text):
                    news.append(["notice", -1, text])
                case Broken(error, output):
                    news.append(["broken", -1, error, output])
                    self._ended = True
        if news:
            self._send({"news": news})
        return ends

    def _end(self, task: Assignment, end: End) -> TaskEnd:
        if self._sees:
            return TaskEnd(task.index, end)
        folder = Path(task.folder)
        if strays := self._collect_strays(folder):
            end = _with_note(
                end,
                "this Dask worker does not see the project; what the task wrote into it is now in "
                f"the task's folder: {', '.join(strays[:5])}{', ...' if len(strays) > 5 else ''}",
            )
        files, left = folders.fitting(folders.files_in(folder))
        if left:
            end = _with_note(
                end,
                f"{len(left)} files of the task's folder ({sum(left.values()) / 1e9:.1f} GB) are "
                f"left behind on the Dask worker, as at most {folders.MOST_BYTES / 1e9:g} GB "
                f"travel: {', '.join(list(left)[:5])}; save large files to a store of your own",
            )
        if not files:
            return TaskEnd(task.index, end)
        if sum(files.values()) <= _SMALL:
            small = {path: (folder / path).read_bytes() for path in files}
            shutil.rmtree(folder, ignore_errors=True)
            return TaskEnd(task.index, end, files, small)
        self.folders[task.index] = folder
        return TaskEnd(task.index, end, files)

    def _collect_strays(self, folder: Path) -> list[str]:
        """Move what a task wrote elsewhere in the stand-in of the project into its folder."""
        strays = [path for path in folders.files_in(self.root) if not path.startswith("sweeps/")]
        for path in strays:
            target = folders.place_of(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self.root / path, target)
        return strays

    def _show_saves(self, seen: dict[int, Files]) -> None:
        """Say which files a running task has written so far, so that its saves outlive this."""
        running = self.slot.running()
        if running is None:
            return
        task = running[0]
        folder = Path(task.folder)
        files, _ = folders.fitting(folders.files_in(folder))
        if files and files != seen.get(task.index):
            seen[task.index] = files
            self.folders[task.index] = folder
            self._send({"saves": [task.index, files]})

    def _abandon(self) -> None:
        """End what runs here: the other side has left, or has given the tasks to others."""
        while self._waiting.take_back(1):
            pass
        running = self.slot.running()
        if running is not None:
            self.slot.stop(running[0].index, Stop("returned"), kill_after=2.0)
        deadline = time.monotonic() + 5.0
        while self.slot.running() is not None and time.monotonic() < deadline:
            self.wake.wait(_LOOK)
            self.wake.clear()
        self._inbox.clear()
        with self._lock:
            self._open.clear()

    # -- from the event loop ------------------------------------------------------------------

    def stop(self, index: int, why: tuple[str, str], kill_after: float | None) -> None:
        """Stop a task; if it has not started, an event says that it will not."""
        if self._waiting.drop(index):
            self._withdraw_open([index])
        else:
            kind, error = why
            self.slot.stop(index, Stop(kind, error), kill_after)  # type: ignore[arg-type]

    def withdraw(self, handouts: tuple[Handout, ...], running: int | None) -> None:
        """Take back the tasks that have not started; those in the slot's process come later."""
        for handout in handouts:
            indices = {each.index for each in handout.assignments}
            with self._lock:
                is_new = handout.key not in self._begun
                if is_new:
                    indices -= self._withdrawn.setdefault(handout.key, set())
                    self._withdrawn[handout.key] |= indices
            if is_new:
                self._send({"withdrawn": sorted(indices)})
        if running is not None:
            self.slot.take_back_stuck()
        self._withdraw_open([task.index for task in self._waiting.take_back(len(self._waiting))])

    def _withdraw_open(self, indices: list[int]) -> None:
        with self._lock:
            for index in indices:
                self._open.pop(index, None)
        if indices:
            self._send({"withdrawn": indices})
        self.wake.set()

    def close(self) -> None:
        """End the slot."""
        self._ended = True
        self._abandon()
        self.slot.close(within=3.0)


def _as_event(end: TaskEnd) -> list[Any]:
    """Return an end as Dask's events can hold it."""
    message = end.end
    text = None if isinstance(message, Returned) else encode(message).decode()
    why = message.why if isinstance(message, Returned) else ""
    return [end.index, text, why, end.files, None if end.small is None else dict(end.small)]


def _with_note(end: End, note: str) -> End:
    """Return an end with a line more of output."""
    if isinstance(end, Returned):
        return end
    return replace(end, output=f"{end.output}\ncolabctl: {note}".lstrip())
