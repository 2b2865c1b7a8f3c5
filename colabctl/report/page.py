"""The page as one HTML file, with everything in it: facts, style, scripts and plotly.js.

A policy in the page allows no connection, and no script but these. So text in the facts can neither
run nor reach anyone, even if the page showed it wrongly.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

from colabctl.errors import UserError

_SCRIPTS = (
    "facts", "text", "colours", "where", "selection", "charts", "head", "best", "pareto", "matrix",
    "axes", "parallel", "importance", "slices", "curves", "failures", "timeline", "table", "start",
)  # fmt: skip
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_START = "<!DOCTYPE html>\n<!-- colabctl report: "


def has_plotly() -> bool:
    """Whether plotly is installed."""
    return find_spec("plotly") is not None


def check_plotly() -> None:
    """Raise UserError if plotly is not installed."""
    if not has_plotly():
        raise UserError(
            "a report needs plotly: pip install plotly (or install colabctl with the extra report)"
        )


def page(facts: Mapping[str, Any]) -> str:
    """Return the page that shows `facts`; raise UserError if plotly is not installed."""
    check_plotly()
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - an extra

    folder = files("colabctl.report") / "page"
    own = "".join((folder / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
    scripts = {
        "plotly": _in_html(get_plotlyjs().replace("\r\n", "\n")),
        "script": _in_html(f'"use strict";\n(() => {{\n{own}}})();\n'),
    }
    names = [sweep["name"] for sweep in facts["sweeps"]]
    parts = {
        **scripts,
        "mark": mark(names),
        "title": escape(" and ".join(names)),
        "policy": _policy(scripts.values()),
        "style": (folder / "page.css").read_text(encoding="utf-8"),
        "facts": as_inert(facts),
    }
    template = (folder / "page.html").read_text(encoding="utf-8")
    return _PLACE.sub(lambda match: parts[match[1]], template)


def mark(names: list[str]) -> str:
    """Return the start of the page of these sweeps."""
    return f"{_START}{' '.join(quote(name, safe='').replace('-', '%2D') for name in names)} -->"


def as_inert(facts: Mapping[str, Any]) -> str:
    """Return JSON for a script element of HTML: it can neither end the element nor be code."""
    text = json.dumps(facts, separators=(",", ":"), allow_nan=False)  # and all ASCII
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _in_html(script: str) -> str:
    """Return a script that does not end its element early."""
    return re.sub(r"<(?=/script|!--)", r"\\x3c", script, flags=re.IGNORECASE)


def _policy(scripts: Any) -> str:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'"
        for each in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
