"""Raw data: which files there are, what was recorded of them, and whether they are unchanged."""

from colabctl.project.raw.protection import Protection, protect
from colabctl.project.raw.verification import Verification, verify

__all__ = ["Protection", "Verification", "protect", "verify"]
