"""Compares a folder of raw data with its manifest."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw import manifest
from colabctl.project.raw.digests import Progress
from colabctl.project.raw.listing import list_files, protected_folder
from colabctl.project.raw.records import records_of


@dataclass(frozen=True)
class Verification:
    """How a folder differs from its manifest; names are paths from the folder.

    `checked` counts the recorded files whose content was compared. Files inside a folder that is
    `unreadable` are in none of the lists.
    """

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]
    unreadable: tuple[str, ...]
    checked: int

    @property
    def clean(self) -> bool:
        """Whether every recorded file is unchanged and there are no others."""
        return not (self.changed or self.missing or self.added or self.unreadable)


def verify(layout: Layout, folder: Path, *, progress: Progress | None = None) -> Verification:
    """Compare the files in `folder` with its manifest; write nothing.

    A relative `folder` starts at the project's root. Raises UserError if the folder does not exist
    or is not protected, and for a manifest that cannot be read.
    """
    folder = protected_folder(layout, folder)
    old = manifest.read(layout.manifest(folder))
    if old is None:
        raise UserError(
            f"{layout.relative(folder)} is not protected yet; run colabctl protect"
            f" {layout.relative(folder)}"
        )
    scan = list_files(folder, old)
    same_size = {
        name: file
        for name, file in scan.files.items()
        if name in old and (file.size, file.link) == (old[name].size, old[name].link)
    }
    now, unread = records_of(same_size, progress)
    unreadable = {*scan.unreadable, *unread}
    same = {name for name in now if now[name] == old[name]}
    present = scan.files.keys() & old.keys()
    return Verification(
        changed=tuple(sorted(present - same - unreadable)),
        missing=tuple(
            sorted(name for name in old if name not in present and not _is_in(name, unreadable))
        ),
        added=tuple(sorted(scan.files.keys() - old.keys())),
        unreadable=tuple(sorted(unreadable)),
        checked=len(present - unreadable),
    )


def _is_in(name: str, paths: Collection[str]) -> bool:
    return any(path in (".", name) or name.startswith(f"{path}/") for path in paths)
