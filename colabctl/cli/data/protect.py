"""The command that records raw data and makes it read-only."""

from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.data.drive import FolderId, protect_on_drive
from colabctl.cli.data.folders import Protectable, chosen_folders, tell_each
from colabctl.cli.options import Json, Root, Yes, confirm, open_project, print_json, tell
from colabctl.cli.terminal import can_ask, command_line, counted, one_line
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.project.layout import Layout
    from colabctl.project.raw import Changes, Protection

_KEYS = (
    *("files", "bytes", "added", "accepted", "missing", "unseen", "unsteady", "without_bytes"),
    "twins",
)
"""The parts of a protection in a report for scripts."""


def protect(
    path: Protectable = None,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Record changed and missing files as they are now; lists them first.",
        ),
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", help="Read all files, also those whose size and time are the same."),
    ] = False,
    follow_links: Annotated[
        bool,
        typer.Option(
            "--follow-links",
            help="Also protect a folder behind a link that leads out of the project.",
        ),
    ] = False,
    drive: Annotated[
        bool,
        typer.Option(
            "--drive",
            help="Make it read-only on Google Drive itself, for all members; asks first.",
        ),
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Undo --drive.")] = False,
    folder_id: FolderId = None,
    yes: Yes = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Record the checksums of raw data and make it read-only.

    Files that were recorded before are not read again if their size and time are the same. After an
    interruption, the next `protect` continues where this one stopped.
    """
    from colabctl.cli.reading import reading
    from colabctl.project import raw

    layout, config = open_project(root)
    if drive:
        if accept_changes or full or follow_links:
            raise UserError("--drive goes with --undo, --folder-id, --yes, --root and --json only")
        folders = chosen_folders(layout, config.read_only, path)
        protect_on_drive(layout, folders, folder_id, undo=undo, yes=yes, as_json=as_json)
        return
    if undo or folder_id:
        raise UserError("--undo and --folder-id are for --drive; add --drive")
    always = [(layout.root / name).resolve() for name in config.read_only]
    reports = []
    unsteady: list[str] = []
    for folder in chosen_folders(layout, config.read_only, path):
        name = layout.relative(folder)
        with reading(name) as progress:
            done = raw.protect(
                layout,
                folder,
                accept_changes=accept_changes,
                full=full,
                follow_links=follow_links,
                confirm=lambda changes, name=name: _ask(name, changes, yes=yes),  # type: ignore[misc]
                progress=progress,
            )
        reports.append({"folder": name, **{key: getattr(done, key) for key in _KEYS}})
        _show(layout, name, done, accepting=accept_changes)
        unsteady += [f"{name}/{file}" for file in done.unsteady]
        if path and folder.resolve() not in always:
            tell(
                f"  to protect it every time, and to have sweeps check it, add {one_line(name)} to "
                "read_only in colabctl.yaml"
            )
    if as_json:
        print_json(reports)
    if unsteady:
        raise UserError(
            f"changed while it was read, so it is not recorded: {one_line(', '.join(unsteady))}; "
            "once nothing writes to it any more, run colabctl protect again"
        )


def _show(layout: "Layout", folder: str, done: "Protection", *, accepting: bool) -> None:
    tell(
        f"{one_line(folder)}: {counted(done.files, 'file')}, {done.bytes:,} bytes recorded, "
        f"{len(done.added)} new"
    )
    tell_each("missing, still recorded", done.missing)
    if done.missing:
        tell(
            f"  bring them back: {command_line('restore', folder)}, or remove them from the record:"
            f" {command_line('protect', folder, '--accept-changes')}"
        )
    if accepting:
        tell_each("added", done.added)
        tell_each("accepted as changed", done.changed)
        tell_each("accepted as missing", done.dropped)
    if done.unseen:
        tell(one_line(f"  {partial(layout, folder, len(done.unseen))}"))
    tell_each("passed over, it holds no data of its own", done.without_bytes)
    tell_each("only case tells them apart, rename one", list(map(", ".join, done.twins)))
    _show_writable(folder, done)


def _show_writable(folder: str, done: "Protection") -> None:
    """Say which files can still be changed, by whom, and what to do."""
    for owner in sorted(set(done.foreign.values())):
        names = [name for name, each in done.foreign.items() if each == owner]
        files = counted(len(names), "file")
        tell(f"  {files} of {one_line(owner)} could not be made read-only by you:")
        tell_each("can still be changed", names, json=False)
        tell(
            f"  ask {one_line(owner)} to run: {command_line('protect', folder)}; until then, "
            "colabctl verify detects changes"
        )
    writable = [name for name in done.writable if name not in done.foreign]
    if writable and done.is_marked:
        tell(
            f"  {counted(len(writable), 'file')} read-only for everyone but root, which you are; "
            "colabctl verify detects changes"
        )
    elif writable:
        tell(
            f"  {counted(len(writable), 'file')} still writable (a Drive has no permissions); "
            "colabctl verify detects changes"
        )


def partial(layout: "Layout", folder: str, unseen: int) -> str:
    """Return what it means that files are not listed, and what to do."""
    from colabctl.project.raw.listing import SENTINEL

    if layout.mirror.exists():
        return (
            f"{folder}: {counted(unseen, 'recorded file')} not in this mirror, where data comes on "
            f"demand: {command_line('sync', '--data', folder)}"
        )
    return (
        f"{folder}: this listing is not complete, as {SENTINEL} is not in it; "
        f"{counted(unseen, 'recorded file')} not listed, and not called missing; wait until the "
        f"Drive has caught up, or mount it again; if someone deleted the files: "
        f"{command_line('restore', folder, '--trust-listing')}"
    )


def _ask(folder: str, changes: "Changes", *, yes: bool) -> None:
    """List what is about to be accepted, and ask on a terminal."""
    tell(one_line(f"{folder} differs from its record, and will be recorded as it is now:"))
    tell_each("changed", changes.changed, json=False)
    tell_each("missing, to be dropped from the record", changes.missing, json=False)
    tell_each("added", changes.added, json=False)
    if can_ask():
        confirm("accept these changes?", yes=yes)
