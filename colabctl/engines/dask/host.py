"""What runs in a Dask worker: it unpacks the code, and runs handouts of tasks in its own slots.

The functions here are called by name from the worker that claims, so both need this version of
colabctl. What they hold ends with the worker, or a while after the other side has fallen silent.
"""

import asyncio
import hashlib
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from distributed import get_worker
from distributed.worker import Worker

from colabctl.code.frozen import Code
from colabctl.engines.dask import folders
from colabctl.engines.dask.brief import Brief, Handout, Host, Ran
from colabctl.engines.dask.place import Place
from colabctl.engines.dask.staging import Piece, Staged
from colabctl.ledger import gpu_memories, read_machine
from colabctl.needs import ANYTHING, Capacity, capacity
from colabctl.run.slots import machine
from colabctl.stage.sources import Source

_SILENT = 90.0  # seconds without a word from the other side until its slots are closed

_codes: dict[str, Mapping[str, bytes]] = {}
_visits: dict[str, "_Visit"] = {}


class _Visit:
    """What one worker that claims has in this Dask worker: a folder, and slots."""

    def __init__(self, brief: Brief, worker: Worker) -> None:
        self.scratch = Path(
            tempfile.mkdtemp(prefix="colabctl-dask-", dir=worker.local_directory)
        ).resolve()
        gpus = int(worker.state.total_resources.get("GPU", 0))
        threads = worker.state.nthreads
        slots = min(gpus, threads) if gpus else threads
        sees = _sees(Path(brief.root), brief.marks)
        has = _capacity(worker, slots) if brief.plan.needs else ANYTHING
        self.host = Host(worker.id, slots, bool(gpus), sees, has)
        self.heard_at = time.monotonic()
        self.staged = Staged(self.scratch / "incoming")
        self.places: list[Place] = []
        self._brief = brief
        self._send = lambda event: worker.log_event(brief.token, event)

    def open_slots(self) -> None:
        """Start the slots; what the sweep stages is here."""
        code = Code(dict(_codes[self._brief.code_digest]))
        for number in range(len(self.places), self.host.slots):
            scratch = self.scratch / str(number)
            self.places.append(
                Place(self._brief, code, self.staged.copies, scratch, number, self.host, self._send)
            )

    def close(self) -> None:
        self.staged.close()
        closings = [threading.Thread(target=place.close) for place in self.places]
        for closing in closings:
            closing.start()
        for closing in closings:
            closing.join()
        shutil.rmtree(self.scratch, ignore_errors=True)


def _capacity(worker: Worker, slots: int) -> Capacity:
    """Return what each task has in a Dask worker, with one GPU for each slot."""
    machine.wait()
    here = read_machine(machine.describe())
    limits = [each for each in (here.memory, worker.memory_manager.memory_limit) if each]
    return capacity(gpu_memories(here), min(limits, default=None), slots, 1)


def _sees(root: Path, marks: Mapping[str, str]) -> bool:
    """Whether this machine sees the same files, so the same project."""
    try:
        return bool(marks) and marks_of(root, tuple(marks)) == marks
    except OSError:
        return False


def marks_of(root: Path, files: tuple[str, ...]) -> dict[str, str]:
    """Return the digests of files of a project, by their path; raises OSError."""
    return {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in files}


# -- called from the other side, in the worker's event loop ---------------------------------------


def has_code(digest: str) -> bool:
    """Whether the frozen code with this digest has arrived here."""
    return digest in _codes


def take_code(files: Mapping[str, bytes]) -> None:
    """Keep frozen code in memory."""
    _codes[Code(dict(files)).digest] = files


async def visit(brief: Brief, dask_worker: Worker) -> Host:
    """Make room for a sweep; the code has arrived before. Called again, it changes nothing."""
    if brief.token not in _visits:
        _visits[brief.token] = await asyncio.to_thread(_Visit, brief, dask_worker)
        dask_worker.loop.add_callback(_watch, brief.token)
    return _visits[brief.token].host


async def put_staged(token: str, batch: list[Piece]) -> None:
    """Write a part of what the sweep stages."""
    stay(token)
    await asyncio.to_thread(_visits[token].staged.put, batch)


async def stage(token: str, name: str, source: Source, *, travelled: bool) -> None:
    """Stage something; raises what `Staged.stage` does."""
    await asyncio.to_thread(_visits[token].staged.stage, name, source, travelled=travelled)


async def open_slots(token: str) -> None:
    """Start the slots of a visitor; what it stages is here."""
    await asyncio.to_thread(_visits[token].open_slots)


async def _watch(token: str) -> None:
    """Close the slots of a visitor that does not say any more that it is there."""
    while token in _visits:
        if time.monotonic() - _visits[token].heard_at > _SILENT:
            await leave(token)
        await asyncio.sleep(1.0)


def stay(token: str) -> bool:
    """Note that the other side is there; return whether its slots are."""
    if token in _visits:
        _visits[token].heard_at = time.monotonic()
    return token in _visits


async def leave(token: str) -> None:
    """End the slots of a visitor, and remove its files."""
    left = _visits.pop(token, None)
    if left is not None:
        await asyncio.to_thread(left.close)


def answer(token: str, number: int, index: int, *, stop: bool) -> None:
    """Tell a task whether it should stop, if it runs."""
    _place(token, number).slot.answer(index, stop=stop)


def follow(token: str, number: int, index: int, *, answer: bool) -> None:
    """Send what a task has printed since the last time."""
    place = _place(token, number)
    place.slot.follow(index, answer=answer)
    place.wake.set()


def stop(
    token: str, number: int, index: int, why: tuple[str, str], kill_after: float | None
) -> None:
    """Stop a task; its end follows."""
    _place(token, number).stop(index, why, kill_after)


def withdraw(token: str, number: int, handouts: tuple[Handout, ...], running: int | None) -> None:
    """Do not run what has not started, of these handouts; events say which tasks that are."""
    _place(token, number).withdraw(handouts, running)


async def read(token: str, number: int, index: int, path: str, offset: int) -> bytes:
    """Return a part of a file in a task's folder."""
    folder = _place(token, number).folders[index]
    return await asyncio.to_thread(folders.read_chunk, folders.place_of(folder, path), offset)


async def put(token: str, number: int, path: str, offset: int, data: bytes, *, last: bool) -> None:
    """Write a part of a file of an earlier attempt, at its path from the project's root."""
    file = folders.place_of(_place(token, number).root, path)
    await asyncio.to_thread(folders.write_chunk, file, offset, data)
    if last:
        folders.finish(file)


async def forget(token: str, number: int, index: int) -> None:
    """Remove the folder of a task that has travelled."""
    folder = _place(token, number).folders.pop(index, None)
    if folder is not None:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _place(token: str, number: int) -> Place:
    return _visits[token].places[number]


# -- run by Dask, in a thread of the worker -------------------------------------------------------


def run(token: str, number: int, handout: Handout) -> Ran:
    """Run the tasks of a handout; return their ends.

    Raises KeyError in a worker that is not prepared: Dask has moved the handout, as the worker that
    had it has died.
    """
    worker, place = get_worker(), _place(token, number)

    def is_wanted() -> bool:
        state = worker.state.tasks.get(handout.key)
        return token in _visits and state is not None and state.state == "executing"

    return place.run(handout, is_wanted)
