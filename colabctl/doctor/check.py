"""The outcome of one check."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """The outcome of one check of a project.

    Attributes:
        check: the subject in a word, such as "mount"
        level: "ok", "note" (worth knowing) or "wrong" (needs a fix)
        what: the outcome in a sentence
        fix: the next step; every "wrong" has one

    """

    check: str
    level: Literal["ok", "note", "wrong"]
    what: str
    fix: str = ""
