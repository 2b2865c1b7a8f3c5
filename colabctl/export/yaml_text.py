"""Writes plain values as YAML that every reader takes for the same."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml


def as_yaml(config: Mapping[str, Any], comments: Sequence[str] = ()) -> str:
    """Return plain values as YAML that YAML 1.1 and 1.2 read alike, below lines of comment.

    A comment stays on its line, whatever it quotes.
    """
    text = yaml.dump(
        dict(config),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )
    lines = ("".join(c if c.isprintable() else " " for c in line) for line in comments)
    return "".join(f"# {line}\n" for line in lines) + text


class _Dumper(yaml.SafeDumper):
    """PyYAML's, without anchors, and with quotes around text that other readers might count.

    PyYAML writes 1e-05 as 1.0e-05, a number for every reader; but text such as "1e-5" it leaves
    bare, and only YAML 1.1 reads that as text.
    """

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the name is PyYAML's
        return True

    def text(self, value: str) -> yaml.ScalarNode:
        style: str | None = "'"
        if not value.isprintable():
            style = '"'  # with escapes: between single quotes it loses some line breaks of Unicode
        elif value[:1].isalpha() or value[:1] == "_":
            style = None
        return self.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(str, _Dumper.text)
