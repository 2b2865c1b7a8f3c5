"""What `protect --drive` and `verify --drive` do: they ask Google Drive's server."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.data.folders import tell_each
from colabctl.cli.options import confirm, print_json, tell
from colabctl.cli.terminal import command_line, counted, one_line, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.drive.account import Drive
    from colabctl.drive.locking import Outcome, Progress
    from colabctl.drive.protection import Plan, RoleChange
    from colabctl.project.layout import Layout

_MOST_LISTED = 20  # roles that are listed on the screen
_OFTEN = 100  # files between two lines of progress, at least

FolderId = Annotated[
    str | None,
    typer.Option(
        "--folder-id",
        metavar="LINK",
        help="The project's folder on Google Drive: its link or id.",
        show_default="what the mounted Drive says",
    ),
]


def protect_on_drive(
    layout: "Layout",
    folders: Sequence[Path],
    folder_id: str | None,
    *,
    undo: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Make folders read-only on Google Drive, or undo that; show the change and ask first.

    Exits with 1 if anything was refused.
    """
    from colabctl.drive import locking, protection
    from colabctl.drive.account import connect
    from colabctl.project.raw.listing import protected_folder
    from colabctl.project.raw.protection import check_may_freeze

    paths = [protected_folder(layout, folder) for folder in folders]
    for path in () if undo else paths:
        check_may_freeze(layout, path)
    drive = connect()
    plans = []
    for path in paths:
        id_, name = _located(drive, layout, path, folder_id), layout.relative(path)
        make = locking.undo_plan if undo else protection.plan
        plans.append(make(drive, id_, name))
        _show(plans[-1], drive.address, undo=undo)
        if not (undo or layout.manifest(path).exists()):
            tell(
                f"  note: no checksums are recorded yet; first run {command_line('protect', name)}"
            )
    reports = []
    refused = False
    if not all(plan.empty for plan in plans):
        confirm("Change this on Google Drive?", yes=yes)
    for plan in plans:
        act = locking.undo if undo else locking.protect
        done = act(drive, plan, _progress(undo=undo))
        refused = refused or bool(done.refused)
        reports.append(_report(plan, done))
        _show_outcome(plan, done, undo=undo)
    if as_json:
        print_json(reports)
    if refused:
        tell("not everything was done; fix the cause, then run the command again")
        raise typer.Exit(1)


def verify_on_drive(
    layout: "Layout", folders: Sequence[Path], folder_id: str | None, *, as_json: bool
) -> None:
    """Compare folders with the checksums of Google Drive's server; exit 3 if they differ."""
    from colabctl.drive.account import connect
    from colabctl.drive.checksums import compare
    from colabctl.project.raw import manifest
    from colabctl.project.raw.listing import protected_folder

    kinds = ("changed", "missing", "added", "trashed", "duplicates", "unproved")
    paths = [protected_folder(layout, folder) for folder in folders]
    recorded = {}
    for path in paths:
        name = layout.relative(path)
        records = manifest.read(layout.manifest(path))
        if records is None:
            raise UserError(
                f"{name} is not protected yet; run {command_line('protect', name)} first"
            )
        recorded[path] = records
    drive = connect()
    reports = []
    clean = True
    for path, records in recorded.items():
        name = layout.relative(path)
        result = compare(drive, _located(drive, layout, path, folder_id), name, records)
        clean = clean and result.clean
        findings = {kind: getattr(result, kind) for kind in kinds}
        reports.append(
            {"folder": name, "checked": result.checked, **findings}
            | {"passed_over": result.passed_over}
        )
        if as_json:
            continue
        for kind, files in findings.items():
            for file in files:
                print(plain(one_line(f"{_KINDS.get(kind, kind)}: {name}/{file}")))
        if result.clean:
            files = counted(result.checked, "file")
            print(plain(one_line(f"{name}: {files}, all unchanged on Google Drive's server")))
        tell_each("has no bytes to compare, passed over", result.passed_over)
    if as_json:
        print_json(reports)
    if not clean:
        tell(
            "Google Drive's server has other data than what was recorded; files that were changed "
            "or copied a moment ago may not be uploaded yet"
        )
        raise typer.Exit(3)


_KINDS = {
    "trashed": "in Drive's trash",
    "duplicates": "several files of one name",
    "unproved": "no checksum on the server yet",
}


def _located(drive: "Drive", layout: "Layout", path: Path, folder_id: str | None) -> str:
    from colabctl.drive.locations import locate

    return locate(drive, path, layout.root, folder_id)


def _show(plan: "Plan", address: str, *, undo: bool) -> None:
    """Print what will change: who loses what, and how many files."""
    tell(f"{one_line(plan.name)} on Google Drive, as {one_line(address)}")
    if plan.empty:
        tell("  nothing to undo here" if undo else "  already protected; nothing to change")
    if plan.limit and undo:
        tell("  the folder gives everyone the access that the folder above it gives, as before")
    elif plan.limit:
        tell("  the folder stops taking access from the folder above it (limited access)")
    for change in plan.roles[:_MOST_LISTED]:
        tell(f"  {one_line(_described(change))}")
    if len(plan.roles) > _MOST_LISTED:
        tell(f"  and {len(plan.roles) - _MOST_LISTED:,} more, which --json lists")
    if plan.files and undo:
        tell(f"  {counted(len(plan.files), 'file')} to make writable again")
    elif plan.files:
        tell(f"  {counted(len(plan.files), 'file')} to make read-only, for the owner too")
    if plan.ready:
        tell(f"  {counted(plan.ready, 'file')} read-only already, left as they are")
    if not (plan.can_limit or undo):
        tell(
            "  note: Drive does not let this account limit the folder; members keep the access "
            "that the folder above gives, and can still move or add files"
        )
    tell_each("cannot be made read-only by this account", plan.impossible)
    for owner, files in plan.owners.items():
        tell(
            f"  note: {one_line(owner)} owns {counted(files, 'file')} here, and can still lift the "
            "protection of those or delete them"
        )


def _described(change: "RoleChange") -> str:
    where = f"{change.path}: " if change.path else ""
    before, after = change.before or "no access", change.after or "no access (address unknown)"
    note = " (kept)" if before == after else ""
    return f"{where}{change.name}: {before} -> {after}{note}"


def _report(plan: "Plan", done: "Outcome") -> dict[str, object]:
    roles = [
        {"path": each.path, "who": each.name, "before": each.before, "after": each.after}
        for each in plan.roles
    ]
    refused = [{"what": what, "why": why} for what, why in done.refused]
    return {
        "folder": plan.name,
        "limited": plan.limit,
        "roles": roles,
        "files": done.files,
        "impossible": plan.impossible,
        "refused": refused,
    }


def _show_outcome(plan: "Plan", done: "Outcome", *, undo: bool) -> None:
    if plan.empty:
        return
    tell_each("refused", [f"{what}: {why}" for what, why in done.refused])
    state = "writable again" if undo else "read-only"
    tell(f"{one_line(plan.name)}: {counted(done.files, 'file')} {state} on Google Drive")
    if not undo:
        tell("  undo it: " + command_line("protect", plan.name, "--drive", "--undo"))


def _progress(*, undo: bool) -> "Progress":
    verb = "writable" if undo else "read-only"

    def show(done: int, total: int) -> None:
        if done < total and done % max(_OFTEN, total // 10) == 0:
            tell(f"  {done:,} of {total:,} files {verb}")

    return show
