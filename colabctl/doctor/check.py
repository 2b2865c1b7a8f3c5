"""What an examination finds."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; what is wrong has its mend.

    check  what was looked at, one word
    level  "ok", "note" (worth knowing), "wrong" (to be mended)
    """

    check: str
    level: Literal["ok", "note", "wrong"]
    what: str
    mend: str = ""
