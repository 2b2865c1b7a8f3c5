"""Checks how much room is free, here and in the accounts of the members."""

import time
from collections.abc import Iterator

from colabctl.doctor.check import Check
from colabctl.durations import short_duration
from colabctl.project.config import Config
from colabctl.project.layout import Layout
from colabctl.sharedfs.room import room_of
from colabctl.sizes import format_size
from colabctl.space.survey import shares_a_drive, survey
from colabctl.space.sweeps import latest_rooms, sweep_uses

_TRASH = "on a Drive, empty the trash too, because it counts"


def space(layout: Layout, config: Config) -> Iterator[Check]:
    """Look at the free room: this machine's view, then what each member's workers saw last."""
    room = room_of(layout.root)
    if room is None:
        yield Check("space", "note", "this file system does not tell how much room is free")
    elif room.free < config.min_free:
        yield Check(
            "space",
            "wrong",
            f"only {format_size(room.free)} free; workers warn below "
            f"{format_size(config.min_free)} (min_free), and stop below a tenth of it",
            _fix(layout, config),
        )
    else:
        yield Check("space", "ok", f"{format_size(room.free)} free")
    if shares_a_drive(layout.root, config):
        yield from _accounts(layout, config)


def _fix(layout: Layout, config: Config) -> str:
    """Say what can be deleted. Only where room is short, because it looks at every file."""
    size = survey(layout, config).freed
    if size:
        return f"{format_size(size)} can be deleted: colabctl space --tidy; {_TRASH}"
    return f"see what uses it: colabctl space, and delete what is not needed; {_TRASH}"


def _accounts(layout: Layout, config: Config) -> Iterator[Check]:
    rooms, now = latest_rooms(sweep_uses(layout)), time.time()
    for room in rooms:
        if room.free < config.min_free:
            ago = short_duration(max(0.0, now - room.at))
            most = rooms[0]
            better = (
                f", and start workers on the account of {most.member}, which has "
                f"{format_size(most.free)}"
                if most.free >= config.min_free
                else ""
            )
            yield Check(
                "space",
                "note",
                f"the account of {room.member} had only {format_size(room.free)} free {ago} ago",
                f"ask {room.member} to run colabctl space --tidy and to empty the trash{better}",
            )
