"""Puts a project into a store, makes mirrors of it, and opens them."""

import json
import os
import shlex
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.config import load
from colabctl.project.layout import CONFIG, Layout
from colabctl.project.root import is_project
from colabctl.remote.bases import Bases
from colabctl.remote.carried import Carried, Moved
from colabctl.remote.mirror import Mirror
from colabctl.remote.probe import Probed, probe
from colabctl.remote.record import (
    Remote,
    bases_file,
    forget_remote,
    remember_remote,
    remote_of,
)
from colabctl.remote.store import MissingFileError, Store, parse_url
from colabctl.remote.stores.opening import open_store
from colabctl.remote.travel import PROJECT
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.rights import make_folder

_FORMAT = 1
Progress = Callable[[Moved], None]


@dataclass(frozen=True)
class Joined:
    """A mirror, what its first sync has carried, and what the probe found."""

    layout: Layout
    remote: Remote
    carried: Carried
    probed: Probed


def add(layout: Layout, name: str, url: str, moved: Progress) -> Joined:
    """Put the project of a folder into the store at `url`, or join the same project there.

    Raises UserError if the store holds other files or another project, StoreError if it does not
    answer.
    """
    address = parse_url(url)
    earlier = remote_of(layout.root)
    if earlier is not None and earlier.url != address.url:
        raise UserError(
            f"{layout.root} is a mirror of {earlier.url}; forget that first: colabctl remote remove"
        )
    _check_apart(layout.root, address.path if address.kind == "folder" else "")
    store = open_store(address)
    there = project_id(store)
    level = store.level("")
    if there is None and (level.files or level.folders):
        is_ours = any(each.name == CONFIG for each in level.files)
        raise UserError(
            f"{address.url} holds a project without an id; to mirror it: colabctl clone "
            f"{shlex.quote(address.url)} DIR"
            if is_ours
            else f"{address.url} is not empty; give a path of its own, such as {address.url}/{name}"
        )
    own = _own_id(layout)
    if there is not None and there != own:
        raise UserError(
            f"{address.url} holds another project; use another path, or mirror that one into a new "
            f"folder: colabctl clone {shlex.quote(address.url)} DIR"
        )
    if there is None:  # what is known of an earlier content of this store is void
        bases_file(layout.root).unlink(missing_ok=True)
    probed = probe(store)
    own = own or _new_id(layout, name)
    store.create(PROJECT, (layout.root / PROJECT).read_bytes())
    if project_id(store) != own:
        raise UserError(f"another project was put into {address.url} at the same time; try again")
    is_origin = there is None or (earlier is not None and earlier.is_origin)
    remote = Remote(address.url, own, probed.guard, probed.reason, is_origin)
    return _joined(layout, remote, store, probed, moved)


def clone(url: str, folder: Path, moved: Progress) -> Joined:
    """Make a mirror of the project at `url` in a new or empty folder; raises as `add` does."""
    address = parse_url(url)
    _check_apart(folder, address.path if address.kind == "folder" else "")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        hint = (
            "it is a project already: run colabctl sync in it"
            if is_project(folder) and remote_of(folder) is not None
            else "give the name of a new folder"
        )
        raise UserError(f"{folder} is not an empty folder; {hint}")
    store = open_store(address)
    if store.head(CONFIG) is None:
        store.level("")  # raises StoreError if there is no such bucket
        raise UserError(
            f"{address.url} holds no project (no {CONFIG}); put one there: colabctl remote add "
            f"{shlex.quote(address.url)}, in the folder of the project"
        )
    probed = probe(store)
    own = project_id(store)
    if own is None:  # one that was made without colabctl remote add
        own = os.urandom(16).hex()
        if not store.create(PROJECT, _record(own, "")):
            own = project_id(store) or own
    forget_remote(folder)  # of an earlier folder with this path
    folder.mkdir(parents=True, exist_ok=True)
    remote = Remote(address.url, own, probed.guard, probed.reason)
    layout = Layout(folder.resolve())
    make_folder(layout.mirror.parent, parents=True)
    write_whole(layout.mirror, f"data comes on demand from {address.url}\n".encode())
    return _joined(layout, remote, store, probed, moved)


def _joined(
    layout: Layout, remote: Remote, store: Store, probed: Probed, moved: Progress
) -> Joined:
    remember_remote(layout.root, remote)
    if not is_project(layout.root):  # its settings say where its folders are
        first = Mirror(layout, store, Bases(bases_file(layout.root)))
        first.bring(CONFIG)
    config = load(layout.root, os.environ)
    layout = config.layout
    carried = Mirror(layout, store, Bases(bases_file(layout.root)), moved).sync()
    folders = [*layout.folders()]
    folders += [each for name in config.members for each in layout.member_folders(name)]
    for folder in folders:
        make_folder(folder, parents=True)
    return Joined(layout, remote, carried, probed)


def open_mirror(layout: Layout, remote: Remote, moved: Progress = lambda _moved: None) -> Mirror:
    """Return the mirror in a folder; the store is not asked yet."""
    store = open_store(parse_url(remote.url))
    return Mirror(layout, store, Bases(bases_file(layout.root)), moved)


def check_same_project(mirror: Mirror, remote: Remote) -> None:
    """Raise UserError if the store does not hold this project; StoreError if it is silent."""
    there = project_id(mirror.store)
    if there is None:
        raise UserError(
            f"{remote.url} does not hold this project any more, so nothing was carried; if someone "
            "emptied the store, put the project there again: colabctl remote add "
            f"{shlex.quote(remote.url)}"
        )
    if there != remote.project:
        raise UserError(
            f"{remote.url} holds another project by now, so nothing was carried; check the URL, "
            "and forget it here: colabctl remote remove"
        )


def project_id(store: Store) -> str | None:
    """Return the id of the project in a store; None if it has none."""
    try:
        return _id_in(store.get(PROJECT))
    except MissingFileError:
        return None


def _own_id(layout: Layout) -> str | None:
    try:
        return _id_in((layout.root / PROJECT).read_bytes())
    except FileNotFoundError:
        return None


def _new_id(layout: Layout, name: str) -> str:
    own = os.urandom(16).hex()
    make_folder((layout.root / PROJECT).parent, parents=True)
    write_whole(layout.root / PROJECT, _record(own, name))
    return own


def _record(own: str, name: str) -> bytes:
    record = {"format": _FORMAT, "id": own, "name": name, "host": socket.gethostname()}
    return json.dumps(record).encode() + b"\n"


def _id_in(data: bytes) -> str | None:
    try:
        own = json.loads(data)["id"]
    except (ValueError, TypeError, KeyError):
        return None
    return own if isinstance(own, str) and own else None


def _check_apart(folder: Path, store: str) -> None:
    """Raise UserError if a folder and the folder of its store are the same, or one is inside."""
    if not store:
        return
    here, there = folder.resolve(), Path(store).resolve()
    if here == there or here.is_relative_to(there) or there.is_relative_to(here):
        raise UserError(f"{folder} and the store {store} are in each other; choose another folder")
