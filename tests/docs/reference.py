"""Writes the guide's page of commands from the commands themselves.

    python -m tests.docs.reference

The page says what `--help` says, in the same groups. It is plain Markdown that reads well on GitHub
and in a terminal, and it is the same with every version of Typer.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

import typer

from colabctl.cli.app import app
from colabctl.project.config import Config

PAGE = Path(str(resources.files("colabctl"))) / "guide" / "commands.md"
RERUN = "python -m tests.docs.reference"

_TYPERS = {"--help", "--install-completion", "--show-completion"}  # their texts vary by version

_BEGINNING = """\
# Commands

Every command with its arguments, its options and their defaults.

Results go to stdout; messages and progress go to stderr. Where there is `--json`, stdout is JSON
for scripts. Durations are written `90s`, `10m`, `11h` or `1h30m`. `-h` or `--help` after any command
shows the same text as this page. `colabctl --install-completion` teaches your shell the commands,
your sweeps and the topics of the guide.
"""

_EXIT_CODES = """\
## Exit codes

| code | meaning |
|---|---|
| 0 | Done. |
| 1 | Something you can fix. One line says what is wrong and what to do next. |
| 2 | Wrong usage: an unknown option, a missing argument. |
| 3 | `verify` or `doctor` found a problem, `notebook diff` a difference, `notebook merge` a conflict. |
| 130 | Interrupted with Ctrl-C. |
| 143, 129 | A worker that was asked to end by SIGTERM, or by SIGHUP as its terminal closed. |

For a script that continues with the results, `work` exits with 0 only if all is well so far: with 1 if a
task that it ran has failed for good, or if the sweep is finished and any of its tasks has failed.
"""

_ENVIRONMENT = """\
## Environment variables

An option wins over a variable, and a variable wins over `colabctl.yaml`. Lists are written `a,b`.

| variable | meaning |
|---|---|
"""

_VARIABLES = {
    "COLABCTL_ROOT": "Folder of the project, as with `--root`.",
    "COLABCTL_APPROVALS": "Folder for your approvals, see `colabctl trust`.",
    "COLABCTL_STAGE": "Folder on this machine's disk for staged copies, see `colabctl stage`.",
    "PAGER": "Program that shows a page of the guide. Default: `less`.",
    "NO_COLOR": "Set to anything: no colors.",
}
_KEYS = {  # of colabctl.yaml
    "member": "Which member you are, as with `--member`.",
    "name": "Name of the project.",
    "owner": "Who owns the shared folder.",
    "members": "The members of the project.",
    "read_only": "Folders with raw data, for `protect` and `verify`. Default: `data/raw`.",
    "raw_copy": "A second place from which `restore` brings raw data back.",
    "paths": "Folders of the project that have other names, such as `raw=originals,interim=tmp`.",
    "secrets": "Names of the secrets that tasks need.",
    "consistency": "`auto`, `coherent` or `eventual`; read when a sweep is declared. "
    "Default: `auto`.",
    "heartbeat": "How often a worker shows that it is alive. Default: depends on the folder.",
    "lease": "Silence after which a worker's tasks go to others. Default: depends on the folder.",
    "task_timeout": "How long a task may take if its sweep does not say. Default: no limit.",
    "notify": "Where to send messages, and when, such as `url=NOTIFY_URL,on=finished idle`.",
    "min_free": "Free room under which `work` warns; it stops at a tenth of it. Default: 1 GB.",
    "kill_after": "Time between SIGTERM and SIGKILL for a task that should end. Default: 30s.",
}


def reference() -> str:
    """Return the page. Raises KeyError for a key of colabctl.yaml without a description above."""
    variables = dict(_VARIABLES)
    for field in fields(Config):
        if field.name not in ("root", "stored"):  # they are no keys
            variables[f"COLABCTL_{field.name.upper()}"] = _KEYS[field.name]
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in sorted(variables.items()))
    return "\n".join((_BEGINNING, *_groups(), f"{_ENVIRONMENT}{rows}", _EXIT_CODES))


def _groups() -> Iterator[str]:
    """Yield the sections: one for each group of `colabctl --help`, and what is in it."""
    program: Any = typer.main.get_command(app)
    yield f"## colabctl\n\n```text\ncolabctl [OPTIONS] COMMAND\n```\n\n{program.help}\n"
    yield _table(program.params)
    groups = defaultdict(list)
    for name, command in program.commands.items():
        groups[command.rich_help_panel].append((f"colabctl {name}", command))
    for group, commands in groups.items():
        yield f"## {group}\n"
        for called, command in commands:
            for words, each in _leaves(called, command):
                yield _command(words, each)


def _leaves(called: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield a command, or the commands of a group such as `member`."""
    if not hasattr(command, "commands"):
        yield called, command
        return
    for name, below in command.commands.items():
        yield from _leaves(f"{called} {name}", below)


def _command(called: str, command: Any) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    usage = [called, "[OPTIONS]", *map(_usage, arguments)]
    parts = [f"### {called}\n", f"```text\n{' '.join(usage)}\n```\n", f"{command.help}\n"]
    return "\n".join((*parts, _table(command.params)))


def _usage(argument: Any) -> str:
    name = argument.metavar + ("..." if argument.nargs == -1 else "")
    return str(name) if argument.required else f"[{name}]"


def _table(params: list[Any]) -> str:
    rows = [
        f"| {_name(param)} | {param.help} | {_default(param)} |\n"
        for param in params
        if not _TYPERS.intersection(param.opts)
    ]
    return "".join(("| | meaning | default |\n|---|---|---|\n", *rows))


def _name(param: Any) -> str:
    """Return how a parameter is typed, such as `-n`, `--number N`."""
    if param.param_type_name == "argument":
        return f"`{param.metavar}`"
    *others, longest = sorted(param.opts, key=len)
    value = "" if param.is_flag else f" {param.metavar}".replace("|", "\\|")
    return ", ".join(f"`{each}`" for each in (*others, longest + value))


def _default(param: Any) -> str:
    if param.required:
        return "required"
    if isinstance(param.show_default, str):
        return param.show_default
    if param.default is None or param.default is False:
        return "off"
    return f"`{param.default}`"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
