"""Whose saved values these are, and what each is made from; why one is stale."""

import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from colabctl.checkpoints.inputs import Inputs
from colabctl.checkpoints.records import Saved
from colabctl.errors import UserError
from colabctl.sharedfs.faults import FREE_SPACE, describe, fault_of


@dataclass(frozen=True)
class Owner:
    """Whose checkpoints these are: the member's folder, the project's, and the member's name."""

    folder: Path
    root: Path
    member: str

    def new_record(self) -> Saved:
        """Return a record of this member, machine and time, without a value."""
        host = socket.gethostname()
        return Saved("", 0, member=self.member, host=host, saved_at=time.time())


@dataclass(frozen=True)
class Origin:
    """What a value is made from: code and inputs; the code is None if nothing can build it."""

    code: Mapping[str, str] | None = None
    inputs: Inputs = field(default_factory=lambda: Inputs({}, {}))

    def why_stale(self, saved: Saved) -> str:
        """Return why a saved value is stale, "" if it is not or only to be loaded."""
        if self.code is None and not (self.inputs.files or self.inputs.values):
            return ""
        if self.code is not None and saved.code != self.code:
            before = dict(saved.code)
            for name, digest in self.code.items():
                if name not in before:
                    return f"it is now built with {name}"
                if before.pop(name) != digest:
                    return f"{name} has changed"
            return f"it was built with {next(iter(before))}"
        return self.inputs.changed(saved.inputs)


def tell(sentence: str) -> None:
    """Print a note for the person who runs this code."""
    print(f"colabctl: note: {sentence}", file=sys.stderr, flush=True)


def not_saved(name: str, error: OSError) -> UserError:
    """Return the error for a value that the folder did not take."""
    fix = f"; {FREE_SPACE}" if fault_of(error) == "full" else ""
    return UserError(f"{name} could not be saved: {describe(error)}{fix}")


def not_read(path: Path, error: OSError) -> UserError:
    """Return the error for a file that cannot be read."""
    if error.filename is None:
        error.filename = str(path)
    return UserError(describe(error))
