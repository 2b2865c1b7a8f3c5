"""A mirror: a folder on this machine that is kept the same as a project in a store."""

import hashlib
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from colabctl.project.layout import Layout, SweepLayout
from colabctl.project.raw.manifest import FileRecord
from colabctl.project.raw.manifest import read as read_manifest
from colabctl.remote.bases import Base, Bases
from colabctl.remote.carried import Carried, Moved
from colabctl.remote.journals import whole_until
from colabctl.remote.local import LocalFiles
from colabctl.remote.steps import Local, steps
from colabctl.remote.store import Entry, Store
from colabctl.remote.transfers import each_of
from colabctl.remote.travel import (
    SCRATCH,
    Travel,
    is_plan,
    may_have_travellers,
    travel_of,
)
from colabctl.sharedfs.faults import fault_of
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.rights import make_folder, share

LARGEST_EDITED = 100_000_000
"""Bytes of an edited file above which it does not travel by itself: each mirror would wait."""

_FRESH = 1.0  # seconds for which a file may still be written
_AT_ONCE = 16  # questions
_BATCH = 256  # files that are put in their places together
_FEW = 900  # files of a journal that one request lists


class Mirror:
    """The mirror in the folder of a project; one thread at a time.

    Args:
        moved: called as files arrive, with how far it has come.

    """

    def __init__(
        self,
        layout: Layout,
        store: Store,
        bases: Bases,
        moved: Callable[[Moved], None] = lambda _moved: None,
    ) -> None:
        self.layout, self.store, self.bases = layout, store, bases
        self.moved = moved
        self._local = LocalFiles(layout.root)
        self._lock = threading.Lock()
        self._after: dict[str, str] = {}  # for each writer's folder, where listing continues

    # -- both ways ------------------------------------------------------------------------------

    def sync(self, data: Sequence[str] = (), *, fresh: bool = True) -> Carried:
        """Carry everything that is not data both ways, and data below the names in `data`.

        What tasks and members made here goes up in any case. Without `fresh`, files that may still
        be written stay. Raises StoreError, and OSError if the mirror's disk fails; what was carried
        until then counts.
        """
        names = set(self._local.below("", may_have_travellers))
        tops = {name.partition("/")[0] for name in names if self._goes_up(name)}
        tops |= {each.partition("/")[0] for each in data}
        there = {entry.name: entry for entry in self._list_all(tops)}
        return self._carry(names | set(there), there, data, fresh=fresh)

    def look(self, sweeps: Iterable[str]) -> Carried:
        """Carry only the journals of sweeps, in few requests."""
        there: dict[str, Entry] = {}
        names: set[str] = set()
        for sweep in sweeps:
            for part in ("journal", "claims"):
                prefix = f"sweeps/{sweep}/{part}/"
                names.update(self._local.below(prefix.rstrip("/"), lambda _folder: True))
                had = {each: self.bases.by_name[each] for each in self.bases.below(prefix)}
                if len(had) > _FEW:
                    there |= {each: Entry(each, base.size) for each, base in had.items()}
                there |= {each.name: each for each in self._list_journals(prefix, len(had))}
        return self._carry(names | set(there), there, (), fresh=True)

    def bring(self, path: str) -> Carried:
        """Carry a file, or all files of a folder, here, as far as they are not here."""
        there = {entry.name: entry for entry in self.store.entries(f"{path}/")}
        if (head := None if there else self.store.head(path)) is not None:
            there[path] = head
        travels = {name: travel_of(name, self.layout) for name in sorted(there)}
        names = [name for name, travel in travels.items() if travel != "stays"]
        carried = Carried()
        with self._lock:
            try:
                lacking = [name for name in names if self._local.status(name) is None]
                self._pull(lacking, travels, there, carried)
            finally:
                self.bases.save()
        return carried

    def _list_all(self, tops: Collection[str]) -> Iterator[Entry]:
        """Yield the files in the store; those in folders of data only if these are among `tops`."""
        top = self.store.level("")
        yield from top.files
        data = {
            PurePosixPath(self.layout.relative(folder)).parts[0]
            for folder in (self.layout.data, self.layout.results, self.layout.checkpoints)
        }
        for folder in filter(may_have_travellers, top.folders):
            if folder not in data or folder in tops or "" in tops:
                yield from self.store.entries(f"{folder}/")
            else:
                yield from self.store.level(f"{folder}/").files

    def _list_journals(self, prefix: str, count: int) -> Iterable[Entry]:
        if count <= _FEW:
            yield from self.store.entries(prefix)
            return
        for writer in self.store.level(prefix).folders:
            folder = f"{prefix}{writer}/"
            after = self._after.get(folder, "")
            entries = list(self.store.entries(folder, after))
            yield from entries
            names = [*self.bases.below(folder), *(entry.name for entry in entries)]
            self._after[folder] = whole_until(names)

    # -- one way --------------------------------------------------------------------------------

    def _carry(
        self, names: Iterable[str], there: Mapping[str, Entry], data: Sequence[str], *, fresh: bool
    ) -> Carried:
        with self._lock:
            travels = {name: travel_of(name, self.layout) for name in names}
            here: dict[str, Local] = {}
            for name, travel in travels.items():
                if travel != "stays" and (status := self._local.status(name)) is not None:
                    here[name] = status
            large = [
                name
                for name, travel in travels.items()
                if travel == "edited" and _size(name, here, there) > LARGEST_EDITED
            ]
            travels |= dict.fromkeys(large, "data")
            wanted = (
                name
                for name, travel in travels.items()
                if travel != "data" or _is_below(name, data) or self._goes_up(name)
            )
            todo = steps(wanted, travels, here, there, self.bases.by_name)
            for name, travel in travels.items():
                self._agree(name, travel, here.get(name), there.get(name))
            news = steps(large, travels, here, there, self.bases.by_name)
            left = {name for names in news.values() for name in names if not _is_below(name, data)}
            carried = Carried(large=sorted(left))
            pushes = [name for name in todo["push"] if fresh or _is_settled(here[name])]
            carried.left = [name for name in todo["push"] if name not in set(pushes)]
            try:
                self._push(pushes, travels, here, carried)
                self._pull(todo["pull"], travels, there, carried)
                self._compare(todo["compare"], there, carried)
            finally:
                self.bases.save()
            return carried

    def _goes_up(self, name: str) -> bool:
        """Whether this is data that was made here: of tasks, results and checkpoints."""
        prepared = f"{self.layout.relative(self.layout.data)}/"
        if name.startswith(prepared) or travel_of(name, self.layout) != "data":
            return False
        local, base = self._local.status(name), self.bases.get(name)
        return local is not None and (base is None or base.changed != local.changed)

    def _agree(self, name: str, travel: Travel, local: Local | None, there: Entry | None) -> None:
        """Note a file that both sides have, where that is known without reading it."""
        if local is None or there is None or local.size != there.size:
            return
        if travel == "once":
            self.bases.set(name, Base(there.size))
        elif travel == "data" and self.bases.get(name) is None:
            self.bases.set(name, Base(there.size, there.token, local.changed))

    def _push(
        self,
        names: Sequence[str],
        travels: Mapping[str, Travel],
        here: Mapping[str, Local],
        carried: Carried,
    ) -> None:
        """Upload files; the plan of a sweep after everything that it needs."""

        def done(name: str) -> None:
            local = here[name]
            if travels[name] == "once":
                self.bases.set(name, Base(local.size))
            else:
                written.append(name)
            carried.up.append(name)
            self.moved(Moved("carried up", len(carried.up), len(names)))

        written: list[str] = []
        digests = {
            name: _digest(self.layout.root / name)
            for name in names
            if travels[name] == "edited" and (self.layout.root / name).is_file()
        }
        for batch in ([n for n in names if not is_plan(n)], [n for n in names if is_plan(n)]):
            if batch:
                try:
                    self.store.upload(self.layout.root, batch, done)
                finally:
                    self._note_written(written, here, digests)

    def _note_written(
        self, names: Sequence[str], here: Mapping[str, Local], digests: Mapping[str, str]
    ) -> None:
        """Note what the store says of files that were just written.

        Someone else may have written one at the same time, so the next sync reads it once.
        """

        def note(name: str) -> None:
            entry = self.store.head(name)
            token = entry.token if entry is not None else ""
            local, digest = here[name], digests.get(name, "")
            is_sure = not digest  # data is compared by its size
            self.bases.set(name, Base(local.size, token, local.changed, digest, is_sure))

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            each_of(pool, note, names)

    def _pull(
        self,
        names: Sequence[str],
        travels: Mapping[str, Travel],
        there: Mapping[str, Entry],
        carried: Carried,
    ) -> None:
        """Download files, some at a time; the plan of a sweep after everything that it needs."""
        ordered = [n for n in names if not is_plan(n)] + [n for n in names if is_plan(n)]
        for start in range(0, len(ordered), _BATCH):
            batch = ordered[start : start + _BATCH]
            with self._fetched(batch) as (scratch, arrived):
                for name in batch:
                    if name in arrived:
                        self._place(scratch / name, name, travels[name], there[name], carried)
                        self.moved(Moved("carried here", len(carried.down), len(ordered)))

    def _place(self, new: Path, name: str, travel: Travel, entry: Entry, carried: Carried) -> None:
        """Move a whole file to its place, where a reader sees all or nothing of it."""
        path = self.layout.root / name
        size = new.stat().st_size
        if travel != "once" and size != entry.size:
            return  # it was changed meanwhile; the next sync sees it
        if travel == "once" and (size < entry.size or not _continues(new, path)):
            carried.damaged.append(name)
            return
        if travel == "data" and not self._is_as_recorded(name, new):
            carried.damaged.append(name)
            return
        check_inside(path, self.layout.root)
        make_folder(path.parent, parents=True)
        if path.name == "plan.json" and is_plan(name):  # a store has no empty folders
            for folder in SweepLayout(path.parent).folders():
                make_folder(folder)
        share(new)
        digest = _digest(new) if travel == "edited" else ""
        new.replace(path)
        if travel == "once":
            self.bases.set(name, Base(size))
        else:
            changed = path.stat().st_mtime_ns
            self.bases.set(name, Base(size, entry.token, changed, digest))
        carried.down.append(name)

    def _is_as_recorded(self, name: str, file: Path) -> bool:
        """Whether the manifest of the folder that holds a file of raw data agrees with it."""
        for folder in (self.layout.raw, self.layout.processed, self.layout.interim):
            inside = f"{self.layout.relative(folder)}/"
            if name.startswith(inside):
                record = self._recorded(folder).get(name.removeprefix(inside))
                return record is None or record.link or record.sha256 == _digest(file)
        return True

    def _recorded(self, folder: Path) -> Mapping[str, FileRecord]:
        return read_manifest(self.layout.manifest(folder)) or {}

    def _compare(self, names: Sequence[str], there: Mapping[str, Entry], carried: Carried) -> None:
        """Look at both forms of files; keep both where both sides have changed one."""
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            with self._fetched(batch) as (scratch, arrived):
                for name in batch:
                    if name in arrived and (scratch / name).stat().st_size == there[name].size:
                        self._settle(name, scratch / name, there[name], carried)

    def _settle(self, name: str, new: Path, entry: Entry, carried: Carried) -> None:
        path = self.layout.root / name
        base = self.bases.get(name)
        local = self._local.status(name)
        if local is None:
            return
        ours, theirs = _digest(path), _digest(new)
        if ours == theirs:
            self.bases.set(name, Base(entry.size, entry.token, local.changed, ours))
            return
        was = base.sha256 if base is not None else ""
        travel = travel_of(name, self.layout)
        if was and theirs == was and base is not None:  # only this side has changed it
            self._push([name], {name: travel}, {name: local}, carried)
        elif was and ours == was and base is not None and base.token != entry.token:
            self._place(new, name, travel, entry, carried)
        elif path.is_relative_to(self.layout.raw):
            carried.damaged.append(name)  # raw data is never replaced
        else:
            copy = conflict_name(name, ours)
            check_inside(path, self.layout.root)
            if not (self.layout.root / copy).exists():
                write_whole(self.layout.root / copy, path.read_bytes())
            status = self._local.status(copy)
            if status is not None and self.bases.get(copy) is None:
                self._push([copy], {copy: travel}, {copy: status}, carried)
            self._place(new, name, travel, entry, carried)
            carried.conflicts[name] = copy

    @contextmanager
    def _fetched(self, names: Sequence[str]) -> Iterator[tuple[Path, set[str]]]:
        """Download files to a folder that does not travel; give it, and the names that arrived."""
        scratch = self.layout.root / SCRATCH / uuid.uuid4().hex
        make_folder(scratch, parents=True)
        arrived: set[str] = set()
        try:
            self.store.download(names, scratch, arrived.add)
            yield scratch, arrived
        except OSError as error:
            if fault_of(error) == "full":  # the file is one that no one knows
                error.filename = str(self.layout.root)
            raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            with suppress(OSError):  # another process uses it
                scratch.parent.rmdir()


def conflict_name(name: str, digest: str) -> str:
    """Return the name for this side's form of a file: the same for the same content."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}.conflict-{digest[:8]}{path.suffix}"))


def _size(name: str, here: Mapping[str, Local], there: Mapping[str, Entry]) -> int:
    """Return the size of a file in bytes, on the side where it is larger."""
    sides = here.get(name), there.get(name)
    return max((side.size for side in sides if side is not None), default=0)


def _is_below(name: str, folders: Sequence[str]) -> bool:
    return any(each in ("", name) or name.startswith(f"{each}/") for each in folders)


def _is_settled(local: Local) -> bool:
    return abs(time.time() - local.changed / 1e9) > _FRESH


def _continues(new: Path, old: Path) -> bool:
    """Whether a new form of a file starts with the one that is here."""
    try:
        with old.open("rb") as before, new.open("rb") as after:
            while part := before.read(1 << 20):
                if after.read(len(part)) != part:
                    return False
    except FileNotFoundError:
        return True
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
