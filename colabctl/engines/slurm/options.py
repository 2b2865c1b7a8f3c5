"""Checks the options that a user gives for sbatch, and reads SLURM's durations."""

import re
from collections.abc import Mapping

from colabctl.errors import UserError, nearest
from colabctl.needs import Need

_KNOWN = frozenset({
    "account", "acctg-freq", "batch", "bb", "begin", "comment", "constraint", "container",
    "contiguous", "core-spec", "cores-per-socket", "cpu-freq", "cpus-per-gpu", "cpus-per-task",
    "deadline", "delay-boot", "dependency", "distribution", "exclude", "exclusive", "extra",
    "gpu-bind", "gpu-freq", "gpus", "gpus-per-node", "gpus-per-socket", "gpus-per-task", "gres",
    "gres-flags", "hint", "hold", "licenses", "mail-type", "mail-user", "mcs-label", "mem",
    "mem-bind", "mem-per-cpu", "mem-per-gpu", "mincpus", "network", "nice", "nodelist", "nodes",
    "ntasks", "ntasks-per-node", "oversubscribe", "partition", "power", "prefer", "priority",
    "profile", "propagate", "qos", "reservation", "sockets-per-node", "spread-job", "switches",
    "thread-spec", "threads-per-core", "time", "time-min", "tmp", "tres-bind", "tres-per-task",
    "use-min-nodes", "wckey",
})  # fmt: skip
_FLAGS = frozenset({"contiguous", "exclusive", "hold", "oversubscribe", "spread-job",
                    "use-min-nodes", "nice"})  # fmt: skip
_OURS = {
    "array": "colabctl sets it; say how many pilots with -n",
    "chdir": "pilots start in the project's folder",
    "clusters": "log in to that cluster, and run this there",
    "error": "the log of each pilot holds all that it prints",
    "export": "pilots get your environment",
    "get-user-env": "pilots get your environment",
    "job-name": "colabctl sets it, to find its pilots again",
    "no-requeue": "a pilot that is started again continues the sweep",
    "open-mode": "colabctl sets it",
    "output": "colabctl sets it, and prints where the logs are",
    "parsable": "colabctl sets it",
    "requeue": "colabctl sets it",
    "signal": "colabctl sets it, so that pilots give back their tasks in time",
    "wait": "the command leaves at once; to watch: colabctl status --watch",
    "wrap": "pilots run colabctl; for lines before that, use --slurm-setup",
}
_SHORT = {
    "A": "account", "c": "cpus-per-task", "C": "constraint", "d": "dependency", "G": "gpus",
    "N": "nodes", "n": "ntasks", "p": "partition", "q": "qos", "t": "time", "w": "nodelist",
    "x": "exclude",
}  # fmt: skip
_GPUS = frozenset({"gres", "gpus", "gpus-per-node", "gpus-per-socket", "gpus-per-task",
                   "tres-per-task"})  # fmt: skip
_MEMORY = frozenset({"mem", "mem-per-cpu", "mem-per-gpu", "tres-per-task"})
_ONE = frozenset({"nodes", "ntasks", "ntasks-per-node"})
_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<rest>\d+(?::\d+){0,2})")
_WITHOUT = frozenset({"unlimited", "infinite"})


def checked_options(options: Mapping[str, str]) -> dict[str, str]:
    """Return the options under their names in sbatch; the value of a flag is "".

    Raises UserError for an option that sbatch does not have, that colabctl sets itself, or whose
    value is not one line of printable text.
    """
    checked: dict[str, str] = {}
    for key, value in options.items():
        stripped = key.lstrip("-")
        name = _SHORT.get(stripped, stripped.replace("_", "-"))
        if name in _OURS:
            raise UserError(f"--slurm {name}: not here; {_OURS[name]}")
        if name not in _KNOWN:
            like = nearest(name, _KNOWN)
            guess = (
                f"did you mean {like}?" if like else "write the long name, such as partition=gpu"
            )
            raise UserError(f"--slurm {key!r:.70}: sbatch has no such option here; {guess}")
        if name in checked:
            raise UserError(f"--slurm {name} is given twice; give it once")
        if not value and name not in _FLAGS:
            raise UserError(f"--slurm {name} needs a value: --slurm {name}=VALUE")
        if not value.isprintable() or value != value.strip():
            raise UserError(f"--slurm {name}={value!r:.70}: use one line of printable text")
        if name in _ONE and value != "1":
            raise UserError(
                f"--slurm {name}={value}: a pilot runs on one node, as one process; for more "
                "pilots use -n, for more cores cpus-per-task, for tasks side by side -j"
            )
        checked[name] = value
    if "time" in checked:
        seconds(checked["time"], "--slurm time")
    return checked


def asked_for(needs: Need, options: Mapping[str, str]) -> dict[str, str]:
    """Return what tasks need as options, except where the user has given such options.

    How much memory a GPU has is in the names of its kinds and features, which differ between
    clusters. So that is left to the user.
    """
    asked = {}
    if needs.gpu and not _GPUS & options.keys():
        asked["gres"] = f"gpu:{needs.gpu}"
    if needs.memory and not _MEMORY & options.keys():
        asked["mem"] = f"{-(-needs.memory // (1 << 20))}M"
    return asked


def words(options: Mapping[str, str]) -> list[str]:
    """Return checked options as words for sbatch."""
    return [f"--{name}={value}" if value else f"--{name}" for name, value in options.items()]


def seconds(text: str, name: str = "time") -> float | None:
    """Return the seconds of a duration as SLURM writes it; None for no limit.

    It is MINUTES, MINUTES:SECONDS, HOURS:MINUTES:SECONDS, or DAYS-HOURS and more after that, as
    `man sbatch` says of --time. Raises UserError, which starts with `name`, for any other text.
    """
    if text.casefold() in _WITHOUT:
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        raise UserError(f"{name}={text!r:.70} is not a time of SLURM; write 4:00:00, 30 (minutes) "
                        "or 1-12 (days-hours)")  # fmt: skip
    parts = [int(part) for part in match["rest"].split(":")]
    if match["days"] is not None:
        hours, minutes, rest = (*parts, 0, 0)[:3]
    elif len(parts) == 3:
        hours, minutes, rest = parts
    else:
        hours, (minutes, rest) = 0, (*parts, 0)[:2]
    return int(match["days"] or 0) * 86400.0 + hours * 3600 + minutes * 60 + rest
