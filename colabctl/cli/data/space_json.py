"""What `space --json` prints."""

from collections.abc import Sequence
from typing import Any

from colabctl.space.duplicates import Duplicates
from colabctl.space.removable import KINDS, Removable
from colabctl.space.survey import Survey
from colabctl.space.usage import by_member


def as_object(
    project: str, seen: Survey, duplicates: Sequence[Duplicates] | None, top: int, now: float
) -> dict[str, Any]:
    """Return the object; `duplicates` is None if they were not looked for."""
    return {
        "project": project,
        "bytes": seen.bytes,
        "files": len(seen.listing.files),
        "complete": not seen.listing.unread,
        "unread": [each._asdict() for each in seen.listing.unread],
        "links": seen.listing.links,
        "members": [
            {
                "member": member,
                "bytes": sum(share.bytes for share in group),
                "known_bytes": sum(share.certain for share in group),
                "files": sum(share.files for share in group),
                "folders": [
                    {"folder": share.folder, "bytes": share.bytes, "files": share.files}
                    for share in group
                ],
            }
            for member, group in by_member(seen.shares).items()
        ],
        "largest": [{"path": file.path, "bytes": file.size} for file in seen.largest(top)],
        "duplicates": None
        if duplicates is None
        else [
            {"bytes": each.size, "paths": each.paths, "proved": each.is_proved}
            for each in duplicates
        ],
        "removable": [_kind_object(seen, kind) for kind in KINDS],
        "free": seen.room.free if seen.room else None,
        "total": seen.room.total if seen.room else None,
        "accounts": [
            {
                "member": room.member,
                "free": room.free,
                "seen_seconds": round(max(0.0, now - room.at), 1),
            }
            for room in seen.rooms
        ],
    }


def removable_object(item: Removable) -> dict[str, Any]:
    """Return a file that can be deleted."""
    return {
        "kind": item.kind,
        "path": item.file.path,
        "bytes": item.file.size,
        "member": item.member,
    }


def _kind_object(seen: Survey, kind: str) -> dict[str, Any]:
    items = [each for each in seen.removable if each.kind == kind]
    return {"kind": kind, "bytes": sum(each.file.size for each in items), "files": len(items)}
