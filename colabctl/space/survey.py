"""Everything that `space` shows of a project: one walk, the sweeps, and the free room."""

from dataclasses import dataclass
from pathlib import Path

from colabctl.project.config import Config
from colabctl.project.layout import Layout
from colabctl.project.members import people
from colabctl.sharedfs.mounts import guard_for
from colabctl.sharedfs.room import Room, room_of
from colabctl.space.files import File, Listing, Progress, list_files
from colabctl.space.owners import Owners
from colabctl.space.removable import Removable, removable
from colabctl.space.sweeps import SeenRoom, SweepUse, latest_rooms, sweep_uses
from colabctl.space.usage import Share, shares


@dataclass(frozen=True)
class Survey:
    """What a project uses, and what could go.

    Attributes:
        listing: its files.
        shares: what each member uses in each folder.
        removable: the files that could go.
        uses: how its sweeps are used.
        room: the free room that this machine sees; None if the file system does not tell.
        rooms: the free room of each member's account, as their own workers saw it last, the most
            first. Empty where all members use one disk.
        is_drive: whether each member may have an account of their own here, with its own limit.

    """

    listing: Listing
    shares: list[Share]
    removable: list[Removable]
    uses: list[SweepUse]
    room: Room | None
    rooms: list[SeenRoom]
    is_drive: bool

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(share.bytes for share in self.shares)

    def largest(self, most: int) -> list[File]:
        """Return the largest files."""
        return sorted(self.listing.files, key=lambda file: (-file.size, file.path))[:most]


def survey(layout: Layout, config: Config, progress: Progress = lambda _: None) -> Survey:
    """Look at a whole project; `progress` is called with the number of files found so far."""
    uses = sweep_uses(layout)
    listing = list_files(layout.root, progress)
    declarers = {
        folder: use.declared_by for use in uses for folder in use.folders if use.declared_by
    }
    owners = Owners(layout, people(layout, config), declarers)
    is_drive = shares_a_drive(layout.root, config)
    return Survey(
        listing,
        shares(listing.files, owners),
        removable(layout, listing.files, uses, owners, config.read_only),
        uses,
        room_of(layout.root),
        latest_rooms(uses) if is_drive else [],
        is_drive,
    )


def shares_a_drive(root: Path, config: Config) -> bool:
    """Whether members may see the folder through accounts of their own, as on a Drive."""
    return guard_for(root, config.consistency, stored=config.stored).consistency == "eventual"
