"""Calls SLURM's commands, and reads what they print."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from colabctl.errors import UserError

_PATIENCE = 90.0  # seconds for a command that submits; SLURM itself tries again for some time
_LONGEST = 500  # characters of a refusal
_ADVICE = (
    ("partition", "see which there are: sinfo"),
    ("account", "name one of yours: --slurm account=NAME"),
    ("qos", "name one that you may use: --slurm qos=NAME"),
    ("time limit", "ask for less: --slurm time=HH:MM:SS; see the limits: sinfo"),
    ("limit", "start fewer with -n, or wait until some of your jobs have ended"),
    ("node configuration", "ask for what a node has; see: sinfo -o '%P %c %m %G'"),
    ("fetch_config", "this machine knows no cluster; run this on a login node"),
    ("contact", "the cluster does not answer; try again later"),
    ("memory", "ask for what a node has; see: sinfo -o '%P %c %m %G'"),
    ("gres", "ask for what a node has; see: sinfo -o '%P %c %m %G'"),
)


@dataclass(frozen=True)
class Printed:
    """What a command printed, and whether it succeeded."""

    ok: bool
    out: str
    err: str


def run(*command: str, script: str | None = None, within: float = _PATIENCE) -> Printed | None:
    """Run a command with `script` as its input; return None if it is missing or does not answer."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        ended = subprocess.run(  # noqa: S603 - SLURM's commands; their words are checked
            [program, *command[1:]],
            input=script, stdin=None if script is not None else subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=within, check=False,
            env=_environ(os.environ),
        )  # fmt: skip
    except (subprocess.TimeoutExpired, OSError):
        return None
    return Printed(ended.returncode == 0, ended.stdout, ended.stderr)


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which no setting of the user changes what squeue prints."""
    return {name: value for name, value in environ.items() if not name.startswith("SQUEUE_")}


def installed(command: str) -> bool:
    """Whether a command is on the PATH."""
    return shutil.which(command) is not None


def sbatch(words: Sequence[str], script: str) -> str:
    """Submit a script, and return the id of its job; raise UserError with sbatch's own words."""
    if not installed("sbatch"):
        raise UserError(
            "--on slurm: sbatch is not installed here; run this on a login node of the cluster"
        )
    printed = run("sbatch", *words, script=script)
    if printed is None:
        raise UserError(f"sbatch did not answer within {_PATIENCE:g} s; see whether it has taken "
                        "the pilots: squeue --me; then try again")  # fmt: skip
    if not printed.ok:
        raise UserError(refusal("sbatch", printed.err))
    job = printed.out.strip().splitlines()[-1].partition(";")[0] if printed.out.strip() else ""
    if not re.fullmatch(r"\d+", job):
        raise UserError(f"sbatch printed {printed.out[:_LONGEST]!r}, not the id of a job")
    return job


def refusal(command: str, text: str) -> str:
    """Return the words of a command that refuses, in one line, and what to do."""
    lines = [re.sub(rf"^{command}: (error: )?", "", line.strip()) for line in text.splitlines()]
    said = "; ".join(dict.fromkeys(filter(None, lines)))[:_LONGEST] or "no reason given"
    low = said.casefold()
    advice = next((advice for word, advice in _ADVICE if word in low),
                  "change the --slurm options, or ask who runs the cluster")  # fmt: skip
    return f"{command}: {said}; {advice}"


def configuration(*names: str) -> dict[str, int]:
    """Return whole numbers of the cluster's configuration, without those it does not tell."""
    printed = run("scontrol", "show", "config", within=10.0)
    numbers: dict[str, int] = {}
    for line in printed.out.splitlines() if printed is not None else ():
        name, _, value = (part.strip() for part in line.partition("="))
        number = re.match(r"\d+", value)
        if name in names and number:
            numbers[name] = int(number[0])
    return numbers
