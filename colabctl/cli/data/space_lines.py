"""What `space` prints: bars of members, files, duplicates, what can be deleted, and free room."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from colabctl.cli.see.line import NARROW, Line, aligned
from colabctl.cli.terminal import can_show, command_line, counted
from colabctl.durations import short_duration
from colabctl.project.config import Config
from colabctl.sizes import format_size
from colabctl.space.duplicates import Duplicates
from colabctl.space.removable import BY_NAME, KINDS, REASONS, Kind, Removable
from colabctl.space.survey import Survey
from colabctl.space.usage import Share, by_member

_NOBODY = "of no member"
_MOST_FOLDERS = 4  # of a member
_MOST_GROUPS = 5  # of duplicates
_MOST_PATHS = 5  # of one group
_MOST_UNREAD = 5
_MOST_ROWS = 20  # of a kind
_MOST_BY_HAND = 5  # files that only a person can decide on
_LARGE = 100_000  # bytes of these
_BAR = 20  # columns


def space_lines(
    config: Config,
    seen: Survey,
    duplicates: Sequence[Duplicates],
    top: int,
    width: int | None,
    now: float,
) -> list[Line]:
    """Return the lines; `width` is that of the terminal, None for a pipe."""
    lines = [_head(config, seen), *_unread(seen)]
    lines += _members(seen, width)
    lines += _largest(seen, top)
    lines += _duplicates(duplicates)
    lines += _can_be_deleted(seen)
    lines += _rooms(config, seen, now)
    return [part for line in lines for part in line.paragraph(width, indent=4)]


def _head(config: Config, seen: Survey) -> Line:
    least = "at least " if seen.listing.unread else ""
    files = counted(len(seen.listing.files), "file")
    return Line(f"{config.name}: {least}{format_size(seen.bytes)} in {files}", "bold")


def _unread(seen: Survey) -> Iterator[Line]:
    unread, links = seen.listing.unread, seen.listing.links
    for each in unread[:_MOST_UNREAD]:
        yield Line("  not counted: ", "yellow").add(f"{each.path}: {each.reason}")
    if len(unread) > _MOST_UNREAD:
        yield Line(f"  not counted: {len(unread) - _MOST_UNREAD:,} more, which --json lists")
    if links:
        more = f" and {len(links) - 1:,} more" if len(links) > 1 else ""
        yield Line(f"  links are not followed: {links[0]}{more}")


def _members(seen: Survey, width: int | None) -> Iterator[Line]:
    groups = by_member(seen.shares)
    totals = {member: sum(share.bytes for share in group) for member, group in groups.items()}
    most = max(totals.values(), default=0)
    narrow = width is not None and width < NARROW
    yield Line()
    rows = []
    for member, group in groups.items():
        cells = [Line(member or _NOBODY), Line(format_size(totals[member]))]
        if width is not None:
            cells.append(Line(_bar(totals[member], most, _BAR // 2 if narrow else _BAR), "cyan"))
        if not narrow:
            cells.append(Line(_folders(group), "dim"))
        rows.append(cells)
    yield from aligned(rows, None, right=(1,)) if rows else ()
    if seen.shares:
        yield Line(
            "  (by the names of workers and folders; on a Drive, a file counts against the "
            "account that created it)",
            "dim",
        )


def _bar(size: int, most: int, width: int) -> str:
    block = "█" if can_show("█") else "#"
    return block * max(bool(size), round(size * width / most)) if most else ""


def _folders(group: Sequence[Share]) -> str:
    shown = [f"{share.folder} {format_size(share.bytes)}" for share in group[:_MOST_FOLDERS]]
    if len(group) > _MOST_FOLDERS:
        rest = sum(share.bytes for share in group[_MOST_FOLDERS:])
        shown.append(f"{len(group) - _MOST_FOLDERS} more {format_size(rest)}")
    return ", ".join(shown)


def _largest(seen: Survey, top: int) -> Iterator[Line]:
    largest = seen.largest(top)
    if largest:
        yield from (Line(), Line("largest files", "bold"))
        yield from aligned(
            [[Line(format_size(file.size)), Line(file.path)] for file in largest], None, right=(0,)
        )


def _duplicates(groups: Sequence[Duplicates]) -> Iterator[Line]:
    if not groups:
        return
    extra = format_size(sum(each.extra for each in groups))
    yield from (
        Line(),
        Line(
            f"the same content several times: {extra} in copies, which are only named here", "bold"
        ),
    )
    for each in groups[:_MOST_GROUPS]:
        yield Line(f"  {len(each.paths)} x {format_size(each.size)}")
        yield from (Line(f"    {path}") for path in each.paths[:_MOST_PATHS])
        if len(each.paths) > _MOST_PATHS:
            yield Line(f"    and {len(each.paths) - _MOST_PATHS:,} more, which --json lists")
    if len(groups) > _MOST_GROUPS:
        yield Line(f"  {len(groups) - _MOST_GROUPS:,} more groups, which --json lists")
    if not all(each.is_proved for each in groups):
        yield Line(
            "  (same size, and the same first and last 64 kB; --full reads them to the end)", "dim"
        )


def _can_be_deleted(seen: Survey) -> Iterator[Line]:
    if not seen.removable:
        return
    head = f"can be deleted: {format_size(seen.freed)}; to see it: colabctl space --tidy"
    yield from (Line(), Line(head, "bold"))
    rows = []
    for kind in KINDS:
        items = [each for each in seen.removable if each.kind == kind]
        if items:
            size = format_size(sum(each.file.size for each in items))
            about = f"{counted(len(items), 'file')}: {REASONS[kind]}{_named_only(kind)}"
            rows.append([Line(size), Line(kind), Line(about, "dim")])
    yield from aligned(rows, None, right=(0,))


def _rooms(config: Config, seen: Survey, now: float) -> Iterator[Line]:
    yield from (Line(), Line("free room", "bold"))
    what = "seen from this machine" if seen.is_drive else "on this file system, for all members"
    if seen.room is None:
        yield Line("  this file system does not tell")
    else:
        style = "red" if seen.room.free < config.min_free else ""
        yield Line("  ").add(format_size(seen.room.free), style).add(f"  {what}")
    rows = [
        [
            Line(room.member),
            Line(format_size(room.free), "red" if room.free < config.min_free else ""),
            Line(f"seen {short_duration(max(0.0, now - room.at))} ago", "dim"),
        ]
        for room in seen.rooms
    ]
    yield from aligned(rows, None, right=(1,)) if rows else ()
    if len(seen.rooms) > 1:
        yield Line(f"  {seen.rooms[0].member} has the most, so start workers on that account next")


def tidy_lines(items: Sequence[Removable], width: int | None) -> list[Line]:
    """Return the lines on files that can be deleted: a row for each task and folder."""
    lines: list[Line] = []
    for kind in KINDS:
        own = [each for each in items if each.kind == kind]
        if not own:
            continue
        size = format_size(sum(each.file.size for each in own))
        head = f"{kind}: {size} in {counted(len(own), 'file')} ({REASONS[kind]})"
        lines.append(Line(head, "bold"))
        groups: dict[str, list[Removable]] = defaultdict(list)
        for each in own:
            groups[each.group].append(each)
        rows = [
            [Line(format_size(sum(each.file.size for each in group))), Line(_names(place, group))]
            for place, group in islice(groups.items(), _MOST_ROWS)
        ]
        lines += aligned(rows, None, right=(0,))
        if len(groups) > _MOST_ROWS:
            lines.append(Line(f"  {len(groups) - _MOST_ROWS:,} more, which --json lists"))
    return [part for line in lines for part in line.paragraph(width, indent=4)]


def by_hand_lines(
    seen: Survey, kinds: Collection[Kind], member: str | None, width: int | None
) -> list[Line]:
    """Return what uses most where nothing can be deleted; of all members, if `member` is None."""
    rows = []
    for kind in KINDS:
        items = [each for each in seen.removable if each.kind == kind and kind not in kinds]
        if items:
            size = format_size(sum(each.file.size for each in items))
            rows.append([Line(size), Line(f"{REASONS[kind]}: colabctl space --tidy {kind}")])
    for use in seen.uses:
        folders = {f"sweeps/{each}" for each in use.folders}
        own = [each for each in seen.shares if each.folder in folders]
        used = sum(each.bytes for each in own if member in (None, each.member))
        if used >= _LARGE and use.is_finished and not (use.is_archived or use.in_use):
            what = f"sweep {use.name}, if it is archived: {command_line('archive', use.name)}"
            rows.append([Line(format_size(used)), Line(what)])
    removable = {each.file.path for each in seen.removable}
    files = [
        file
        for file in seen.largest(len(seen.listing.files), member)
        if file.size >= _LARGE
        and file.path not in removable
        and not file.path.startswith(("sweeps/", ".colabctl/"))  # journals, declarations
    ]
    rows += [[Line(format_size(file.size)), Line(file.path)] for file in files[:_MOST_BY_HAND]]
    if not rows:
        return []
    lines = [Line("what only you can decide on:", "bold"), *aligned(rows, None, right=(0,))]
    return [part for line in lines for part in line.paragraph(width, indent=4)]


def _named_only(kind: Kind) -> str:
    return f"; only with colabctl space --tidy {kind}" if kind in BY_NAME else ""


def _names(place: str, group: Sequence[Removable]) -> str:
    """Return what a row says of the files of a task or folder."""
    if len(group) > 1:
        return f"{place}  {counted(len(group), 'file')}"
    file = group[0].file
    return file.path if place.endswith("/") else f"{place}  {file.name}"
