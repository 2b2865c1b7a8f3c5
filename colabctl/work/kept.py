"""Results that a full or lost folder did not take: kept on this machine until they can go in."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colabctl.ledger import task_name
from colabctl.sharedfs.files import write_whole
from colabctl.work.identity import Identity, writer_name
from colabctl.work.sweep import OpenSweep

_OUTCOMES = ("done", "pruned")


@dataclass(frozen=True)
class Kept:
    """A file of kept results: those of one worker of one sweep."""

    file: Path
    root: str
    sweep: str
    worker: str
    member: str
    host: str
    events: list[dict[str, Any]]


def folder() -> Path:
    """Return where results are kept on this machine: outside every shared folder."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "colabctl" / "kept"


def keep(sweep: OpenSweep, me: Identity, lines: bytes) -> Kept | None:
    """Keep the results among journal lines that could not be written; None if there are none."""
    events = [json.loads(line) for line in lines.splitlines()]
    events = [event for event in events if event["event"] in _OUTCOMES]
    if not events:
        return None
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    kept = Kept(
        place / f"{me.name}.json",
        str(sweep.root.absolute()),
        sweep.plan.sweep,
        me.name,
        me.member,
        me.host,
        events,
    )
    parts = {name: value for name, value in vars(kept).items() if name != "file"}
    write_whole(kept.file, json.dumps(parts).encode())
    return kept


def kept_results(root: Path) -> Iterator[Kept]:
    """Give what is kept for the project in `root`."""
    for file in sorted(folder().glob("*.json")):
        try:
            kept = Kept(file=file, **json.loads(file.read_bytes()))
        except (OSError, ValueError, TypeError):
            continue  # not one of ours
        if kept.root == str(root.absolute()):
            yield kept


def bring_in(sweep: OpenSweep, kept: Kept) -> list[str]:
    """Record kept results in the sweep's ledger and forget them here; return the tasks' names.

    They come from a new writer, as journals are never taken up again, with the names of the
    member and host that had the results. What did arrive is left out. Raises OSError if the
    folder does not take them now either; then they stay kept.
    """
    sweep.ledger.refresh()
    book = sweep.ledger.book
    arrived = {
        index
        for index, state in enumerate(book.tasks)
        if state.outcome is not None and state.outcome.writer == kept.worker
    }
    due = [event for event in kept.events if event["task"] not in arrived]
    if due:
        me = Identity(writer_name(kept.member), kept.member, kept.host, 1, 1.0, 1.0)
        sweep.ledger.join(me.name)
        outcomes = [
            (event["event"], {key: event[key] for key in ("task", "attempt", "seconds", "metrics")})
            for event in due
        ]
        end = ("end", {"reason": f"brought in what {kept.worker} had kept"})
        sweep.ledger.record([me.start(), *outcomes, end])
        sweep.ledger.close()
    kept.file.unlink()
    return [task_name(event["task"]) for event in due]
