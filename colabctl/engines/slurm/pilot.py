"""Runs in a job of SLURM: becomes a worker that ends before the job's time limit."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise

from colabctl.durations import parse_duration
from colabctl.engines.slurm import commands
from colabctl.engines.slurm.options import seconds
from colabctl.errors import UserError

_MARGIN = 180.0  # seconds; SLURM may send SIGTERM 120 s, and then up to 60 s more, before the limit
_PATIENCE = 20.0  # seconds for squeue


def arguments(words: Sequence[str], left: float | None) -> list[str]:
    """Return the arguments for colabctl, with what is `left` of the job's time in seconds."""
    if left is None:
        return list(words)
    within = max(1.0, left - min(_MARGIN, left / 10))
    mine = dict(pairwise(words)).get("--max-time")
    if mine is not None and parse_duration(mine, "--max-time") <= within:
        return list(words)
    # The last one counts.
    return [*words, "--max-time", f"{within:.0f}s"]


def time_left(environ: Mapping[str, str]) -> float | None:
    """Return the seconds until the job's time limit, None if it has none or it is unknown."""
    end = environ.get("SLURM_JOB_END_TIME", "")  # since SLURM 23.02
    if end.isdecimal():
        return float(end) - time.time()
    job = environ.get("SLURM_JOB_ID", "")
    if not job.isdecimal():
        return None
    printed = commands.run("squeue", "--noheader", f"--jobs={job}", "--format=%L", within=_PATIENCE)
    if printed is None or not printed.ok:
        return None
    try:
        return seconds(printed.out.strip())
    except UserError:  # NOT_SET, INVALID
        return None


def main() -> None:
    """Become `colabctl ARGUMENTS`, so that SLURM's signals reach the worker itself."""
    restarts = os.environ.get("SLURM_RESTART_COUNT", "0")
    if restarts.isdecimal() and int(restarts):
        print(f"this pilot was started again by SLURM ({restarts})", file=sys.stderr, flush=True)
    command = arguments(sys.argv[1:], time_left(os.environ))
    os.execv(sys.executable, [sys.executable, "-P", "-m", "colabctl", *command])  # noqa: S606 - no shell


if __name__ == "__main__":
    main()
