"""Sums up what each member uses in each folder."""

from collections.abc import Iterable
from dataclasses import dataclass

from colabctl.space.files import File
from colabctl.space.owners import Owners


@dataclass
class Share:
    """What a member uses in a folder; `certain` are the bytes that are not a guess."""

    member: str | None
    folder: str
    files: int = 0
    bytes: int = 0
    certain: int = 0


def shares(files: Iterable[File], owners: Owners) -> list[Share]:
    """Return what each member uses in each folder, the largest first."""
    by_place: dict[tuple[str | None, str], Share] = {}
    for file in files:
        place = owners.place(file.folder)
        share = by_place.setdefault((place.member, place.folder), Share(place.member, place.folder))
        share.files += 1
        share.bytes += file.size
        share.certain += file.size if place.is_known else 0
    return sorted(by_place.values(), key=lambda share: (-share.bytes, share.folder))


def by_member(rows: Iterable[Share]) -> dict[str | None, list[Share]]:
    """Return the shares of each member, the member who uses most first; None for no member."""
    groups: dict[str | None, list[Share]] = {}
    for share in rows:
        groups.setdefault(share.member, []).append(share)

    def order(member: str | None) -> tuple[bool, int, str]:
        return member is None, -sum(share.bytes for share in groups[member]), member or ""

    return {member: groups[member] for member in sorted(groups, key=order)}
