"""Looks quickly, before other work starts, whether raw data is as it was recorded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw.names import listed
from colabctl.project.raw.verification import Verification, is_protected, verify_quick
from colabctl.sharedfs.faults import describe


@dataclass(frozen=True)
class Finding:
    """What a quick check of a folder showed.

    Attributes:
        folder: its path from the project
        check: the outcome
        in_mirror: whether data comes from a store on demand
    """

    folder: str
    check: Verification
    in_mirror: bool = False

    @property
    def damage(self) -> str:
        """What was changed and is missing, and what to do about it; "" if nothing was."""
        check, folder = self.check, self.folder
        if not check.damaged:
            return ""
        kinds = (("changed", check.changed), ("missing", check.missing))
        names = "; ".join(f"{kind}: {listed(files)}" for kind, files in kinds if files)
        return (
            f"{folder} is not as it was recorded ({names}); see all: colabctl verify {folder}; "
            f"bring the originals back: colabctl restore {folder}; if the change is intended: "
            f"colabctl protect {folder} --accept-changes"
        )

    @property
    def notes(self) -> Iterator[str]:
        """What is not known about the folder."""
        check, folder = self.check, self.folder
        if check.unseen and self.in_mirror:
            yield (
                f"{len(check.unseen):,} of {check.checked + len(check.unseen):,} files of {folder} "
                f"are not in this mirror ({listed(check.unseen)}); if tasks read them, get them: "
                f"colabctl sync --data {folder}"
            )
        elif check.unseen:
            yield (
                f"the listing of {folder} is not complete (its sentinel is not in it), so nothing "
                f"is called missing; not listed: {listed(check.unseen)}"
            )
        if check.touched:
            yield (
                f"{len(check.touched):,} files in {folder} have the recorded size but another "
                f"time; read them once on this machine: colabctl verify {folder}"
            )
        if check.copies:
            yield f"{folder} has a second manifest; see colabctl verify {folder}"


def findings(layout: Layout, read_only: Sequence[str]) -> Iterator[Finding]:
    """Yield what a quick check of each protected folder in `read_only` shows.

    Folders that are not protected are passed over. Raises as `verify_quick` does.
    """
    for name in read_only:
        folder = layout.root / name
        if is_protected(layout, folder):
            yield Finding(name, verify_quick(layout, folder), layout.mirror.exists())


def sentences(layout: Layout, read_only: Sequence[str]) -> list[str]:
    """Return all that a quick check shows, in sentences, for a command that continues anyway."""
    try:
        checks = list(findings(layout, read_only))
    except UserError as error:
        return [f"{error}"]
    except OSError as error:
        return [f"raw data could not be checked: {describe(error)}"]
    return [text for each in checks for text in (each.damage, *each.notes) if text]
