"""The value of a YAML scalar: text, a number, true, false or null.

Scalars are read as PyYAML and W&B read them (`yes`, `on` and `0x10` included), with two exceptions:
`1e-3` and `-.5` are numbers, as in YAML 1.2 and on W&B's server, and a date stays text.
"""

import re
from collections.abc import Callable
from typing import Any

from yaml import ScalarEvent, ScalarNode
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

_STANDARD = "tag:yaml.org,2002:"
_FLOAT = r"^(?:[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)[eE][-+]?[0-9]+|[-+]\.[0-9][0-9_]*)$"
_LONGEST_NUMBER = 400
_NULL = f"{_STANDARD}null"
_TEXT = {f"{_STANDARD}{kind}" for kind in ("str", "merge", "value", "timestamp")}


class _Words(Resolver):
    """PyYAML's rules for untagged words, and `1e-3` and `-.5`."""


_Words.add_implicit_resolver(f"{_STANDARD}float", re.compile(_FLOAT), list("-+.0123456789"))
_tag_of: Callable[..., str] = _Words().resolve
_constructor = SafeConstructor()
_construct = {
    _NULL: _constructor.construct_yaml_null,
    f"{_STANDARD}bool": _constructor.construct_yaml_bool,
    f"{_STANDARD}int": _constructor.construct_yaml_int,
    f"{_STANDARD}float": _constructor.construct_yaml_float,
}


def scalar(event: ScalarEvent, *, typed: bool) -> Any:
    """Return the plain value of a YAML scalar; unless `typed`, its text, or None for null.

    Raises ValueError, with a message for the user, for a tag of anything but a plain
    value, and for text that does not fit its tag.
    """
    tag = event.tag
    if tag is None or tag == "!":
        tag = _tag_of(ScalarNode, event.value, event.implicit)
    if tag in _TEXT:
        return event.value
    if tag not in _construct:
        raise ValueError(f"the tag {tag[:60]!r} is not allowed; remove it")
    if not typed and tag != _NULL:
        return event.value
    kind = tag.removeprefix(_STANDARD)
    try:
        if len(event.value) > _LONGEST_NUMBER:
            raise ValueError(event.value)
        return _construct[tag](ScalarNode(tag, event.value))
    except (ValueError, KeyError, IndexError, OverflowError):
        raise ValueError(f"{event.value[:60]!r} cannot be read as {kind}") from None
