"""Starts pilots of a sweep, keeps a record of them in its folder, and looks at them later."""

import json
import os
import platform
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from colabctl.engines.contract import Pilots, PilotState, Starter
from colabctl.engines.find import find_engine
from colabctl.errors import UserError
from colabctl.project.layout import SweepLayout
from colabctl.sharedfs.files import write_once
from colabctl.sharedfs.names import slug
from colabctl.sharedfs.records import damaged, read_record
from colabctl.sharedfs.rights import make_folder

FORMAT = 1
_LARGEST = 1 << 20  # bytes of a record
_MOST = 50  # records to look at, the latest first
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,150}")


@dataclass(frozen=True)
class Record:
    """What is kept of pilots that were started: by whom, where, and the engine's jobs."""

    name: str
    engine: str
    address: str
    member: str
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class Seen:
    """A record, its engine, and the pilots of it that are pending or running."""

    record: Record
    engine: Starter
    states: Sequence[PilotState]


def new_name(engine: str, member: str) -> str:
    """Return a name for new pilots, different from all others."""
    at = time.strftime("%Y%m%dT%H%M%S", time.gmtime()).lower()
    host = slug(platform.node())
    return f"{slug(engine)}-{slug(member)}-{host}-{at}-{os.urandom(3).hex()}"


def start(layout: SweepLayout, on: str, member: str, engine: Starter, pilots: Pilots) -> list[str]:
    """Start pilots, keep their script and a record of their jobs in the sweep, return the jobs.

    Raises UserError if the engine refuses; jobs that it has accepted before that are recorded.
    """
    make_folder(layout.pilots)
    write_once(layout.pilots / f"{pilots.name}.txt", engine.script(pilots).encode())
    jobs: list[str] = []
    try:
        engine.start(pilots, jobs.append)
    finally:
        if jobs:
            name, _, address = on.partition("://")
            record = {
                "format": FORMAT, "engine": name, "address": address, "member": member,
                "count": pilots.count, "jobs": jobs, "started_at": round(time.time(), 3),
            }  # fmt: skip
            text = json.dumps(record, indent=1) + "\n"
            write_once(layout.pilots / f"{pilots.name}.json", text.encode())
    return jobs


def records(layout: SweepLayout) -> Iterator[Record]:
    """Yield the records of a sweep's pilots, the latest first; damaged ones are left out."""
    try:
        names = [file.stem for file in layout.pilots.glob("*.json")]
    except OSError:  # most sweeps have no pilots
        return
    latest = sorted((name for name in names if _NAME.fullmatch(name)), key=_started, reverse=True)
    for name in latest[:_MOST]:
        with suppress(UserError, OSError):
            yield _record(layout, name)


def _started(name: str) -> str:
    return "-".join(name.rsplit("-", 2)[-2:])


def _record(layout: SweepLayout, name: str) -> Record:
    path = layout.pilots / f"{name}.json"
    record = read_record(path, _LARGEST, FORMAT)
    engine, address, member, jobs = (
        record.get(key) for key in ("engine", "address", "member", "jobs")
    )
    if not isinstance(jobs, list) or not all(
        isinstance(text, str) for text in (engine, address, member, *jobs)
    ):
        raise damaged(path, "a key is missing or of another kind")
    return Record(name, str(engine), str(address), str(member), tuple(jobs))


def look(layout: SweepLayout) -> Iterator[Seen]:
    """Yield the pilots of a sweep that are pending or running, as far as this machine can tell.

    An engine with an address is left out: the address is in the shared folder, where others can
    write, and looking would connect there.
    """
    for record in records(layout):
        if record.address:
            continue
        with suppress(UserError):  # an engine that is not installed here
            engine = find_engine(record.engine, {})
            if isinstance(engine, Starter) and (states := engine.look(record.name, record.jobs)):
                yield Seen(record, engine, states)
