"""Writes plain values as YAML that every reader understands in the same way."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml


def as_yaml(config: Mapping[str, Any], comments: Sequence[str] = ()) -> str:
    """Return plain values as YAML, below comment lines; it means the same in YAML 1.1 and 1.2.

    Characters that could end a comment become spaces.
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
    """PyYAML's dumper without anchors, and with quotes around text that may look like a number.

    PyYAML writes 1e-05 as 1.0e-05, which every reader takes for a number. But it writes text such
    as "1e-5" without quotes, and only YAML 1.1 reads that as text.
    """

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True

    def text(self, value: str) -> yaml.ScalarNode:
        style: str | None = "'"
        if not value.isprintable():
            style = '"'  # with escapes; single quotes lose some line breaks of Unicode
        elif value[:1].isalpha() or value[:1] == "_":
            style = None
        return self.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(str, _Dumper.text)
