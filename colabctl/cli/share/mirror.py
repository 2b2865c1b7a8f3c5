"""The commands for a project in a store: clone, remote add, remote remove, and sync."""

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Json, Root, open_project, print_json, tell
from colabctl.cli.terminal import command_line, counted, one_line, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from colabctl.project.layout import Layout
    from colabctl.remote.carried import Carried, Moved
    from colabctl.remote.joining import Joined
    from colabctl.remote.record import Remote

Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="Where the project is: s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH, "
        "rclone:REMOTE:PATH or a folder.",
    ),
]
_EVERY = 2.0  # seconds between two syncs with --watch


def clone(
    url: Url,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="New folder for the mirror.", show_default="the last part of URL"
        ),
    ] = None,
) -> None:
    """Make a mirror of a project in a store, on this machine.

    In the mirror, every command works as in a shared folder. Raw data, results and checkpoints come
    on demand: colabctl sync --data.
    """
    from colabctl.remote.joining import clone as clone_project

    at = folder or Path(_last_part(url))
    with _shown() as moved:
        joined = clone_project(url, at, moved)
    _said(joined)
    print(f"{plain(one_line(str(at)))} is a mirror of {plain(one_line(joined.remote.url))}")
    tell(f"work there: {command_line('work', '--root', str(at))}")


def _last_part(url: str) -> str:
    from colabctl.remote.store import parse_url

    address = parse_url(url)
    name = address.path.rpartition("/")[2] or (address.place if address.kind != "rclone" else "")
    if not name:
        raise UserError(f"{url} gives no name for the folder; add one: colabctl clone URL DIR")
    return name


def remote_add(url: Url, root: Root = None) -> None:
    """Put the project into a store, so that other machines can make mirrors of it.

    Its sweeps, notebooks and settings are carried there. Raw data and other data stay until you run
    colabctl sync --data. Credentials are never written down; they come from the usual places.
    """
    from colabctl.remote.joining import add
    from colabctl.sharedfs.mounts import guard_for

    layout, config = open_project(root, carry=False)
    mounted = guard_for(layout.root, "auto")
    if mounted.consistency == "eventual":
        tell(
            f"note: this folder is carried by something else too ({mounted.reason}); each file "
            "then goes two ways, so better make the mirror on a local disk: colabctl clone"
        )
    with _shown() as moved:
        joined = add(layout, config.name, url, moved)
    _said(joined)
    print(f"{config.name} is in {plain(one_line(joined.remote.url))}")
    for sweep in _declared_here(layout):
        tell(
            f"note: sweep {sweep} was declared for one folder, so only this machine can work on it"
        )
    tell(f"data stays here until you carry it: {command_line('sync', '--data')}")
    tell(f"on other machines: {command_line('clone', joined.remote.url)}")


def _declared_here(layout: "Layout") -> "Iterator[str]":
    from colabctl.sweeps import plan_if_readable, sweeps_in_use

    for sweep in sweeps_in_use(layout):
        plan = plan_if_readable(sweep)
        if plan is not None and plan.consistency == "coherent":
            yield sweep.name


def remote_show(context: typer.Context, root: Root = None, as_json: Json = False) -> None:
    """Show the project's store, and what guards claims there; or add or remove it."""
    if context.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    layout, _ = open_project(root, carry=False)
    remote = _remote_of(layout)
    if as_json:
        print_json(asdict(remote))
        return
    print(plain(one_line(remote.url)))
    print(plain(one_line(f"guard {remote.guard}: {remote.reason}")))


def remote_remove(root: Root = None) -> None:
    """Forget the project's store on this machine; nothing is deleted, here or there."""
    from colabctl.remote.record import forget_remote, remote_of

    layout, _ = open_project(root, carry=False)
    remote = remote_of(layout.root)
    if remote is None:
        raise UserError(f"{layout.root} has no store to forget")
    forget_remote(layout.root)
    print(f"{layout.root} is no mirror of {plain(one_line(remote.url))} any more")


def sync(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="With --data: files or folders of the project.",
            show_default="all data",
        ),
    ] = None,
    data: Annotated[
        bool,
        typer.Option("--data", help="Carry raw data, results and checkpoints too, both ways."),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Continue until Ctrl-C, as new files appear.")
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Carry what is new between this mirror and the project's store, both ways.

    Other commands do this by themselves. Nothing is deleted on the other side. Where both sides
    have changed a file, both forms are kept, and it says so.
    """
    from colabctl.remote.carrier import notes
    from colabctl.remote.joining import check_same_project, open_mirror

    layout, config = open_project(root, carry=False)
    remote = _remote_of(layout)
    if paths and not data:
        raise UserError("paths are for data; add --data")
    wanted = [_inside(layout, each) for each in paths or ()] or ([""] if data else [])
    with _shown() as moved:
        mirror = open_mirror(layout, remote, moved)
        check_same_project(mirror, remote)
        carried = mirror.sync(wanted)
    for text in notes(carried):
        tell(f"note: {text}")
    for text in _nowhere(layout, config.read_only, wanted):
        tell(f"note: {text}")
    if as_json:
        from dataclasses import asdict

        print_json(asdict(carried))
    else:
        print(_counts(carried))
    if watch:
        _watch(layout, remote, wanted)


def _nowhere(layout: "Layout", read_only: "Sequence[str]", wanted: list[str]) -> "Iterator[str]":
    """Say which raw data is recorded, but neither in the mirror nor in its store."""
    from colabctl.project.raw.damage import findings
    from colabctl.project.raw.names import listed

    asked = [name for name in read_only if any(_overlap(name, each) for each in wanted)]
    for finding in findings(layout, asked):
        missing = [
            name
            for name in (f"{finding.folder}/{each}" for each in finding.check.unseen)
            if finding.in_mirror and any(_overlap(name, each) for each in wanted)
        ]
        if missing:
            yield (
                f"{counted(len(missing), 'recorded file')} of {finding.folder} not in the store: "
                f"{listed(missing)}; on the machine that has them, run "
                f"{command_line('sync', '--data', finding.folder)}"
            )


def _overlap(one: str, other: str) -> bool:
    """Whether one of two paths from the project is the other, or above it; "" is above all."""
    shorter, longer = sorted((one, other), key=len)
    return not shorter or longer == shorter or longer.startswith(f"{shorter}/")


def _watch(layout: "Layout", remote: "Remote", wanted: list[str]) -> None:
    from colabctl.remote.carrier import Carrier
    from colabctl.remote.joining import open_mirror

    carrier = Carrier(open_mirror(layout, remote), remote, tell)
    carrier.begin()
    tell(f"watching {layout.root}; Ctrl-C ends it")
    try:
        while True:
            time.sleep(_EVERY)
            if wanted:
                carrier.mirror.sync(wanted, fresh=False)
    except KeyboardInterrupt:
        carrier.end()
        raise typer.Exit(130) from None


def _inside(layout: "Layout", path: str) -> str:
    """Return a path, from the current folder or from the project, as one from the project."""
    from colabctl.project.root import absolute

    for base in (Path.cwd(), layout.root):
        whole = absolute(base / path)
        if whole.is_relative_to(layout.root) and (base == layout.root or whole.exists()):
            inside = whole.relative_to(layout.root).as_posix()
            return "" if inside == "." else inside
    raise UserError(f"{path} is not in the project {layout.root}")


def _remote_of(layout: "Layout") -> "Remote":
    from colabctl.remote.record import remote_of

    remote = remote_of(layout.root)
    if remote is None:
        raise UserError(
            f"{layout.root} has no store; put the project into one: colabctl remote add URL"
        )
    return remote


def _said(joined: "Joined") -> None:
    from colabctl.remote.carrier import notes
    from colabctl.sharedfs.mounts import PROMISES

    for text in notes(joined.carried):
        tell(f"note: {text}")
    tell(_counts(joined.carried))
    guard, reason, pretends = joined.probed
    promise = PROMISES.get(guard, "no task runs twice while its worker lives")
    tell(f"{'warning: ' if pretends else ''}{reason}: {promise}")


def _counts(carried: "Carried") -> str:
    if not (carried.up or carried.down):
        return "nothing is new on either side"
    return f"{counted(len(carried.up), 'file')} up, {counted(len(carried.down), 'file')} down"


@contextmanager
def _shown() -> "Iterator[Callable[[Moved], None]]":
    """Yield a function that shows on a terminal how far a sync is."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _moved: None
        return

    def show(moved: "Moved") -> None:
        if moved.done % 16 == 0 or moved.done == moved.total:
            text = f"{moved.done:,} of {moved.total:,} files {moved.verb}"
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
