"""Saves a folder as a whole: it counts once a small record names all its files and digests."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from colabctl.checkpoints import content, records
from colabctl.checkpoints.origin import Origin, Owner, not_read, not_saved, tell
from colabctl.checkpoints.places import record_of, version_number
from colabctl.checkpoints.records import Content, Saved
from colabctl.errors import UserError
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.rights import make_folder, share_tree


@dataclass(frozen=True)
class Folder:
    """A saved folder. Each version is a folder in `path`: no mount replaces a folder at once."""

    owner: Owner
    path: Path

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.path.relative_to(self.owner.folder).as_posix() + "/"

    def built(self, build: Callable[[Path], Any] | None, origin: Origin) -> Path:
        """Return the version that counts, after `build` has filled a new one if that is needed.

        Raises UserError if there is none and nothing to build it with, or it cannot be saved.
        """
        record = record_of(self.path)
        saved = records.load(record)
        why = ""
        if saved is not None:
            try:
                damage = self._damage(saved)
            except OSError as error:
                raise not_read(self.path.parent / saved.file, error) from error
            why = damage or origin.why_stale(saved)
            if not why or (build is None and not damage):
                if why:
                    tell(f"{self.name} is used as it is, but {why} since it was saved")
                return self.path.parent / saved.file
        elif self.path.exists() and self._holds_others():
            raise UserError(
                f"{self.path} holds files that no checkpoint saved; use another name, or move it"
            )
        if build is None:
            raise UserError(
                f"{self.path}: {why or 'there is no such checkpoint'}; make it with "
                f"project.checkpoint({self.name!r}, build), where build(folder) writes the files"
            )
        if why:
            tell(f"{self.name}: {why}, so it is built again")
        inputs = origin.inputs.recorded()
        version = self._new_version(saved)
        build(version)
        made_from = replace(self.owner.new_record(), code=origin.code or {}, inputs=inputs)
        try:
            self._publish(version, made_from, record)
        except OSError as error:
            raise not_saved(self.name, error) from error
        return version

    def _holds_others(self) -> bool:
        return not self.path.is_dir() or any(
            version_number(each.name) is None for each in self.path.iterdir()
        )

    def _new_version(self, saved: Saved | None) -> Path:
        try:
            make_folder(self.path, parents=True, follow=False)
            numbers = [version_number(each.name) or 0 for each in self.path.iterdir()]
            current = version_number(Path(saved.file).name) if saved else None
            number = max([*numbers, current or 0]) + 1
            version = self.path / f"{number:04d}-{os.urandom(4).hex()}"
            make_folder(version)
        except OSError as error:
            raise not_saved(self.name, error) from error
        return version

    def _publish(self, version: Path, made_from: Saved, record: Path) -> None:
        share_tree(version)
        files = self._contents(version)
        saved = replace(
            made_from,
            file=version.relative_to(self.path.parent).as_posix(),
            size=sum(each.size for each in files.values()),
            files=files,
        )
        write_whole(record, saved.encode())

    def _contents(self, version: Path) -> dict[str, Content]:
        files: dict[str, Content] = {}
        for here, folders, names in os.walk(version):
            for each in (*folders, *names):
                path = Path(here, each)
                if path.is_symlink():
                    raise UserError(f"{self.name}: build made {path} a link; write a file instead")
                if each in names:
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
                        files[path.relative_to(version).as_posix()] = content.content_of(file)
        if not files:
            raise UserError(f"{self.name}: build(folder) wrote no file into the folder that it got")
        return files

    def _damage(self, saved: Saved) -> str:
        """Return what is wrong with the version of a record, "" if it is whole."""
        folder = self.path.parent / saved.file
        if folder.parent != self.path or folder.is_symlink() or not saved.files:
            return "its record names no folder that was saved"
        for name, expected in saved.files.items():
            try:
                with content.open_checked(folder / name, self.owner.folder) as file:
                    if not content.fits(file, expected):
                        return f"{name} is not what was saved: changed, damaged, or still arriving"
            except FileNotFoundError:
                return f"{name} is missing, or still arriving"
        return ""
