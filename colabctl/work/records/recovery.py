"""Saves events on this machine that could not be written to the folder, and recovers them."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_state_path

from colabctl.errors import UserError
from colabctl.ledger import task_name
from colabctl.sharedfs.faults import describe
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.records import damaged, read_record
from colabctl.work.open_sweep import OpenSweep

_OUTCOMES = ("done", "pruned")
_FORMAT = 1
_FIX = "it may hold results that no folder has: keep it, and ask for help"
_LARGEST = 1 << 30  # bytes; a worker's unsent events are far smaller


@dataclass(frozen=True)
class UnsentEvents:
    """A file on this machine with lines that are missing from a worker's journal.

    Attributes:
        root: The project's folder.
        sweep: The name with which the sweep was declared.
        place: The position in the journal where the lines belong.
        digest: Of what the sweep runs; "" in files by an earlier version.
    """

    file: Path
    root: str
    sweep: str
    worker: str
    place: int
    lines: str
    format: int = _FORMAT
    digest: str = ""

    @property
    def notice(self) -> str:
        """A message for the user."""
        return (
            f"the last results of this worker are kept on this machine in {self.file}; once the "
            "folder can be written again, run: colabctl work --recover"
        )

    @property
    def results(self) -> list[str]:
        """The names of the tasks whose results are among the lines."""
        names = []
        for line in self.lines.splitlines():
            with suppress(ValueError, TypeError, KeyError):
                event = json.loads(line)
                if event["event"] in _OUTCOMES:
                    names.append(task_name(event["task"]))
        return names


def _folder() -> Path:
    return user_state_path("colabctl", appauthor=False) / "kept"


def save_unsent(sweep: OpenSweep) -> UnsentEvents:
    """Save what this process could not write to its journal."""
    writer = sweep.ledger.writer
    assert writer is not None, "this process has no journal"
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    unsent = UnsentEvents(
        folder / f"{writer.name}.json",
        str(sweep.root.absolute()),
        sweep.plan.declared_as or sweep.plan.sweep,
        writer.name,
        writer.position,
        writer.due.decode(),
        digest=sweep.plan.run_digest,
    )
    parts = {name: value for name, value in vars(unsent).items() if name != "file"}
    write_whole(unsent.file, json.dumps(parts).encode())
    return unsent


def saved(sweep: OpenSweep) -> str:
    """Save what this process could not write to its journal; return a note for the user."""
    try:
        return save_unsent(sweep).notice
    except OSError as error:
        return (
            "the last results of this worker are lost: they cannot be kept on this machine "
            f"either ({describe(error)})"
        )


def unsent_events(root: Path, report: Callable[[str], object]) -> Iterator[UnsentEvents]:
    """Yield the events saved on this machine for the project in `root`.

    `report` takes a message for each file that cannot be read.
    """
    for file in sorted(_folder().glob("*.json")):
        try:
            record = read_record(file, _LARGEST, _FORMAT, unnumbered=_FORMAT, fix=_FIX)
            unsent = UnsentEvents(file=file, **record)
        except (OSError, UserError) as error:
            report(str(error))
            continue
        except TypeError as error:
            report(str(damaged(file, error, fix=_FIX)))
            continue
        if unsent.root == str(root.absolute()):
            yield unsent


def recover(sweep: OpenSweep, unsent: UnsentEvents) -> None:
    """Write unsent events to their journal, and delete them on this machine.

    Their worker has ended and no other process writes there, so the journal still has one writer.
    Raises OSError if the folder still cannot be written, and UserError if they are of another
    sweep; the events are then kept.
    """
    if unsent.digest and unsent.digest != sweep.plan.run_digest:
        raise UserError(f"sweep {unsent.sweep} is another one now than the one they belong to")
    check_inside(sweep.layout.journal / unsent.worker, sweep.root)
    sweep.ledger.complete(unsent.worker, unsent.place, unsent.lines.encode())
    unsent.file.unlink()
