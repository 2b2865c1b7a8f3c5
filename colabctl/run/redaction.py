"""Keeps the project's secrets out of files: they stay in the environment."""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from colabctl.errors import UserError
from colabctl.run.settings import Settings

_SHORTEST = 4  # characters; shorter secrets appear inside ordinary words


def check_present(names: Sequence[str], environ: Mapping[str, str]) -> None:
    """Raise UserError with the names of secrets that are not in the environment."""
    missing = [name for name in names if not environ.get(name)]
    if missing:
        raise UserError(
            f"secrets named in colabctl.yaml are not in the environment: {', '.join(missing)}; in "
            "Colab, add them under the key icon and run the notebook's cells again; elsewhere, run "
            f"export {missing[0]}=..."
        )


def concealer(names: Sequence[str], environ: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that replaces the values of secrets in a text with their names."""
    values = {name: environ.get(name, "") for name in names}
    forms = {form: name for name, value in values.items() for form in _forms(value)}
    # The longest first: one secret may be the beginning of another.
    pattern = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))

    def conceal(text: str) -> str:
        return pattern.sub(lambda match: f"[{forms[match[0]]}]", text) if forms else text

    return conceal


def cleaner(settings: Settings, environ: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that prepares a task's output for people.

    It replaces secrets, and shortens paths in the copy of the frozen code, which soon is gone.
    """
    conceal = concealer(settings.secrets, environ)
    copy = f"{settings.code}{os.sep}"
    return lambda text: conceal(text).replace(copy, "")


def concealed(value: Any, conceal: Callable[[str], str]) -> Any:
    """Return a JSON value with `conceal` applied to every text in it, including keys."""
    match value:
        case str():
            return conceal(value)
        case list() | tuple():
            return [concealed(item, conceal) for item in value]
        case dict():
            return {concealed(key, conceal): concealed(value[key], conceal) for key in value}
    return value


def _forms(value: str) -> set[str]:
    """Return the forms in which a secret may appear: complete, in part, or quoted."""
    import html  # noqa: PLC0415 - most projects have no secrets

    parts = {value, value.strip(), " ".join(value.split()), *map(str.strip, value.splitlines())}
    quoted = {
        form
        for part in parts
        for form in (part, repr(part)[1:-1], json.dumps(part)[1:-1], html.escape(part))
    }
    return {form for form in quoted if len(form) >= _SHORTEST}
