"""The command that brings raw data back from a second place."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.data.folders import Protectable, chosen_folders, tell_each
from colabctl.cli.data.protect import partial
from colabctl.cli.options import Json, Root, Yes, confirm, open_project, print_json, tell
from colabctl.cli.terminal import command_line, counted, one_line
from colabctl.errors import UserError

if TYPE_CHECKING:
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
    yes: Yes = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Bring changed and missing raw data back from a second place; lists it and asks first.

    Each file is checked before it replaces another one, which is kept as `NAME.bad-DIGEST`.
    """
    from colabctl.project.raw.restoration import check_apart

    layout, config = open_project(root)
    source = place or config.raw_copy
    if source is None:
        raise UserError(
            "no second place is known; name it with --from, or once for all as raw_copy in "
            "colabctl.yaml: a folder, a zip file or a URL. Without a copy, use the version history "
            "of your Drive (right-click on the file)"
        )
    damage = []
    for folder in chosen_folders(layout, config.read_only, path):
        check_apart(layout, folder, source)
        if names := _damage(layout, folder, full=full):
            damage.append((folder, names))
    if damage:
        confirm(f"restore these files from {one_line(source)}?", yes=yes)
    reports, problems = [], []
    for folder, names in damage:
        done = _restore(layout, folder, source, names, follow_links=follow_links)
        name = layout.relative(folder)
        reports.append(_report(name, done))
        problems += _problems(name, done, source)
    if as_json:
        print_json(reports)
    if problems:
        raise UserError("\n".join(problems))


def _damage(layout: "Layout", folder: "Path", *, full: bool) -> tuple[str, ...]:
    """Return the files of a folder to restore, after listing them."""
    from colabctl.cli.reading import reading
    from colabctl.project import raw

    name = layout.relative(folder)
    with reading(name) as progress:
        if full:
            check = raw.verify(layout, folder, progress=progress)
        else:
            check = raw.verify_quick(layout, folder, most=float("inf"))
    if check.unseen:
        tell(one_line(partial(name, len(check.unseen))))
    if not check.damaged:
        how = "unchanged" if full else "as recorded, by size and time"
        tell(one_line(f"{name}: {counted(check.checked, 'file')} {how}; nothing to restore"))
        return ()
    tell(one_line(f"{name}: {counted(len(check.changed) + len(check.missing), 'file')} to restore"))
    tell_each("changed, the file here is kept as NAME.bad-DIGEST", check.changed, json=False)
    tell_each("missing", check.missing, json=False)
    return (*check.changed, *check.missing)


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
