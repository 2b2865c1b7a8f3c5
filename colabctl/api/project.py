"""A project, its folders, saved values and sweeps, as Python sees it."""

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from colabctl.checkpoints.cached import cached
from colabctl.checkpoints.checkpoint import checkpoint
from colabctl.checkpoints.origin import Owner
from colabctl.declare.declare import declare
from colabctl.declare.preview import draft
from colabctl.errors import UserError
from colabctl.ledger import ClaimsStore
from colabctl.project.approvals import approvals_for
from colabctl.project.config import Config, load
from colabctl.project.current_member import current_member
from colabctl.project.layout import Layout, SweepLayout
from colabctl.project.raw import damage, manifest
from colabctl.project.root import find_root, usual_drives
from colabctl.remote.record import remote_of
from colabctl.run.notebook.loop_process import orders
from colabctl.stage.places import stage_folder
from colabctl.stage.sources import find_source, name_of
from colabctl.stage.staging import Staging, stage
from colabctl.sweeps import (
    differing,
    find_sweep,
    plan_if_readable,
)
from colabctl.work.data.staging import Lines
from colabctl.work.data.stored import NO_STORE, Stored
from colabctl.work.loop.worker import print_message

if TYPE_CHECKING:
    pass

from colabctl.api.sweep import Sweep


@dataclass(frozen=True)
class Project:
    """A project: its folders, its checkpoints and its sweeps. Get one from colabctl.open().

    Attributes:
        member: Your name in the project.
        store: The project's store, if this is a mirror of one.

    """

    layout: Layout
    config: Config
    member: str
    store: Stored = NO_STORE

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.layout.root

    @property
    def raw(self) -> Path:
        """The raw data. Writing here raises PermissionError; see adding_raw."""
        return self.layout.raw

    @contextmanager
    def adding_raw(self) -> Iterator[Path]:
        """Allow Python, in a `with` block, to create new files in raw data; yield the folder.

        Files that are recorded stay guarded. Run `colabctl protect` afterwards.
        """
        folders = [self.root / name for name in self.config.read_only]
        end = raw_guard().adding(
            str(folder / name)
            for folder in folders
            for name in manifest.read(self.layout.manifest(folder)) or ()
        )
        try:
            yield self.raw
        finally:
            end()

    @property
    def interim(self) -> Path:
        """Intermediate data, between raw and processed."""
        return self.layout.interim

    @property
    def processed(self) -> Path:
        """Data to train models on."""
        return self.layout.processed

    @property
    def results(self) -> Path:
        """The results, with a folder for each member."""
        return self.layout.results

    @property
    def mine(self) -> Path:
        """Your own results folder."""
        return self.layout.member_results(self.member)

    @property
    def final(self) -> Path:
        """Results that the group has agreed on."""
        return self.layout.final

    @property
    def _owner(self) -> Owner:
        return Owner(self.layout.member_checkpoints(self.member), self.root, self.member)

    def checkpoint(
        self,
        name: "str | PurePath",
        build: Callable[..., Any] | None = None,
        depends: Any = None,
        *,
        pickle: bool = False,
    ) -> Any:
        """Load a saved value, or build it and save it for next time.

        It is built again, after a note on stderr that says why, if the code of `build` or what it
        depends on has changed, or the file is not what was saved.

        Args:
            name: A path in your checkpoints folder, such as "features.parquet". The extension
                decides the format: .parquet, .feather or .csv for a data frame, .npy or .npz for
                arrays, .pt or .safetensors for tensors, .json for plain values, .txt for text. A
                name that ends with / is a folder, and its path is returned.
            build: Returns the value. For a folder, it gets a new folder to write into. Without it,
                the value is only loaded.
            depends: What else the value is made from: a file, folder or value, a list of them, or
                a dictionary of them by name.
            pickle: Also allow .joblib and .pkl, which run code when they are loaded.

        Raises:
            UserError: There is nothing to load or build; the extension is not one of these; its
                format cannot hold the value; or the path is outside the folder.

        """
        return checkpoint(self._owner, name, build, depends, pickle=pickle)

    def cached(
        self,
        function: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        format: str | None = None,  # noqa: A002 - as in Results and pandas
    ) -> Any:
        """Keep the values of a function by its arguments: use it as `@project.cached`.

        A value is computed again if the code of the function has changed, or a file that it got as
        a pathlib.Path.

        Args:
            function: The function.
            name: Names its folder in your checkpoints, instead of the function's own name.
            format: An extension, such as "parquet"; by default, it follows from the value.

        Raises:
            UserError: When it is called: an argument has no stable content, such as a model; it is
                named.

        """
        if function is not None:
            return cached(function, self._owner, name, format)
        return lambda each: cached(each, self._owner, name, format)

    def stage(self, path: "str | os.PathLike[str]") -> Path:
        """Copy a file, a folder or an archive of the project to this machine's disk once.

        Reading thousands of files, or a large one several times, is much faster there than on a
        Drive. An archive (zip, tar) is unpacked. What the manifest of `colabctl protect` records is
        checked. Call it again at any time: what is here already is not copied again.

        Args:
            path: Its path from the project's folder, such as "data/raw/images.zip".

        Returns:
            The file, or the folder with the files. All programs on this machine share it, and it
            is read-only.

        Raises:
            UserError: There is nothing at this path, it differs from its manifest, an archive is
                not safe to unpack, or the disk is full.
            OSError: The Drive has not answered for a minute.

        """
        self.store.bring(name_of(self.layout, Path(path)))
        source = find_source(self.layout, Path(path))
        lines = Lines(print_message)
        how = Staging(stage_folder(os.environ), print_message, lines.show, threading.Event())
        return stage(source, how).path

    def promote(
        self,
        path: "str | os.PathLike[str]",
        *,
        name: str | None = None,
        note: str | None = None,
        replace: bool = False,
    ) -> Path:
        """Copy a file or folder to `final`, with a record of where it came from; return its path.

        Args:
            path: From the current folder or the project's; it may be outside of the project.
            name: Its name there, if not its own.
            note: Why it is final.
            replace: Replace what has that name, which is kept in results/final/earlier.

        Raises:
            UserError: There is another final result of that name, or it cannot be copied.

        """
        from colabctl.promote.from_python import promote_path  # noqa: PLC0415 - workers start sooner

        return promote_path(self.config, self.member, path, name, note, replace=replace)

    def sweep(self, name: str, space: Mapping[str, Any] | None = None, **keys: Any) -> Sweep:
        """Declare a sweep, or open one that is already declared.

        Declaring the same sweep again opens it, so a notebook can run this line many times.

        Args:
            name: Name of the sweep.
            space: The parameters, by name. A list is the values to try, a single value is a
                constant, and a mapping is a distribution as in a sweep file, such as
                {"min": 1, "max": 4}. Without a space, the declared sweep is opened.
            **keys: Other keys of a sweep file, such as method="random", trials=20.

        Raises:
            UserError: The declaration has problems, which are all listed; another sweep has
                this name; or there is no sweep with this name to open.

        """
        if space is None:
            if keys:
                raise UserError(
                    f"sweep {name}: {', '.join(keys)} cannot be used without a space; "
                    "to open a declared sweep, pass only its name"
                )
            approved = orders(os.environ)
            digest = approved.digest if approved.sweep == name else None
            return Sweep(self, _with_note(find_sweep(self.layout, name, digest)), digest)
        content = {
            "method": "grid",
            **keys,
            "parameters": {parameter: _spell_out(value) for parameter, value in space.items()},
        }
        for sentence in damage.sentences(self.layout, self.config.read_only):
            print(f"colabctl: note: {sentence}", file=sys.stderr, flush=True)
        declared = declare(
            draft(content, f"sweep {name}"),
            self.layout,
            self.config,
            name=name,
            member=self.member,
            now=time.time(),
            approvals=approvals_for(self.root, os.environ),
            here=Path.cwd(),
        )
        for sentence in declared.damage:
            print(f"colabctl: note: {sentence}", file=sys.stderr, flush=True)
        return Sweep(self, _with_note(declared.layout), declared.plan.run_digest)


def _with_note(layout: SweepLayout) -> SweepLayout:
    """Return a sweep's paths, after a note if other sweeps were declared under its name."""
    plan = plan_if_readable(layout)
    for sentence in differing(layout, plan) if plan else ():
        print(f"colabctl: note: {sentence}", file=sys.stderr, flush=True)
    return layout


def open_project(root: "str | os.PathLike[str] | None", member: str | None) -> Project:
    """Open a project; see colabctl.open."""
    _mount_drive()
    explicit = Path(root) if root is not None else None
    folder = find_root(explicit, os.environ, Path.cwd(), usual_drives(Path.home()))
    config = load(folder, os.environ)
    store: Stored = NO_STORE
    if "COLABCTL_TASK" not in os.environ and remote_of(folder) is not None:  # else its worker does
        config, store = _carried(config)
    who = current_member(config, os.environ, member).name
    project = Project(config.layout, config, who, store)
    raw_guard().guard(str(config.root / name) for name in config.read_only)
    return project


_carriers: dict[Path, Any] = {}  # by the project's folder, until this process ends


def _carried(config: Config) -> tuple[Config, Stored]:
    """Carry the files of a project that has a store, until this process ends."""
    from colabctl.remote.carrier import UPLOAD, carrying  # noqa: PLC0415 - only with a store

    earlier = _carriers.pop(config.root, None)
    if earlier is not None:
        atexit.unregister(earlier.end)
        earlier.end()
    config, carrier = carrying(config, print_message, UPLOAD)
    if carrier is None:
        return config, NO_STORE
    _carriers[config.root] = carrier
    atexit.register(carrier.end)
    return config, _Carried(carrier)


@dataclass(frozen=True)
class _Carried:
    """The store of a mirror that this process carries, which may bring new files of raw data."""

    carrier: Any

    def claims(self, sweep: SweepLayout) -> ClaimsStore | None:
        log: ClaimsStore | None = self.carrier.claims(sweep)
        return log

    def bring(self, name: str, stop: Callable[[], bool] = lambda: False) -> None:
        end = raw_guard().adding(())
        try:
            self.carrier.bring(name, stop)
        finally:
            end()


def raw_guard() -> Any:
    """Return the module that guards raw data in this process: in a task, the one that started."""
    started = sys.modules.get("colabctl_startup.raw_guard")
    return started or import_module("colabctl.run.startup.raw_guard")


def _mount_drive() -> None:
    """Mount the Drive if this is a Colab notebook and it is not mounted yet."""
    if "COLAB_RELEASE_TAG" not in os.environ or Path("/content/drive/MyDrive").exists():
        return
    if "COLABCTL_TASK" in os.environ:  # a worker's program: only a notebook can mount
        return
    try:
        from google.colab import drive  # noqa: PLC0415 - Colab only
    except ImportError:
        return
    drive.mount("/content/drive")


def _spell_out(value: Any) -> Any:
    """Return a parameter of a Python space in the form that a sweep file has."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):  # a NumPy array or number
        value = value.tolist()
    if isinstance(value, str | bytes) or not isinstance(value, Sequence | range):
        return {"value": value}
    return {"values": list(value)}
