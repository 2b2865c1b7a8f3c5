"""Tells which sweeps are in use, so that nothing of them is removed, and what workers saw free."""

from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import Layout, SweepLayout
from colabctl.sharedfs.faults import describe
from colabctl.sweeps import every_sweep, plan_of
from colabctl.work.open_sweep import OpenSweep


@dataclass(frozen=True)
class SeenRoom:
    """The free room that a worker of a member saw last: bytes, and when, in seconds since 1970."""

    member: str
    free: int
    at: float


@dataclass(frozen=True)
class SweepUse:
    """How a sweep is used.

    Attributes:
        name: its name.
        folders: the names of its folders in `sweeps`: its own and those of its twins.
        declared_by: the member who declared it; "" if its plan cannot be read.
        in_use: why nothing of it may go, "" if it may.
        is_archived: whether it is archived.
        is_finished: whether all its tasks have ended.
        rooms: what its workers saw.

    """

    name: str
    folders: tuple[str, ...]
    declared_by: str = ""
    in_use: str = ""
    is_archived: bool = False
    is_finished: bool = False
    rooms: tuple[SeenRoom, ...] = ()


def sweep_uses(layout: Layout) -> list[SweepUse]:
    """Return how each sweep of a project is used; one that cannot be read counts as in use."""
    return [sweep_use(layout.root, sweep) for sweep in every_sweep(layout)]


def sweep_use(root: Path, sweep: SweepLayout) -> SweepUse:
    """Return how a sweep is used."""
    folders = tuple(folder.name for folder in (sweep.root, *sweep.twins))
    declared_by = ""
    try:
        declared_by = plan_of(sweep).declared_by
        open_sweep = OpenSweep.at(root, sweep)
        ledger = open_sweep.ledger
        ledger.refresh()
    except UserError as error:
        return SweepUse(sweep.name, folders, declared_by, in_use=str(error))
    except OSError as error:
        return SweepUse(sweep.name, folders, declared_by, in_use=describe(error))
    state, now = ledger.state, ledger.clock.now()
    running = sorted(worker.name for worker in state.live_workers(now))
    running += sorted(ledger.newcomers())
    rooms = tuple(
        SeenRoom(writer.member, writer.free, writer.free_at)
        for writer in state.writers.values()
        if writer.free is not None and writer.member
    )
    return SweepUse(
        sweep.name,
        folders,
        declared_by,
        in_use=f"{running[0]} works on it" if running else "",
        is_archived=sweep.archived_at is not None,
        is_finished=state.finished == state.total,
        rooms=rooms,
    )


def use_in(layout: Layout, folder: str) -> SweepUse | None:
    """Return how the sweep in a folder of `sweeps` is used now; None if there is none."""
    for sweep in every_sweep(layout):
        if folder in (each.name for each in (sweep.root, *sweep.twins)):
            return sweep_use(layout.root, sweep)
    return None


def latest_rooms(uses: list[SweepUse]) -> list[SeenRoom]:
    """Return what each member's workers saw last, the member with most room first."""
    latest: dict[str, SeenRoom] = {}
    for use in uses:
        for room in use.rooms:
            if room.member not in latest or latest[room.member].at < room.at:
                latest[room.member] = room
    return sorted(latest.values(), key=lambda room: (-room.free, room.member))
