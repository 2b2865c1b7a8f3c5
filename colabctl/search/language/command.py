"""Turns W&B's `command` list with its macros into the arguments of one program run."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from colabctl.errors import UserError

DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")

# Drive does not keep the executable bit, so a script is always given to its interpreter.
_INTERPRETERS = {
    ".py": sys.executable,
    ".sh": "bash",
    ".r": "Rscript",
    ".jl": "julia",
    ".js": "node",
    ".pl": "perl",
    ".rb": "ruby",
}
_MACRO = re.compile(r"\$\{([^}]*)\}")


def interpreter_of(program: str) -> str | None:
    """Return the interpreter for a program's file, by its ending; None if it is unknown."""
    return _INTERPRETERS.get(Path(program).suffix.lower())


def expand(
    command: Sequence[str],
    program: Path,
    params: Mapping[str, Any],
    json_file: Path,
    environ: Mapping[str, str] = os.environ,
) -> list[str]:
    """Return the arguments that `command` stands for, as W&B's agent expands it.

    A parameter's own macro, `${lr}`, gives its value, as W&B's documentation says and its agent
    does not do. `${envvar:NAME}` gives the name itself where the variable is not set. Writes
    `json_file` only if `${args_json_file}` is asked for. Raises UserError for an unknown macro.
    """
    whole = {
        "env": [] if os.name == "nt" else ["/usr/bin/env"],
        "interpreter": [_interpreter(program)] if "${interpreter}" in command else [],
        "program": [str(program)],
        "args": [f"--{name}={value}" for name, value in params.items()],
        "args_no_equals": [
            part for name, value in params.items() for part in (f"--{name}", str(value))
        ],
        "args_no_hyphens": [f"{name}={value}" for name, value in params.items()],
        "args_no_boolean_flags": [
            f"--{name}" if value is True else f"--{name}={value}"
            for name, value in params.items()
            if value is not False
        ],
        "args_append_hydra": [f"+{name}={value}" for name, value in params.items()],
        "args_override_hydra": [f"++{name}={value}" for name, value in params.items()],
        "args_json": [json.dumps(params)],
    }

    def inside(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("envvar:"):
            variable = name.removeprefix("envvar:")
            return environ.get(variable, variable)
        if name == "args_json_file":
            json_file.write_text(json.dumps(params), encoding="utf-8")
            return str(json_file)
        if name in whole:
            return " ".join(whole[name])
        if name in params:
            return str(params[name])
        known = ", ".join(f"${{{each}}}" for each in (*whole, "args_json_file", "envvar:NAME"))
        raise UserError(f"command: {match[0]} is neither a macro ({known}) nor a parameter")

    arguments: list[str] = []
    for item in command:
        match = _MACRO.fullmatch(item)
        if match and match[1] in whole:
            arguments += whole[match[1]]
        else:
            arguments.append(_MACRO.sub(inside, item))
    return arguments


def _interpreter(program: Path) -> str:
    found = interpreter_of(program.name)
    if found is None:
        raise UserError(
            f"program: no interpreter is known for {program.name}; "
            'say how to run it, for example `command: ["./tool", "${program}", "${args}"]`'
        )
    return found
