"""The command that shows what a project's files use, and deletes what is not needed."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.options import Json, Member, Root, Yes, open_project, print_json, tell
from colabctl.cli.terminal import can_ask, counted, one_line
from colabctl.errors import UserError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colabctl.project.config import Config
    from colabctl.project.layout import Layout
    from colabctl.space.duplicates import Duplicates
    from colabctl.space.removable import Kind, Removable
    from colabctl.space.survey import Survey

_SMALLEST = 1_000_000  # bytes of duplicates that are worth a line
_MOST_PROBLEMS = 10  # files that are named because they were not removed


def space(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND",
            help="With --tidy, what to delete: checkpoints, notebooks, archived, leftovers, "
            "earlier or bad.",
            show_default="all but earlier and bad",
        ),
    ] = None,
    tidy: Annotated[
        bool,
        typer.Option("--tidy", help="Show which files can be deleted, and ask to delete them."),
    ] = False,
    all_members: Annotated[
        bool, typer.Option("--all-members", help="With --tidy, other members' files too.")
    ] = False,
    top: Annotated[
        int, typer.Option("--top", min=0, metavar="N", help="Number of largest files to show.")
    ] = 5,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read no file, so look for no duplicates.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Read duplicates to the end on a Drive too, where that downloads them."
        ),
    ] = False,
    yes: Yes = False,
    member: Member = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Show what each member's files use, the largest files, duplicates, and what can be deleted."""
    from colabctl.cli.reading import counting
    from colabctl.space.survey import survey

    if not tidy and (kinds or all_members or yes):
        option = "KIND" if kinds else "--all-members" if all_members else "--yes"
        raise UserError(f"{option} is for removing files; add --tidy")
    chosen = _kinds(kinds or [])
    layout, config = open_project(root)
    with counting() as show:
        seen = survey(layout, config, lambda count: show(f"{count:,} files"))
    if tidy:
        _tidy(layout, config, seen, chosen, member, all_members, yes, as_json)
        return
    groups, unread = _duplicates(layout, seen, full) if not quick else ([], [])
    seen.listing.unread.extend(unread)
    if as_json:
        from colabctl.cli.data.space_json import as_object

        print_json(as_object(config.name, seen, None if quick else groups, top, time.time()))
        return
    from colabctl.cli.data.space_lines import space_lines
    from colabctl.cli.see.line import print_lines
    from colabctl.cli.terminal import line_width

    print_lines(space_lines(config, seen, groups, top, line_width(), time.time()))


def _kinds(words: "Sequence[str]") -> "list[Kind]":
    from colabctl.space.removable import BY_NAME, KINDS

    chosen: list[Kind] = [kind for kind in KINDS if kind in words or not (words or kind in BY_NAME)]
    for word in words:
        if word not in KINDS:
            close = nearest(word, KINDS)
            hint = f"did you mean {close}?" if close else f"choose from {', '.join(KINDS)}"
            raise UserError(f"{word!r:.60} is not a kind of file that can be deleted; {hint}")
    return chosen


def _duplicates(
    layout: "Layout", seen: "Survey", full: bool
) -> "tuple[list[Duplicates], list[Any]]":
    from colabctl.cli.reading import reading
    from colabctl.space.duplicates import duplicates

    whole = full or not seen.is_drive
    with reading("looking for duplicates") as progress:
        return duplicates(
            layout.root, seen.listing.files, _SMALLEST, whole=whole, progress=progress
        )


def _tidy(
    layout: "Layout",
    config: "Config",
    seen: "Survey",
    kinds: "Sequence[Kind]",
    explicit: str | None,
    all_members: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Show the files of these kinds; remove them if the user agrees."""
    from colabctl.cli.data.space_lines import tidy_lines
    from colabctl.cli.options import working_member
    from colabctl.cli.see.line import print_lines
    from colabctl.cli.terminal import line_width

    who = None if all_members else working_member(config, explicit)
    candidates = [each for each in seen.removable if each.kind in kinds]
    items = [each for each in candidates if _is_meant(each, who)]
    others = [each for each in candidates if not _is_meant(each, who)]
    if not as_json:
        print_lines(tidy_lines(items, line_width()))
        _tell_others(others)
    if as_json and not yes:  # a dry run
        print_json(_report(items, []))
        return
    if not items:
        if as_json:
            print_json(_report([], []))
        else:
            from colabctl.cli.data.space_lines import by_hand_lines

            tell("nothing to delete")
            print_lines(by_hand_lines(seen, kinds, who, line_width()))
        return
    foreign = [each for each in items if each.member != _me(config, explicit)]
    if seen.is_drive and foreign:
        tell(
            f"note: {counted(len(foreign), 'file')} may belong to other accounts. On a Drive, only "
            "the owner of a file can delete it: for anyone else, it moves to its owner's own Drive "
            "and still uses their room"
        )
    if not yes:
        _confirm(items)
    _remove(layout, seen, items, as_json)


def _is_meant(item: "Removable", who: str | None) -> bool:
    """Whether a file is deleted for a member, or for None, which is all of them."""
    from colabctl.space.removable import BY_NAME

    is_free = item.member is None and item.kind in BY_NAME  # such a folder is no one's own
    return who is None or item.member == who or is_free


def _me(config: "Config", explicit: str | None) -> str | None:
    """Return the member who runs this command, without a question; None if that is not known."""
    import os

    from colabctl.project.current_member import current_member

    try:
        return current_member(config, os.environ, explicit).name
    except UserError:
        return None


def _tell_others(others: "Sequence[Removable]") -> None:
    from colabctl.sizes import format_size

    if others:
        size = format_size(sum(each.file.size for each in others))
        names = sorted({each.member or "no member in particular" for each in others})
        tell(
            f"not listed: {counted(len(others), 'file')} ({size}) of {', '.join(names)}; they can "
            "remove them, or add --all-members"
        )


def _confirm(items: "Sequence[Removable]") -> None:
    """Ask for a whole "yes"; end the command otherwise."""
    from colabctl.sizes import format_size

    if not can_ask():
        raise UserError(
            "nothing was removed: there is no terminal to ask on; add --yes to remove these files"
        )
    size = format_size(sum(each.file.size for each in items))
    print(
        f"remove {counted(len(items), 'file')} ({size}) for good? Type yes: ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    if sys.stdin.readline().strip().casefold() != "yes":
        tell("nothing was removed")
        raise typer.Exit(1)


def _remove(layout: "Layout", seen: "Survey", items: "Sequence[Removable]", as_json: bool) -> None:
    from functools import partial

    from colabctl.sizes import format_size
    from colabctl.space.sweeps import use_in
    from colabctl.space.tidy import remove

    removals = list(remove(layout.root, items, partial(use_in, layout)))
    gone = [each.item for each in removals if not each.problem]
    failures = [each for each in removals if each.problem]
    if as_json:
        print_json(_report(gone, [(each.item, each.problem) for each in failures], removed=True))
    size = format_size(sum(each.file.size for each in gone))
    tell(f"removed {counted(len(gone), 'file')} ({size})")
    for each in failures[:_MOST_PROBLEMS]:
        tell(f"kept: {one_line(each.item.file.path)}: {one_line(each.problem)}")
    if len(failures) > _MOST_PROBLEMS:
        tell(f"kept: {len(failures) - _MOST_PROBLEMS:,} more, which --json lists")
    if seen.is_drive and gone:
        tell(
            "on a Drive they are in the trash now, which counts against the quota until it is "
            "emptied: drive.google.com, Trash, Empty trash"
        )
    if failures:
        raise typer.Exit(1)


def _report(
    items: "Sequence[Removable]",
    failures: "Sequence[tuple[Removable, str]]",
    *,
    removed: bool = False,
) -> dict[str, Any]:
    from colabctl.cli.data.space_json import removable_object

    return {
        "removed": removed,
        "bytes": sum(each.file.size for each in items),
        "files": [removable_object(each) for each in items],
        "kept": [{**removable_object(item), "reason": reason} for item, reason in failures],
    }
