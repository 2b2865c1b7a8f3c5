"""Writes a value in the grammar of Hydra's overrides, so that a Hydra program gets it unchanged.

The grammar: hydra.cc, "Override Grammar". Text in quotes keeps every character but a quote, which a
backslash escapes; backslashes before a quote are doubled. Keys of maps have no quotes.
OmegaConf, which holds the values, reads ${...} in a text as an interpolation unless a backslash
escapes it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from colabctl.errors import UserError

NAME = re.compile(r"[A-Za-z_][\w-]*(?:[./@][\w-]+)*", re.ASCII)
"""The names of parameters that Hydra can take; dots make nested keys, slashes a config group."""

_WORD = "[A-Za-z0-9_./][A-Za-z0-9_./:@%+-]*"
_PLAIN = re.compile(rf"{_WORD}(?: +{_WORD})*")
_KEY = re.compile(r"[A-Za-z0-9_/\-\\+.$%*@?|,=:()\[\]{} \t]+")
_ESCAPED = re.compile(r"[\\,=:()\[\]{} \t]")
_TYPED = re.compile(
    r"null|true|false|[-+]?(?:inf|nan|[0-9][0-9_]*|(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*"
    r"|[0-9][0-9_]*)(?:e[-+]?[0-9][0-9_]*)?)",
    re.IGNORECASE,
)


def in_hydra(value: Any) -> str:
    """Return a value as Hydra writes it: null, 'two words', {kind:sgd}, [1,2].

    Raises UserError for a key of a map that Hydra's grammar has no form for.
    """
    match value:
        case None:
            return "null"
        case bool() | int() | float():
            return str(value)
        case str():
            return _text(value)
        case Mapping():
            items = (f"{_key(str(key))}:{in_hydra(item)}" for key, item in value.items())
            return f"{{{','.join(items)}}}"
        case Sequence():
            return f"[{','.join(map(in_hydra, value))}]"
    raise TypeError(f"{type(value).__name__} is not a value of a parameter")


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and not _TYPED.fullmatch(text):
        return text
    escaped = re.sub(r"(\\*)\$\{", lambda match: rf"{match[1] * 2}\${{", text)
    escaped = re.sub(r"(\\*)'", lambda match: rf"{match[1] * 2}\'", escaped)
    escaped = re.sub(r"(\\+)\Z", lambda match: match[1] * 2, escaped)
    return f"'{escaped}'"


def _key(key: str) -> str:
    if not _KEY.fullmatch(key) or _TYPED.fullmatch(key):
        raise UserError(
            f"Hydra has no way to write the key {key!r} of a map on the command line; "
            "pass the parameters in a file: ${args_json_file}"
        )
    return _ESCAPED.sub(r"\\\g<0>", key)
