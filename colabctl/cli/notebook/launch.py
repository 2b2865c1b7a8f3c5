"""What `workers --launch` does: it starts sessions in Colab, and shows what they print."""

import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from colabctl.cli.notebook.kaggle import agreed
from colabctl.cli.options import tell
from colabctl.cli.terminal import counted, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.launch.colab import Session
    from colabctl.project.config import Config
    from colabctl.project.notebooks.worker import Job

_USUAL = 11.0  # hours
_SHORTEST = 0.25  # hours; less leaves no time between the installation and the last upload
_MOST = 20  # sessions; no plan allows more


def launch(
    config: "Config",
    member: str,
    job: "Job",
    *,
    number: int,
    gpu: str | None,
    hours: float | None,
    yes: bool,
) -> None:
    """Start `number` sessions of the user's own account, and follow them to their end."""
    from colabctl.launch import colab
    from colabctl.launch.project_store import away, put_wheel
    from colabctl.project.notebooks.kaggle.kernel import title_of
    from colabctl.project.notebooks.worker import TERMS

    if not 1 <= number <= _MOST:
        raise UserError(f"--launch is {number}; give a number of sessions from 1 to {_MOST}")
    machine = colab.find_gpu(gpu) if gpu else None
    seconds = round(_hours(hours, colab.MOST_HOURS) * 3600)
    worker = away(config, member, seconds, "a session without a web page")
    text = colab.script(job, worker, os.environ)
    colab.COLAB.path()
    names = [title_of(config.name, job.sweep, member, n) for n in range(1, number + 1)]
    shown = colab.shown(colab.run_arguments(names[0], machine, seconds, "SCRIPT"))
    tell(f"{counted(number, 'session')} in Colab, each of your own account:\n  {shown}")
    tell(f"your account (colab usage):\n{plain(colab.balance())}")
    tell(TERMS)
    if not agreed(f"start {counted(number, 'session')}?", yes=yes):
        raise UserError("nothing was started; on a terminal, answer y, or add --yes")
    put_wheel(worker, job.sweep)
    folder = Path(tempfile.mkdtemp(prefix="colabctl-"))  # only this user can read it
    try:
        path = folder / "worker.py"
        path.write_text(text, encoding="utf-8")
        arguments = {name: colab.run_arguments(name, machine, seconds, path) for name in names}
        said = _Said()
        sessions = colab.start(arguments, said)
        interrupted = colab.wait(sessions, said)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if interrupted.is_set():
        raise typer.Exit(128 + (interrupted.number or 0))
    _end(sessions)


class _Said:
    """Prints whole lines from several threads, cleaned for a terminal."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self, line: str) -> None:
        with self._lock:
            print(plain(line), flush=True)


def _hours(hours: float | None, most: float) -> float:
    if hours is None:
        return _USUAL
    if not _SHORTEST <= hours <= most:
        raise UserError(
            f"--hours is {hours:g}; a session of Colab lasts from {_SHORTEST:g} to {most:g} hours"
        )
    return hours


def _end(sessions: "list[Session]") -> None:
    """Say which sessions ended with an error, and what to do."""
    refused = [each.name for each in sessions if each.refused]
    if refused:
        tell(
            f"{counted(len(refused), 'session')} refused: your plan's limit of sessions is "
            "reached, or Colab has no such machine now; see yours: colab sessions; end one: "
            "colab stop -s NAME"
        )
    failed = [each.name for each in sessions if each.process.returncode]
    if failed:
        raise UserError(
            f"{counted(len(failed), 'session')} ended with an error: {', '.join(failed)}; their "
            "last lines say why"
        )
