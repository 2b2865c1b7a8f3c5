"""Loads a value from its file, or builds and saves it if it is missing, stale or damaged."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from colabctl.checkpoints import content, records
from colabctl.checkpoints.formats import Format
from colabctl.checkpoints.origin import Origin, Owner, not_read, not_saved, tell
from colabctl.checkpoints.places import RECORD
from colabctl.checkpoints.records import Content, Saved
from colabctl.errors import UserError, nearest
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.rights import make_folder

Place = tuple[Path, Format]
"""The file of a value, and its format."""


@dataclass(frozen=True)
class Stored:
    """A value that is saved with a record; messages call it `name`."""

    owner: Owner
    record: Path
    name: str

    def value(
        self,
        there: Place | None,
        build: Callable[[], Any] | None,
        origin: Origin,
        place: Callable[[Any], Place],
    ) -> Any:
        """Return the value.

        Args:
            there: where the value is, if it is saved.
            build: returns the value; without it, the value is only loaded.
            origin: what it is made from now.
            place: returns where a new value belongs.

        Raises:
            UserError: It can be neither loaded nor built, or not be saved.

        """
        why = ""
        match: Saved | None = None
        if there is not None:
            try:
                saved = records.load(self.record)
                with content.open_checked(there[0], self.owner.folder) as file:
                    match, why = self._match(file, there, saved)
                    if match is not None:
                        why = origin.why_stale(match) if match.sha256 else ""
                        if not why or build is None:
                            if why:
                                tell(f"{self.name} is loaded, but {why} since it was saved")
                            return self._load(file, there, match)
            except FileNotFoundError:
                why = "its record is here and its file is not" if self.record.exists() else ""
            except OSError as error:
                raise not_read(there[0], error) from error
        if build is None:
            raise self._missing(why)
        if why:
            tell(f"{self.name}: {why}, so it is built again")
        inputs = origin.inputs.recorded()
        value = build()
        where = place(value)
        made_from = replace(self.owner.new_record(), code=origin.code or {}, inputs=inputs)
        if there is not None and match is None:
            self._keep(there[0])
        self._save(where, value, made_from, match)
        with content.open_checked(where[0], self.owner.folder) as file:
            return self._load(file, where, None)

    def _match(self, file: BinaryIO, there: Place, saved: Saved | None) -> tuple[Saved | None, str]:
        """Return the record that an open file matches, or None and why there is none."""
        path, form = there
        if saved is None and form.pickles:
            return None, "it is a pickle without a record, so it is not loaded"
        if saved is None and self.record.exists():
            return None, f"its record {self.record.name} is damaged"
        if saved is None:
            tell(f"{self.name} has no record, so it is loaded as it is, whatever it came from")
            return Saved(path.name, 0), ""
        for each in (saved, saved.previous):
            if each is not None and content.fits(file, Content(each.size, each.sha256)):
                if form.pickles and each.member != self.owner.member:
                    return None, f"it is a pickle that {each.member or 'someone else'} saved"
                return each, ""
        return None, "it is not what was saved: changed, damaged, or still arriving"

    def _load(self, file: BinaryIO, there: Place, saved: Saved | None) -> Any:
        path, form = there
        if form.pickles and saved is not None:
            at = time.strftime("%Y-%m-%d %H:%M", time.localtime(saved.saved_at))
            tell(
                f"{self.name} is a pickle, which runs code as it loads; its record says that you "
                f"saved it on {saved.host}, {at}"
            )
        try:
            file.seek(0)
            return form.load(file)
        except Exception as error:
            raise UserError(
                f"{path} cannot be loaded ({_first_line(error)}); delete it to build it again"
            ) from error

    def _keep(self, path: Path) -> None:
        """Give a file that was not saved like this, such as one edited by hand, another name."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        other = path.with_name(f"{path.stem}.other-{stamp}{path.suffix}")
        try:
            if path.is_file() and not path.is_symlink() and path.stat().st_size:
                path.rename(other)
                tell(f"what was there is kept as {other.name}")
        except OSError as error:
            raise not_saved(self.name, error) from error

    def _save(self, where: Place, value: Any, made_from: Saved, before: Saved | None) -> None:
        """Save a value; its file holds it or the one `before` at any time, and the record both."""
        path, form = where
        try:
            make_folder(path.parent, parents=True)
            with content.drafted(lambda file: self._write(form, value, file)) as (file, size):
                record = replace(
                    made_from,
                    file=path.name,
                    size=size.size,
                    sha256=size.sha256,
                    previous=replace(before, previous=None) if before else None,
                )
                write_whole(self.record, record.encode())
                write_whole(path, content.pieces(file))
        except OSError as error:
            raise not_saved(self.name, error) from error

    def _write(self, form: Format, value: Any, file: BinaryIO) -> None:
        try:
            form.save(value, file)
        except UserError as error:
            raise UserError(f"{self.name}: {error}") from None
        except OSError:
            raise
        except Exception as error:
            raise UserError(
                f"{self.name} cannot hold this value ({_first_line(error)}); use another format"
            ) from error

    def _missing(self, why: str) -> UserError:
        make = f"project.checkpoint({self.name!r}, build)"
        path = self.owner.folder / self.name
        if why:
            return UserError(f"{path}: {why}; make it again with {make}")
        try:
            there = [each.name for each in path.parent.iterdir()]
        except OSError:
            there = []
        near = nearest(path.name, [name for name in there if not name.endswith(RECORD)])
        hint = f"; did you mean {near}?" if near else f"; make it with {make}"
        return UserError(f"there is no checkpoint {path}{hint}")


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line:.200}"
