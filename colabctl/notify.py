"""Says which events of a sweep are worth a message, and which secret holds its address."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Occasion = Literal["finished", "failing", "idle"]
"""All tasks have ended; the first one has failed for good; tasks are left, and no worker."""

OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)

_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class Notify:
    """Where to send a message, and when: `secret` is the name of the secret with the address."""

    secret: str
    on: tuple[Occasion, ...] = OCCASIONS


def fault_of_secret(name: object) -> str | None:
    """Return what is wrong with the name of a secret, without showing it: it may be the address."""
    if isinstance(name, str) and _SECRET.fullmatch(name):
        return None
    return (
        "is not the name of a secret (letters, digits and _); keep the address out of this file: "
        "put it into a secret, such as NOTIFY_URL, and name that here"
    )


def fault_of_occasions(words: Sequence[object]) -> str | None:
    """Return what is wrong with a list of occasions; None if each is one."""
    for word in words:
        if word not in OCCASIONS:
            return f"has {word!r:.40}; choose from {', '.join(OCCASIONS)}"
    return None if words else f"is empty; choose from {', '.join(OCCASIONS)}"


def encode(notify: Notify | None) -> dict[str, object] | None:
    """Return the value as plan.json has it."""
    return None if notify is None else {"url": notify.secret, "on": list(notify.on)}


def decode(value: Mapping[str, object] | None) -> Notify | None:
    """Return the value that plan.json has; raise ValueError if it is none."""
    if value is None:
        return None
    url, on = value.get("url"), value.get("on")
    if not isinstance(on, list) or fault_of_occasions(on) or fault_of_secret(url):
        raise ValueError(f"notify is {value!r:.60}")
    return Notify(str(url), tuple(word for word in OCCASIONS if word in on))
