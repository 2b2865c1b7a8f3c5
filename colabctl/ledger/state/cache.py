"""What this user has read of a sweep, kept on this machine's own disk for the next command.

A file holds the state of one sweep, and how far its journals had been read. The next command reads
only what is new. The file saves time and nothing else: where it is damaged, was made from another
plan or by another version, or the journals are not those that it was made from, the journals are
read from the start. It can be deleted at any time. Only arrays and JSON are read from it.
"""

import hashlib
import json
import os
import re
import sys
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from colabctl.ledger.journals.journal import Journals
from colabctl.ledger.plan import Plan
from colabctl.ledger.state import snapshot
from colabctl.ledger.sweep_state import SweepState
from colabctl.sharedfs.own_cache import cache_folder, is_private, open_own, write_own
from colabctl.version import VERSION

_FORMAT = 8
_MAGIC = b"colabctl sweep cache "
_SUFFIX = ".sweep"
_NAME = re.compile(r"[0-9a-f]{32}\.sweep(\.[0-9a-f]{8}\.tmp)?")
_UNUSED = 30 * 86400.0  # seconds after which a file is deleted


class Cache(NamedTuple):
    """The file of one sweep, and its `note`; `folder` is of this user alone."""

    folder: Path
    name: str
    made_from: dict[str, Any]
    note: str = ""

    def load(self, state: SweepState, journals: Journals) -> bool:
        """Fill a new state and continue the journals; return False if the file does not fit.

        After that, the state is spoiled, so use another.
        """
        file = self.folder / self.name
        try:
            if not is_private(self.folder):
                return False
            with open(file, "rb", opener=open_own) as stream:
                data = memoryview(stream.read())
            head, body = bytes(data[: _head_size()]), data[_head_size() :]
            if head != _head(zlib.crc32(body)):
                return False
            size = int.from_bytes(body[:8], "big")
            facts = json.loads(bytes(body[8 : 8 + size]))
            if facts["made_from"] != self.made_from:
                return False
            snapshot.restore(state, facts["state"], body[8 + size :])
            fits = journals.resume(facts["position"])
        except (OSError, ValueError, TypeError, KeyError, IndexError, OverflowError):
            return False
        if fits:
            with suppress(OSError):
                os.utime(file)  # it was used
        return fits

    def save(self, state: SweepState, journals: Journals) -> None:
        """Write the file; errors are ignored, because it only saves time."""
        with suppress(OSError):
            self._save(state, journals)

    def _save(self, state: SweepState, journals: Journals) -> None:
        taken = snapshot.take(state)
        facts = {
            "made_from": self.made_from, "state": taken.facts, "position": journals.position(),
        }  # fmt: skip
        encoded = json.dumps(facts, separators=(",", ":")).encode()
        parts = [len(encoded).to_bytes(8, "big"), encoded, *taken.parts]
        crc = 0
        for part in parts:
            crc = zlib.crc32(part, crc)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_private(self.folder):
            write_own(self.folder / self.name, [_head(crc), *parts])
            _delete_unused(self.folder)

    def remember(self, counts: Mapping[str, int]) -> None:
        """Note how many events of each writer were read; errors are ignored.

        Unlike the cache, the note stays when journals have gone, so doctor can tell.
        """
        before = self.read_before()
        more = {
            writer: [count, time.time()]
            for writer, count in counts.items()
            if count > before.get(writer, (0, 0.0))[0]
        }
        if not more:
            return
        note = {"read": {**before, **more}}
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_private(self.folder):
                write_own(self.folder / self.note, [json.dumps(note).encode()])

    def read_before(self) -> dict[str, tuple[int, float]]:
        """Return what `remember` noted: the number of events of each writer, and when."""
        try:
            if not is_private(self.folder):
                return {}
            with open(self.folder / self.note, "rb", opener=open_own) as stream:
                note = json.loads(stream.read())
            return {writer: (int(n), float(t)) for writer, (n, t) in note["read"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}


def cache_of(journals: Path, plan: Plan) -> Cache | None:
    """Return the cache of the sweep whose journals are in a folder; None if there is none.

    The environment variable COLABCTL_CACHE holds another folder for caches, or "off".
    """
    folder = cache_folder("sweeps")
    if folder is None:
        return None
    place = str(journals.absolute())
    made_from = {
        "format": _FORMAT,
        "version": VERSION,
        "byteorder": sys.byteorder,
        "journals": place,
        "plan": hashlib.sha256(plan.encode()).hexdigest(),
        "extensions": [each.name for each in plan.extensions],
    }
    name = hashlib.sha256(os.fsencode(place)).hexdigest()[:32] + _SUFFIX
    of_all_twins = f"{journals.absolute().parent.parent} {plan.run_digest}"
    note = hashlib.sha256(os.fsencode(of_all_twins)).hexdigest()[:32] + ".read"
    return Cache(folder, name, made_from, note)


def _head(crc: int) -> bytes:
    return b"%s%08x\n" % (_MAGIC, crc)


def _head_size() -> int:
    return len(_head(0))


def _delete_unused(folder: Path) -> None:
    """Delete the caches of sweeps that no one has looked at for a month."""
    for file in folder.iterdir():
        with suppress(OSError):
            is_ours = _NAME.fullmatch(file.name) is not None
            if is_ours and time.time() - file.lstat().st_mtime > _UNUSED:
                file.unlink()
