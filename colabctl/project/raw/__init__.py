"""Raw data: which files there are, what was recorded of them, and whether they are unchanged."""

from colabctl.project.raw.protection import Changes, Protection, protect
from colabctl.project.raw.verification import (
    Verification,
    is_protected,
    verify,
    verify_more,
    verify_quick,
)

__all__ = [
    "Changes",
    "Protection",
    "Verification",
    "is_protected",
    "protect",
    "verify",
    "verify_more",
    "verify_quick",
]
