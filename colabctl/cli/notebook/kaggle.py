"""What `workers --kaggle` does: it writes kernels, shows them, and pushes them if asked."""

import os
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from colabctl.cli.options import print_json, tell
from colabctl.cli.terminal import counted, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.project.config import Config
    from colabctl.project.layout import Layout
    from colabctl.project.notebooks.away import Away
    from colabctl.project.notebooks.kaggle.accelerators import Accelerator
    from colabctl.project.notebooks.kaggle.kernel import Kernel
    from colabctl.project.notebooks.worker import Job

_SHORTEST = 0.25  # hours; less leaves no time between the installation and the last upload
_AT_ONCE = {"GPU": 2, "TPU": 1, "": 5}  # sessions of an account that Kaggle runs at the same time


@dataclass(frozen=True)
class Asked:
    """What the options ask for."""

    number: int
    accelerator: str | None
    hours: float | None
    push: bool
    yes: bool
    force: bool
    as_json: bool


def kaggle(layout: "Layout", config: "Config", member: str, job: "Job", asked: Asked) -> None:
    """Write the folders of kernels, and push them if asked."""
    from colabctl.launch.kaggle import push_arguments, username
    from colabctl.launch.project_store import away, put_wheel
    from colabctl.project.notebooks.kaggle.accelerators import DEFAULT, find_accelerator
    from colabctl.project.notebooks.kaggle.kernel import write_kernels

    accelerator = find_accelerator(asked.accelerator or DEFAULT)
    seconds = round(_hours(asked.hours, accelerator) * 3600)
    worker = away(config, member, seconds, "Kaggle")
    put_wheel(worker, job.sweep)
    kernels = write_kernels(
        layout,
        job,
        worker,
        user=username(os.environ),
        accelerator=accelerator,
        number=asked.number,
        force=asked.force,
    )
    commands = {
        each.id: shlex.join(["kaggle", *push_arguments(each.folder, accelerator.machine, seconds)])
        for each in kernels
    }
    if asked.as_json:
        print_json([_entry(layout, each, commands[each.id]) for each in kernels])
    else:
        for each in kernels:
            print(layout.relative(each.folder))
    new = sum(each.new for each in kernels)
    tell(f"{new} created, {len(kernels) - new} already existed")
    if asked.push:
        _push(kernels, commands, worker, accelerator, yes=asked.yes)
        return
    tell(f"push {'it' if len(kernels) == 1 else 'each'}, and Kaggle runs it:")
    for command in commands.values():
        tell(f"  {command}")
    _tell_secrets(worker)


def _hours(hours: float | None, accelerator: "Accelerator") -> float:
    if hours is None:
        return accelerator.hours
    if not _SHORTEST <= hours <= accelerator.hours:
        raise UserError(
            f"--hours is {hours:g}; a session with {accelerator.label} lasts from {_SHORTEST:g} to "
            f"{accelerator.hours:g} hours on Kaggle"
        )
    return hours


def _push(
    kernels: "list[Kernel]",
    commands: dict[str, str],
    worker: "Away",
    accelerator: "Accelerator",
    *,
    yes: bool,
) -> None:
    """Show what will happen, ask, and push the kernels one after the other."""
    from colabctl.durations import format_duration
    from colabctl.launch.kaggle import push, quota

    account = kernels[0].id.partition("/")[0]
    limit = format_duration(worker.seconds)
    tell(
        f"{counted(len(kernels), 'kernel')} for {account} on Kaggle: private, internet on, "
        f"{accelerator.label}, at most {limit} each"
    )
    for command in commands.values():
        tell(f"  {command}")
    if accelerator.quota:
        tell(f"quota ({accelerator.quota} hours count by the clock):\n{plain(quota())}")
    at_once = _AT_ONCE[accelerator.quota]
    if len(kernels) > at_once:
        tell(f"note: Kaggle runs {at_once} of these at a time, and refuses more")
    _tell_secrets(worker)
    if not agreed("push now?", yes=yes):
        raise UserError("nothing was pushed; on a terminal, answer y, or add --yes")
    refused = []
    for each in kernels:
        answer = push(each.folder, accelerator.machine, worker.seconds)
        print(plain(answer.text))
        if answer.code:
            refused.append(each.id)
    if refused:
        raise UserError(
            f"Kaggle did not take {', '.join(refused)}; its words are above; run the command again "
            "once that is solved"
        )
    tell(f"follow a kernel: kaggle kernels status {kernels[0].id}")


def _tell_secrets(worker: "Away") -> None:
    if worker.secrets:
        tell(
            f"each kernel needs these secrets: {', '.join(worker.secrets)}; a push cannot attach "
            "them: after the first push, open the kernel in Kaggle's editor, attach them under "
            "Add-ons > Secrets, and choose Save Version > Save & Run All"
        )


def agreed(question: str, *, yes: bool) -> bool:
    """Ask a question; without a terminal, the answer is no unless `yes` says it already."""
    return yes or (sys.stdin.isatty() and typer.confirm(question, err=True))


def _entry(layout: "Layout", kernel: "Kernel", command: str) -> dict[str, Any]:
    return {
        "folder": layout.relative(kernel.folder),
        "new": kernel.new,
        "id": kernel.id,
        "command": command,
    }
