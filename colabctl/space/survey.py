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
from colabctl.space.removable import BY_NAME, Removable, removable
from colabctl.space.sweeps import SeenRoom, SweepUse, latest_rooms, sweep_uses
from colabctl.space.usage import Share, shares


@dataclass(frozen=True)
class Survey:
    """What a project uses, and what can be deleted.

    Attributes:
        listing: its files.
        shares: what each member uses in each folder.
        removable: the files that can be deleted.
        uses: how its sweeps are used.
        room: the free room that this machine sees; None if the file system does not tell.
        rooms: the free room of each member's account, as their own workers saw it last, the most
            first. Empty where all members use one disk.
        owners: tells whose the files are.
        is_drive: whether each member may have an account of their own here, with its own limit.

    """

    listing: Listing
    shares: list[Share]
    removable: list[Removable]
    uses: list[SweepUse]
    room: Room | None
    rooms: list[SeenRoom]
    owners: Owners
    is_drive: bool

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(share.bytes for share in self.shares)

    @property
    def freed(self) -> int:
        """The size of all that `space --tidy` deletes without the name of a kind."""
        return sum(each.file.size for each in self.removable if each.kind not in BY_NAME)

    def largest(self, most: int, of: str | None = None) -> list[File]:
        """Return the largest files, of all or of one member."""
        files = self.listing.files
        if of is not None:
            files = [file for file in files if self.owners.place(file.folder).member == of]
        return sorted(files, key=lambda file: (-file.size, file.path))[:most]


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
        owners,
        is_drive,
    )


def shares_a_drive(root: Path, config: Config) -> bool:
    """Whether members may see the folder through accounts of their own, as on a Drive."""
    return guard_for(root, config.consistency, stored=config.stored).consistency == "eventual"
