"""The command that brings raw data back from a second place."""

import errno
import os
import stat
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.data.folders import Protectable, chosen_folders, tell_each
from colabctl.cli.data.protect import partial
from colabctl.cli.options import Json, Root, Yes, confirm, open_project, print_json, tell
from colabctl.cli.terminal import command_line, counted, one_line
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from colabctl.project.layout import Layout
    from colabctl.project.raw.restoration import Restoration


def restore(
    path: Protectable = None,
    place: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PLACE",
            help="The second place: a folder, a zip file, or a URL that fsspec knows.",
            show_default="`raw_copy` in colabctl.yaml",
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="First read all files here, also those whose size and time are the same."
        ),
    ] = False,
    follow_links: Annotated[
        bool,
        typer.Option(
            "--follow-links",
            help="Also restore a folder behind a link that leads out of the project.",
        ),
    ] = False,
    trust_listing: Annotated[
        bool,
        typer.Option(
            "--trust-listing",
            help="Also restore files that a Drive may only not list yet.",
        ),
    ] = False,
    yes: Yes = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Bring changed and missing raw data back from a second place; lists it and asks first.

    Each file is checked before it replaces another one, which is kept as `NAME.bad-DIGEST`.
    """
    from colabctl.project.raw.restoration import check_apart
    from colabctl.project.raw.sources import copy_at

    layout, config = open_project(root)
    folders = _chosen(layout, config.read_only, path)
    source = place or config.raw_copy
    if source is None:
        raise UserError(
            "no backup is named; name it with --from, or once for all as raw_copy in "
            "colabctl.yaml: a folder, a zip file or a URL. Without a backup, use the version "
            "history of your Drive (right-click on the file)"
        )
    for folder in folders:
        check_apart(layout, folder, source)
    with copy_at(source, layout.root):
        pass  # it is there
    damage, problems = [], []
    for folder in folders:
        names, unknown = _damage(layout, folder, full=full, trust_listing=trust_listing)
        problems += unknown
        if names:
            damage.append((folder, names))
    if damage:
        confirm(f"restore these files from {one_line(source)}?", yes=yes)
    reports = []
    for folder, names in damage:
        done = _restore(layout, folder, source, names, follow_links=follow_links)
        name = layout.relative(folder)
        reports.append(_report(name, done))
        problems += _problems(name, done, source)
    if as_json:
        print_json(reports)
    if problems:
        raise UserError("\n".join(problems))


def _chosen(layout: "Layout", read_only: tuple[str, ...], path: "Path | None") -> "list[Path]":
    """Return the folders to restore; one that has been removed counts if it has a manifest."""
    from pathlib import Path

    if path is None:
        return chosen_folders(layout, read_only, None)
    for start in (Path.cwd(), layout.root):
        folder = start / path
        if not os.path.lexists(folder) and layout.manifest(folder).is_file():
            return [folder]
        outside = folder.is_dir() and not folder.resolve().is_relative_to(layout.root.resolve())
        if folder.is_file() or outside:
            raise UserError(
                f"{path} is not a folder of raw data in this project; if it is the backup, run: "
                f"{command_line('restore', '--from', str(path))}"
            )
    return chosen_folders(layout, read_only, path)


def _damage(
    layout: "Layout", folder: "Path", *, full: bool, trust_listing: bool
) -> tuple[tuple[str, ...], list[str]]:
    """List the files of a folder to restore; return them, and what else is wrong there."""
    from colabctl.cli.reading import reading
    from colabctl.project import raw
    from colabctl.project.raw.restoration import restore_sentinel

    name = layout.relative(folder)
    if not os.path.lexists(folder) and layout.manifest(folder).is_file():
        return _all(layout, folder, trust_listing=trust_listing)
    with reading(name) as progress:
        if full:
            check = raw.verify(layout, folder, progress=progress)
        else:
            check = raw.verify_quick(layout, folder, most=float("inf"))
    missing = (*check.missing, *(check.unseen if trust_listing else ()))
    problems = []
    if check.unseen and not trust_listing:
        problems.append(one_line(partial(layout, name, len(check.unseen))))
    pipes = [each for each in check.unreadable if _is_pipe(folder / each)]
    pipes = sorted(set(pipes) & _recorded(layout, folder).keys())
    problems += [
        one_line(f"{name}/{each} cannot be read, {_why(folder / each)}")
        for each in sorted(set(check.unreadable) - set(pipes))
    ]
    names = (*check.changed, *missing, *pipes)
    if names:
        tell(one_line(f"{name}: {counted(len(names), 'file')} to restore"))
    elif not problems:
        how = "unchanged" if full else "as recorded, by size and time"
        tell(one_line(f"{name}: {counted(check.checked, 'file')} {how}; nothing to restore"))
        restore_sentinel(layout, folder)
    folders = [each for each in missing if _is_folder(folder / each)]
    tell_each("changed, the file here is kept as NAME.bad-DIGEST", check.changed, json=False)
    tell_each("missing", [each for each in missing if each not in folders], json=False)
    tell_each("a folder is in its place, and is kept as NAME.bad-00000000", folders, json=False)
    tell_each("not a regular file any more; kept as NAME.bad-00000000", pipes, json=False)
    return names, problems


def _all(
    layout: "Layout", folder: "Path", *, trust_listing: bool
) -> tuple[tuple[str, ...], list[str]]:
    """List all files of a folder that has been removed."""
    from colabctl.project.raw.partial import is_coherent

    name, names = layout.relative(folder), tuple(_recorded(layout, folder))
    if not trust_listing and not is_coherent(layout):
        sentence = (
            f"{one_line(name)} is not listed; wait until the Drive has caught up, or mount it "
            f"again; if it was deleted: {command_line('restore', name, '--trust-listing')}"
        )
        return (), [sentence]
    files = counted(len(names), "file")
    tell(one_line(f"{name}: the folder is gone and will be made again; {files} to restore"))
    tell_each("missing", names, json=False)
    return names, []


def _recorded(layout: "Layout", folder: "Path") -> "Mapping[str, object]":
    from colabctl.project.raw import manifest

    return manifest.read(layout.manifest(folder)) or {}


def _is_folder(path: "Path") -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_pipe(path: "Path") -> bool:
    """Whether there is something that is not a file, folder or link, such as a pipe or a device."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))


def _why(path: "Path") -> str:
    from colabctl.sharedfs.refusals import advice

    refusal = PermissionError(errno.EACCES, "refused", str(path))
    return advice(refusal) or "so it is not restored; check what it is, and the mount"


def _restore(
    layout: "Layout", folder: "Path", place: str, names: tuple[str, ...], *, follow_links: bool
) -> "Restoration":
    from colabctl.cli.reading import reading
    from colabctl.project.raw.restoration import restore as bring_back

    name = layout.relative(folder)
    with reading(name) as progress:
        done = bring_back(
            layout, folder, place, names, follow_links=follow_links, progress=progress
        )
    tell(one_line(f"{name}: {counted(len(done.restored), 'file')} restored"))
    aside = [f"{old} is now {new}" for old, new in done.replaced.items()]
    tell_each("kept", aside)
    return done


def _report(folder: str, done: "Restoration") -> dict[str, Any]:
    return {
        "folder": folder,
        "restored": done.restored,
        "replaced": done.replaced,
        "bad": done.bad,
        "absent": done.absent,
        "failed": done.failed,
    }


def _problems(folder: str, done: "Restoration", place: str) -> list[str]:
    problems = [
        f"{folder}/{name} is not restored: its copy in {place} is not the recorded file either; "
        "look for another copy, or in the version history of your Drive"
        for name in done.bad
    ]
    problems += [f"{folder}/{name} is not restored: {place} has no copy" for name in done.absent]
    problems += [f"{folder}/{name} is not restored: {why}" for name, why in done.failed.items()]
    lines = [one_line(problem) for problem in problems]
    if lines:
        lines.append(f"run {command_line('verify', folder)} to see what still differs")
    return lines
