"""Makes the records of files: what a manifest says of them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from colabctl.project.raw.digests import Progress, UnsteadyFileError, digests_of
from colabctl.project.raw.listing import File, target_of
from colabctl.project.raw.manifest import FileRecord
from colabctl.project.raw.proofs import Proof, Proofs


@dataclass(frozen=True)
class Records:
    """The records of files, and the names of those that have none.

    Attributes:
        files: the records, in the order of the names
        unreadable: files that cannot be read
        unsteady: files that changed while they were read

    """

    files: dict[str, FileRecord]
    unreadable: tuple[str, ...]
    unsteady: tuple[str, ...]


def digest_by_time(file: File, proof: Proof | None, record: FileRecord | None) -> str | None:
    """Return the digest that a file had when its size and time were as now; None if unknown.

    What this machine has read itself comes first: the manifest may have been changed since.
    """
    for earlier in (proof, record):
        if earlier and (earlier.size, earlier.mtime_ns) == (file.size, file.mtime_ns):
            return earlier.sha256
    return None


def records_of(
    files: Mapping[str, File],
    proofs: Proofs,
    progress: Progress | None,
    earlier: Mapping[str, FileRecord] | None = None,
) -> Records:
    """Return the records of `files`, and remember what was read.

    Files are not read whose size and time are those in the `proofs` or in the `earlier` records,
    unless `earlier` is None.
    """
    records: dict[str, FileRecord] = {}
    unreadable, unsteady, unread = [], [], {}
    for name, file in files.items():
        if file.link:
            try:
                records[name] = record_of_link(file)
            except OSError:
                unreadable.append(name)
        elif earlier is not None and (
            digest := digest_by_time(file, proofs.proofs.get(name), earlier.get(name))
        ):
            records[name] = FileRecord(file.size, digest, mtime_ns=file.mtime_ns)
        else:
            unread[name] = file
    total = sum(file.size for file in unread.values())
    paths = {name: file.path for name, file in unread.items()}
    for name, outcome in digests_of(paths, total, progress):
        if isinstance(outcome, UnsteadyFileError):
            unsteady.append(name)
        elif isinstance(outcome, OSError):
            unreadable.append(name)
        else:
            proofs.add(name, outcome)
            records[name] = FileRecord(
                outcome.size, outcome.sha256, mtime_ns=outcome.steady_mtime_ns
            )
    return Records(
        {name: records[name] for name in files if name in records},
        tuple(sorted(unreadable)),
        tuple(sorted(unsteady)),
    )


def record_of_link(file: File) -> FileRecord:
    """Return the record of a symbolic link; raise OSError if it cannot be read."""
    target = target_of(file.path)
    return FileRecord(len(target), hashlib.sha256(target).hexdigest(), link=True)
