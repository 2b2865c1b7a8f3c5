"""Follows what a task prints, on whichever machine it runs, from one attempt to the next."""

import time
from collections.abc import Callable
from pathlib import Path

from colabctl.outputs import Output, OutputReader
from colabctl.sweeps import run_folders
from colabctl.work.attempts import Attempt, attempts_at, chosen, heading, unstarted
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.outputs.followed import ASK_EVERY, ask

_POLL = {"coherent": 0.2, "created": 1.0, "eventual": 2.0}  # seconds between two looks
_LATE = {"coherent": 1.0, "created": 15.0, "eventual": 60.0}  # seconds that an output may be late
_ANSWER = {"coherent": 10.0, "created": 45.0, "eventual": 150.0}  # seconds for an answer


def reader_of(sweep: OpenSweep, worker: str, say: Callable[[str], None]) -> OutputReader:
    """Return a reader of what the tasks of a worker have printed; `say` gets notes."""

    def skip(path: Path, error: OSError) -> None:
        say(f"note: {path} is skipped: {error.strerror or error}")

    own = sweep.layout.outputs(worker)
    inside = own.relative_to(sweep.layout.runs)
    return OutputReader(
        [home / inside for home in run_folders(sweep.layout, sweep.plan)], sweep.root, skip
    )


def printed(sweep: OpenSweep, attempt: Attempt, say: Callable[[str], None]) -> str | None:
    """Return what an attempt has printed, shortened; None if nothing is there.

    Of a running or lost attempt, these are the parts that its worker wrote while someone followed.
    """
    outputs = reader_of(sweep, attempt.worker, say).new(attempt.task)
    mine = [each for each in outputs if each.attempt == attempt.number]
    whole = [each.text for each in mine if not each.is_part]
    return whole[-1] if whole else "".join(each.text for each in mine) or attempt.end or None


def ask_once(
    sweep: OpenSweep, attempt: Attempt, member: str, say: Callable[[str], None]
) -> str | None:
    """Return what a running attempt has printed; None if its worker does not answer."""
    reader = reader_of(sweep, attempt.worker, say)

    def arrived() -> list[Output]:
        return [each for each in reader.new(attempt.task) if each.attempt == attempt.number]

    outputs = arrived()
    ask(sweep, attempt.task, member)
    until = time.monotonic() + _ANSWER[sweep.plan.consistency]
    while time.monotonic() < until:
        time.sleep(_POLL[sweep.plan.consistency])
        if answers := arrived():
            outputs += answers
            whole = [each.text for each in outputs if not each.is_part]
            return whole[-1] if whole else "".join(each.text for each in outputs)
    return "".join(each.text for each in outputs) or None


def follow(
    sweep: OpenSweep,
    index: int,
    member: str,
    show: Callable[[str], None],
    say: Callable[[str], None],
) -> None:
    """Pass what a task prints to `show`, and what happens to it to `say`, until it has ended."""
    shown: _Shown | None = None
    last = ""
    while True:
        sweep.ledger.refresh()
        state = sweep.ledger.state
        task = state.tasks[index]
        if task.finished and task.event is None:  # cancelled, or its workers were lost
            say(unstarted(state, index))
            return
        attempt = chosen(attempts_at(state, index), None)
        if attempt is None or attempt.ending in ("lost", "released"):
            said = unstarted(state, index)
        else:
            if shown is None or not shown.is_of(attempt):
                shown = _Shown(sweep, attempt, member, say)
            shown.look(attempt, show)
            said = heading(attempt)
            if attempt.ending == "running" and not _lives(sweep, attempt.worker):
                said = f"{attempt.worker} does not answer; another worker may take the task over"
        is_over = shown is None or shown.is_complete
        if said != last and (is_over or attempt is None or attempt.ending == "running"):
            say(said)
            last = said
        if is_over and task.finished:
            return
        time.sleep(_POLL[sweep.plan.consistency])


class _Shown:
    """What was shown of one attempt."""

    def __init__(
        self, sweep: OpenSweep, attempt: Attempt, member: str, say: Callable[[str], None]
    ) -> None:
        self._sweep = sweep
        self._run = attempt.worker, attempt.number
        self._member = member
        self._reader = reader_of(sweep, attempt.worker, say)
        self._has_parts = False
        self._whole: str | None = None
        self._asked_at = float("-inf")
        self._ended_at: float | None = None
        self.is_complete = False

    def is_of(self, attempt: Attempt) -> bool:
        return self._run == (attempt.worker, attempt.number)

    def look(self, attempt: Attempt, show: Callable[[str], None]) -> None:
        """Show what is new; ask for more while the attempt runs."""
        now = time.monotonic()
        for output in self._reader.new(attempt.task):
            if output.attempt != attempt.number:
                continue
            if output.is_part:
                self._has_parts = True
                show(output.text)
            else:
                self._whole = output.text
        if attempt.ending == "running":
            if now - self._asked_at >= ASK_EVERY:
                self._asked_at = now
                ask(self._sweep, attempt.task, self._member)
        elif not self.is_complete:
            self._ended_at = self._ended_at or now
            late = now - self._ended_at >= _LATE[self._sweep.plan.consistency]
            if self._whole is not None or late:
                self.is_complete = True
                if not self._has_parts:
                    show(self._whole or attempt.end)


def _lives(sweep: OpenSweep, worker: str) -> bool:
    return sweep.ledger.state.lives_at(worker, sweep.ledger.clock.now())
