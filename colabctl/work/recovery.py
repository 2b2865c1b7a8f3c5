"""The end of a journal that a full or lost folder did not take: kept here until it can go in."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from colabctl.ledger import task_name
from colabctl.sharedfs.files import write_whole
from colabctl.work.open_sweep import OpenSweep

_OUTCOMES = ("done", "pruned")


@dataclass(frozen=True)
class UnsentEvents:
    """A file on this machine: the lines that a worker's journal lacks, and where they belong."""

    file: Path
    root: str
    sweep: str
    worker: str
    place: int
    lines: str

    @property
    def notice(self) -> str:
        """What to tell the person who waits for the results."""
        return (
            f"{len(self.results)} results are kept on this machine in {self.file}; once the "
            "folder takes files again: colabctl work --recover"
        )

    @property
    def results(self) -> list[str]:
        """The names of the tasks whose results are among the lines."""
        events = [json.loads(line) for line in self.lines.splitlines()]
        return [task_name(each["task"]) for each in events if each["event"] in _OUTCOMES]


def folder() -> Path:
    """Return where these are kept: on this machine, outside every shared folder."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "colabctl" / "kept"


def save_unsent(sweep: OpenSweep) -> UnsentEvents:
    """Keep what this process could not write to its journal."""
    writer = sweep.ledger.writer
    assert writer is not None, "nothing was ever to be written"
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    root = str(sweep.root.absolute())
    kept = UnsentEvents(
        place / f"{writer.name}.json",
        root,
        sweep.plan.sweep,
        writer.name,
        writer.place,
        writer.due.decode(),
    )
    parts = {name: value for name, value in vars(kept).items() if name != "file"}
    write_whole(kept.file, json.dumps(parts).encode())
    return kept


def unsent_events(root: Path) -> Iterator[UnsentEvents]:
    """Give what is kept for the project in `root`."""
    for file in sorted(folder().glob("*.json")):
        try:
            kept = UnsentEvents(file=file, **json.loads(file.read_bytes()))
        except (OSError, ValueError, TypeError):
            continue  # not one of ours
        if kept.root == str(root.absolute()):
            yield kept


def recover(sweep: OpenSweep, kept: UnsentEvents) -> None:
    """Write what is kept to the journal that it belongs to, and forget it here.

    Its worker has ended and nobody else ever writes there, so the journal still has one writer at
    a time. Raises OSError if the folder does not take it now either; then it stays kept.
    """
    sweep.ledger.complete(kept.worker, kept.place, kept.lines.encode())
    kept.file.unlink()
