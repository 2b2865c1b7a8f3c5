"""Makes the records of files: what a manifest says of them."""

import hashlib
from collections.abc import Mapping

from colabctl.project.raw.digests import Progress, digests_of
from colabctl.project.raw.listing import File, target_of
from colabctl.project.raw.manifest import FileRecord


def records_of(
    files: Mapping[str, File], progress: Progress | None
) -> tuple[dict[str, FileRecord], list[str]]:
    """Read `files`; return their records, and the names of those that cannot be read."""
    records: dict[str, FileRecord] = {}
    unreadable = []
    for name, file in files.items():
        if file.link:
            try:
                target = target_of(file.path)
            except OSError:
                unreadable.append(name)
            else:
                records[name] = FileRecord(
                    len(target), hashlib.sha256(target).hexdigest(), link=True
                )
    regular = {name: file.path for name, file in files.items() if not file.link}
    total = sum(file.size for file in files.values() if not file.link)
    for name, digest in digests_of(regular, total, progress):
        if isinstance(digest, OSError):
            unreadable.append(name)
        else:
            records[name] = FileRecord(digest.size, digest.sha256)
    return {name: records[name] for name in files if name in records}, sorted(unreadable)
