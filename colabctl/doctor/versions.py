"""Compares the versions of colabctl that the members run, as their workers have recorded them."""

import re
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from colabctl.doctor.check import Check
from colabctl.durations import format_duration
from colabctl.ledger.state.writer import Writer
from colabctl.version import VERSION

_NUMBERS = re.compile(r"\d+")
_LONGEST = 40  # characters of a version, which anyone can write
_UPGRADE = "install one version everywhere: the newest wheel is in .colabctl"


class _Ran(NamedTuple):
    """Which version a member ran last on a machine, and when it started."""

    version: str
    started: float
    host: str


def _latest(writers: Iterable[tuple[str, Writer]]) -> dict[str, _Ran]:
    """Return what each member ran last, from the members and the workers of all sweeps."""
    ran: dict[str, _Ran] = {}
    for member, writer in writers:
        if writer.started is None or not writer.version:
            continue
        version = writer.version[:_LONGEST]
        if member not in ran or writer.started > ran[member].started:
            ran[member] = _Ran(version, writer.started, writer.host)
    return ran


def versions(workers: Iterable[tuple[str, Writer]]) -> Iterator[Check]:
    """Yield a note for each member whose last worker was of another version than this one."""
    ran, now = _latest(workers), time.time()
    others = {member: last for member, last in ran.items() if last.version != VERSION}
    for member, last in others.items():
        ago = format_duration(max(0.0, now - last.started))
        is_newer = _order(last.version) > _order(VERSION)
        yield Check(
            "versions", "note",
            f"{member} ran colabctl {last.version} on {last.host} {ago} ago; this is {VERSION}, "
            f"which is {'older' if is_newer else 'newer'}",
            f"{'upgrade this machine' if is_newer else f'ask {member} to upgrade'}: {_UPGRADE}",
        )  # fmt: skip
    if ran and not others:
        yield Check("versions", "ok", f"every member ran colabctl {VERSION} last, as here")


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBERS.findall(version)[:4])
