"""Pushes kernels to Kaggle with Kaggle's command line, and asks it for account and quota."""

import re
from collections.abc import Mapping
from pathlib import Path

from colabctl.errors import UserError
from colabctl.launch.tools import Answer, Tool, ask

KAGGLE = Tool(
    "kaggle", "Kaggle", "run pip install kaggle, then kaggle auth login; nothing was pushed"
)
_USERNAME = re.compile(r"^- username: (.+)$", re.MULTILINE)


def username(environ: Mapping[str, str]) -> str:
    """Return the account: KAGGLE_USERNAME, else what Kaggle's command line says.

    Raises UserError if neither knows it.
    """
    named = environ.get("KAGGLE_USERNAME", "").strip()
    if named:
        return named
    fix = "set KAGGLE_USERNAME"
    try:
        said = _USERNAME.search(ask(KAGGLE, ["config", "view"]).text)
    except UserError:
        raise UserError(
            f"your username on Kaggle is not known; {fix}, or run pip install kaggle, then kaggle "
            "auth login"
        ) from None
    if said is None or said[1] == "None":
        raise UserError(f"your username on Kaggle is not known; run kaggle auth login, or {fix}")
    return said[1].strip()


def push_arguments(folder: Path | str, machine: str, seconds: int) -> list[str]:
    """Return the arguments of `kaggle` that push a kernel and run it."""
    accelerator = ["--accelerator", machine] if machine else []
    return ["kernels", "push", "-p", str(folder), *accelerator, "-t", str(seconds)]


def push(folder: Path, machine: str, seconds: int) -> Answer:
    """Push a kernel and run it; the code is not 0 if Kaggle has refused it.

    The command itself ends with 0 where Kaggle refuses, and says so.
    """
    answer = ask(KAGGLE, push_arguments(folder, machine, seconds))
    refused = "Kernel push error" in answer.text
    return Answer(answer.code or int(refused), answer.text)


def quota() -> str:
    """Return what `kaggle quota` prints, or why it prints nothing."""
    answer = ask(KAGGLE, ["quota"])
    if answer.code:
        return f"not known: {answer.text or 'kaggle quota failed'}"
    return answer.text
