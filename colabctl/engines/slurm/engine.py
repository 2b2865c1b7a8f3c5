"""Starts pilots on SLURM as arrays of batch jobs, looks at those in the queue, cancels them."""

import getpass
import re
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_log_path

from colabctl.engines.contract import Pilots, PilotState
from colabctl.engines.slurm import commands
from colabctl.engines.slurm.options import asked_for, checked_options, seconds, words
from colabctl.errors import UserError

SETUP = "setup"
"""The option, of the engine and not of sbatch, with lines to run before colabctl."""

_SIGNAL = 120  # seconds before the job's end at which SLURM sends SIGTERM
_LARGEST_ARRAY = 1001  # SLURM's default for MaxArraySize
_QUICK = 2.0  # seconds that `status` may wait for squeue
_MOST_JOBS = 200
_RUNNING = frozenset({"RUNNING", "CONFIGURING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT"})
_PENDING = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT",
                      "RESV_DEL_HOLD"})  # fmt: skip


def engine(address: str, options: Mapping[str, str]) -> "Slurm":
    """Return the engine for the cluster whose commands are on the PATH."""
    if address:
        raise UserError(
            f"--on slurm://{address}: SLURM has no address; log in to the cluster, and write --on "
            "slurm"
        )
    setup = options.get(SETUP, "")
    if not all(char.isprintable() or char in "\n\t" for char in setup):
        raise UserError("--slurm-setup holds control characters; type the line again")
    sbatch = {name: value for name, value in options.items() if name != SETUP}
    return Slurm(checked_options(sbatch), setup)


@dataclass(frozen=True)
class Slurm:
    """SLURM, with options for sbatch and lines of shell to run before colabctl."""

    options: Mapping[str, str]
    setup: str = ""

    def script(self, pilots: Pilots) -> str:
        """Return the batch script."""
        command = shlex.join([*_sbatch(pilots, self.options, pilots.count), "SCRIPT"])
        python, *rest = pilots.command
        module = rest.index("colabctl")  # of python -P -m colabctl work SWEEP
        pilot = [python, *rest[:module], "colabctl.engines.slurm.pilot", *rest[module + 1 :]]
        setup = f"set -e\n{self.setup}\nset +e\n" if self.setup else ""
        return (
            "#!/bin/bash\n"
            f"# Each pilot works on the sweep {pilots.sweep} until it has no tasks left, or until\n"
            "# shortly before the job's time limit.\n"
            f"# Submitted with: {_one_line(command)}\n"
            f"{setup}exec {shlex.join(pilot)}\n"
        )

    def start(self, pilots: Pilots, started: Callable[[str], None]) -> None:
        """Submit the pilots, in several arrays if one may not be that long."""
        limits = commands.configuration("MaxArraySize", "SlurmdTimeout")
        largest = max(1, limits.get("MaxArraySize", _LARGEST_ARRAY))
        _tell_of_lease(pilots, limits.get("SlurmdTimeout", 0))
        script = self.script(pilots)
        _logs(pilots).mkdir(parents=True, exist_ok=True, mode=0o700)
        left = pilots.count
        while left:
            count = min(left, largest)
            started(commands.sbatch(_sbatch(pilots, self.options, count)[1:], script))
            left -= count
        pilots.tell(f"the logs of the pilots: {_logs(pilots)}")

    def look(self, name: str, jobs: Sequence[str]) -> Sequence[PilotState]:
        """Return what squeue says of jobs with this name."""
        ids = [job for job in jobs if re.fullmatch(r"\d{1,12}", job)][:_MOST_JOBS]
        if not ids or not commands.installed("squeue"):
            return ()
        printed = commands.run("squeue", "--noheader", "--array", f"--jobs={','.join(ids)}",
                               "--format=%F|%T|%r|%u|%j", within=_QUICK)  # fmt: skip
        counts: Counter[tuple[str, str, str, str]] = Counter()
        for line in printed.out.splitlines() if printed is not None and printed.ok else ():
            job, state, reason, user, job_name = (*line.split("|", 4), "", "", "", "")[:5]
            if job in ids and job_name == _job_name(name):
                counts[job, state, reason, user] += 1
        me = getpass.getuser()
        return [
            PilotState(job, "pending" if state in _PENDING else "running", count,
                       "" if reason == "None" or state not in _PENDING else reason,
                       own=user == me)
            for (job, state, reason, user), count in counts.items()
            if state in _RUNNING or state in _PENDING
        ]  # fmt: skip

    def end(self, name: str, jobs: Sequence[str]) -> None:
        """Cancel those pilots of this user that are pending."""
        ids = [job for job in jobs if re.fullmatch(r"\d{1,12}", job)]
        printed = commands.run(
            "scancel", "--state=PENDING", f"--name={_job_name(name)}",
            f"--user={getpass.getuser()}", *ids, within=30.0,
        )  # fmt: skip
        if printed is None:
            raise UserError(f"scancel is missing or does not answer; cancel the pilots yourself: "
                            f"scancel --name={_job_name(name)}")  # fmt: skip
        if not printed.ok:
            raise UserError(commands.refusal("scancel", printed.err))


def _tell_of_lease(pilots: Pilots, timeout: int) -> None:
    """Say so if a node that is cut off may still run tasks that are free for others."""
    if pilots.lease < timeout:
        pilots.tell(
            f"note: the lease of {pilots.lease:g} s is shorter than this cluster's SlurmdTimeout "
            f"of {timeout} s, so others repeat the tasks of a node that is cut off while it may "
            f"still run them; to avoid that, write lease: {timeout + 60}s into colabctl.yaml"
        )


def _one_line(text: str) -> str:
    """Return a text for a comment, which a new line would end."""
    return "".join(char if char.isprintable() else " " for char in text)


def _job_name(name: str) -> str:
    return f"colabctl-{name}"


def _logs(pilots: Pilots) -> Path:
    """Return the user's own folder for the logs of pilots.

    A log grows, and in the sweep's folder files are written once.
    """
    return Path(user_log_path("colabctl")) / "pilots" / pilots.name


def _sbatch(pilots: Pilots, options: Mapping[str, str], count: int) -> list[str]:
    """Return the command that submits an array of `count` pilots, without its script."""
    limit = seconds(options["time"]) if "time" in options else None
    before = _SIGNAL if limit is None else max(1, min(_SIGNAL, round(limit / 10)))
    # SLURM puts in the ids for %A and %a; %% is a percent sign.
    log = str(_logs(pilots)).replace("%", "%%") + "/%A_%a.log"
    return [
        "sbatch", "--parsable", f"--array=0-{count - 1}", "--requeue", "--open-mode=append",
        f"--signal=B:TERM@{before}", f"--job-name={_job_name(pilots.name)}",
        f"--chdir={pilots.folder}", f"--output={log}", "--export=ALL",
        *words(options), *words(asked_for(pilots.needs, options)),
    ]  # fmt: skip
