"""The command that checks raw data."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.data.drive import FolderId, verify_on_drive
from colabctl.cli.data.folders import Protectable, chosen_folders, tell_each
from colabctl.cli.data.protect import partial
from colabctl.cli.options import Json, Root, open_project, print_json, tell
from colabctl.cli.terminal import command_line, counted, one_line, plain
from colabctl.durations import format_duration, parse_duration
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from colabctl.project.layout import Layout
    from colabctl.project.raw import Verification

_KINDS = ("changed", "missing", "added", "unreadable", "unsteady", "touched")
_LISTS = (*_KINDS, "unseen", "without_bytes", "replaced", "links", "twins", "disputed")
_SHOWN = {
    "unsteady": "changed while it was read",
    "touched": "same size, another time",
    "disputed": "the manifest and SHA256SUMS differ",
}


def verify(
    path: Protectable = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Compare sizes and times only, in a moment."),
    ] = False,
    more: Annotated[
        str | None,
        typer.Option(
            "--more",
            metavar="TIME",
            help="Read for this time, such as 10m, what this machine has not read for longest.",
            show_default="read everything",
        ),
    ] = None,
    drive: Annotated[
        bool,
        typer.Option(
            "--drive",
            help="Compare with the checksums of Google Drive's server, without a download.",
        ),
    ] = False,
    folder_id: FolderId = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Check that raw data has not changed; exit 3 if it has.

    Without a folder, this checks all read-only folders, and all others that were protected.
    """
    layout, config = open_project(root)
    if quick + drive + (more is not None) > 1:
        raise UserError("--quick, --more and --drive cannot be used together; choose one")
    if folder_id and not drive:
        raise UserError("--folder-id is for --drive; add --drive")
    seconds = parse_duration(more, "--more") if more else None
    folders = chosen_folders(layout, config.read_only, path)
    if path is None:
        folders = list(dict.fromkeys([*folders, *_protected(layout)]))
    if drive:
        verify_on_drive(layout, folders, folder_id, as_json=as_json)
        return
    until = time.monotonic() + (seconds or 0)
    checks = []
    for number, folder in enumerate(folders):
        share = (until - time.monotonic()) / (len(folders) - number) if seconds else None
        name = layout.relative(folder)
        check = _check(layout, folder, name, quick=quick, seconds=share)
        checks.append((name, check))
        if not as_json:
            _show(layout, name, check, quick=quick, more=more is not None)
    if as_json:
        print_json([_report(layout, name, check) for name, check in checks])
    _end(checks)


def _check(
    layout: "Layout", folder: Path, name: str, *, quick: bool, seconds: float | None
) -> "Verification":
    from colabctl.cli.reading import reading
    from colabctl.project import raw

    if quick:
        return raw.verify_quick(layout, folder)
    with reading(name) as progress:
        if seconds is not None:
            return raw.verify_more(layout, folder, max(seconds, 0.0), progress=progress)
        return raw.verify(layout, folder, progress=progress)


def _report(layout: "Layout", name: str, check: "Verification") -> dict[str, Any]:
    lists = {kind: getattr(check, kind) for kind in _LISTS}
    copies = [layout.relative(copy) for copy in check.copies]
    numbers = {"checked": check.checked, "read": check.read, "unproven": check.unproven}
    return {"folder": name, **numbers, "oldest": check.oldest, **lists, "copies": copies}


def _show(layout: "Layout", name: str, check: "Verification", *, quick: bool, more: bool) -> None:
    for kind in (*_KINDS, "disputed"):
        for file in getattr(check, kind):
            print(plain(one_line(f"{_SHOWN.get(kind, kind)}: {name}/{file}")))
    for copy in check.copies:
        print(plain(one_line(f"a second manifest: {layout.relative(copy)}")))
    if check.unseen:
        print(plain(one_line(partial(layout, name, len(check.unseen)))))
    files = counted(check.checked, "file")
    if check.clean and more:
        print(plain(one_line(f"{name}: {_progress(check)}")))
    elif check.clean:
        same = "same size and time" if quick else "all unchanged"
        print(plain(one_line(f"{name}: {files}, {same}")))
    if check.links:
        tell(f"  {counted(len(check.links), 'link')}, of which only the target's name is compared")
    if check.replaced:
        tell(f"  {counted(len(check.replaced), 'file')} passed over, named NAME.bad-DIGEST")
    tell_each("passed over, it holds no data of its own", check.without_bytes)
    tell_each("only case tells them apart, rename one", list(map(", ".join, check.twins)))
    if not check.has_sums:
        tell(one_line(f"  {name}.SHA256SUMS is missing; colabctl protect writes it again"))


def _progress(check: "Verification") -> str:
    """Return how far `verify --more` is."""
    read = f"{counted(check.read, 'file')} read, all unchanged"
    if check.unproven:
        return f"{read}; {check.unproven:,} of {check.checked:,} not yet read on this machine"
    if check.oldest is None:
        return read
    age = format_duration(max(0.0, time.time() - check.oldest))
    return f"{read}; the oldest proof is {age} old"


def _protected(layout: "Layout") -> "Iterator[Path]":
    from colabctl.project.raw.folders import protected_folders

    return protected_folders(layout)


def _end(checks: "Sequence[tuple[str, Verification]]") -> None:
    """Say what to do about each folder that differs, and exit with 3 if there is one."""
    differing = [(name, check) for name, check in checks if not check.clean]
    for name, check in differing:
        for sentence in _advice(name, check):
            tell(one_line(f"{name}: {sentence}"))
    if differing:
        raise typer.Exit(3)


def _advice(name: str, check: "Verification") -> "Iterator[str]":
    protect = command_line("protect", name)
    if check.disputed:
        yield (
            f"{name}.manifest.json or {name}.SHA256SUMS was edited; restore the edited one from "
            f"the folder's version history; {protect} compares the files with both, and with "
            "--accept-changes records them as they are"
        )
    if check.missing or not set(check.changed) <= set(check.disputed):
        yield (
            "the data differs from its recorded checksums; bring the originals back with "
            f"{command_line('restore', name)}, or accept the changes with "
            f"{command_line('protect', name, '--accept-changes')}"
        )
    if check.added and not check.damaged:
        yield f"all recorded files are unchanged, and there are new ones; record them: {protect}"
    if check.unreadable:
        yield "some files cannot be read; check their permissions and the mount, then verify again"
    if check.unsteady:
        yield "some files changed while they were read; see what writes to them, then verify again"
    if check.touched:
        count = counted(len(check.touched), "file")
        yield (
            f"{count} of the same size but with another time, as after copying the project; read "
            f"them once on this machine: {command_line('verify', name)}"
        )
    if check.copies:
        yield (
            "several machines wrote the manifest at once, or the Drive kept an old one; keep the "
            "one that is right under the name of the first, and delete the other"
        )
