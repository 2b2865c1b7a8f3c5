"""Expands the macros of W&B's `command` list into the arguments of one program run."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from colabctl.errors import UserError

DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")

# Drive does not keep the executable bit, so scripts always run through their interpreter.
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
    """Return the interpreter of a program by its file extension; None if it is unknown."""
    return _INTERPRETERS.get(Path(program).suffix.lower())


def expand(
    command: Sequence[str],
    program: Path,
    params: Mapping[str, Any],
    json_file: Path,
    environ: Mapping[str, str] = os.environ,
) -> list[str]:
    """Return the arguments that `command` expands to, as in W&B's agent.

    A parameter's own macro, `${lr}`, expands to its value, as W&B documents; its agent leaves it
    as it is. `${envvar:NAME}` expands to the name itself if the variable is not set. Writes
    `json_file` only for `${args_json_file}`. Raises UserError for an unknown macro.
    """
    macros = {
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

    def expanded(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("envvar:"):
            variable = name.removeprefix("envvar:")
            return environ.get(variable, variable)
        if name == "args_json_file":
            json_file.write_text(json.dumps(params), encoding="utf-8")
            return str(json_file)
        if name in macros:
            return " ".join(macros[name])
        if name in params:
            return str(params[name])
        names = ", ".join(f"${{{m}}}" for m in (*macros, "args_json_file", "envvar:NAME"))
        raise UserError(f"command: {match[0]} is neither a macro ({names}) nor a parameter")

    arguments: list[str] = []
    for item in command:
        match = _MACRO.fullmatch(item)
        if match and match[1] in macros:
            arguments += macros[match[1]]
        else:
            arguments.append(_MACRO.sub(expanded, item))
    return arguments


def _interpreter(program: Path) -> str:
    interpreter = interpreter_of(program.name)
    if interpreter is None:
        raise UserError(
            f"program: no known interpreter for {program.name}; "
            'add how to run it, such as `command: ["./tool", "${program}", "${args}"]`'
        )
    return interpreter
