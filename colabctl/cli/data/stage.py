"""The command that copies data to this machine's own disk, where reading is fast."""

import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import (
    Json,
    Root,
    Yes,
    carrier_of_command,
    confirm,
    open_project,
    print_json,
    tell,
)
from colabctl.cli.terminal import counted, one_line, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.project.layout import Layout
    from colabctl.stage.places import Place, Record

_OFTEN = 10.0  # seconds between lines on how far it is
_REDRAW = 0.2  # seconds between two states of the line on a terminal


def stage(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Files, folders or archives (zip, tar) of the project."
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--list", help="List the staged copies on this machine.")
    ] = False,
    clear: Annotated[
        bool,
        typer.Option(
            "--clear", help="Remove staged copies from this machine: those of PATH, else all."
        ),
    ] = False,
    yes: Yes = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Copy data to this machine's disk once, and print where it is.

    Archives are unpacked. What a manifest records is checked against it. After a break, the same
    command continues where it stopped. The copy is read-only; your project is not changed.
    """
    from colabctl.stage.places import stage_folder

    if show and clear:
        raise UserError("--list and --clear are two commands; give one of them")
    base = stage_folder(os.environ)
    if show:
        _show(base, as_json=as_json)
    elif clear:
        _clear(base, paths or [], root, yes=yes)
    elif paths:
        layout, _ = open_project(root)
        _stage(layout, base, paths, as_json=as_json)
    else:
        raise UserError(
            "name what to stage, such as colabctl stage data/raw/images.zip; --list shows what is "
            "staged on this machine"
        )


def _stage(layout: "Layout", base: Path, paths: list[Path], *, as_json: bool) -> None:
    from colabctl.sharedfs.faults import patiently
    from colabctl.sizes import format_size
    from colabctl.stage.sources import find_source, name_of
    from colabctl.stage.staging import Staging, stage

    here, reports = Path.cwd(), []
    carrier = carrier_of_command()
    for path in paths:
        if carrier is not None:
            carrier.bring(name_of(layout, path, here))
        source = patiently(
            lambda path=path: find_source(layout, path, here),  # type: ignore[misc]
            tell=tell,
            wait=time.sleep,
        )
        if source.manifest is None:
            tell(
                f"note: no manifest records {one_line(source.name)}, so its content is not checked;"
                " to record it: colabctl protect"
            )
        if source.left_out:
            number = counted(len(source.left_out), "link or document", "links and documents")
            tell(f"note: {number} in {one_line(source.name)} left out, such as "
                 f"{one_line(source.left_out[0])}")  # fmt: skip
        line = _Line()
        began = time.monotonic()
        try:
            done = stage(source, Staging(base, line.tell, line.show, threading.Event()))
        finally:
            line.clear()
        took = time.monotonic() - began
        if done.copied:
            tell(
                f"staged {one_line(source.name)}: {format_size(done.copied)} copied in {took:.1f} s"
            )
        else:
            tell(f"{one_line(source.name)} was staged already; nothing copied")
        reports.append(
            {
                "source": source.name,
                "path": str(done.path),
                "files": len(source.files),
                "bytes": source.size,
                "copied": done.copied,
                "checked": source.manifest is not None,
            }
        )
    if as_json:
        print_json(reports)
    else:
        for report in reports:
            print(report["path"])


class _Line:
    """A line on stderr that says how far it is: drawn again on a terminal, else now and then."""

    def __init__(self) -> None:
        from colabctl.cli.progress import is_terminal

        self._redraws = is_terminal()
        self._next = time.monotonic() + (_REDRAW if self._redraws else _OFTEN)
        self._width = 0

    def show(self, text: str) -> None:
        """Show how far it is, if that is due."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (_REDRAW if self._redraws else _OFTEN)
        text = plain(one_line(text))
        if not self._redraws:
            tell(text)
            return
        print(f"\r{text:<{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(text)

    def tell(self, text: str) -> None:
        """Print a message."""
        self.clear()
        tell(text)

    def clear(self) -> None:
        """Remove the line."""
        if self._width:
            print(f"\r{'':<{self._width}}\r", end="", file=sys.stderr, flush=True)
            self._width = 0


def _show(base: Path, *, as_json: bool) -> None:
    from colabctl.stage.places import path_in, places_in, size_on_disk

    places = places_in(base)
    rows = [(place, place.record(), size_on_disk(place)) for place in places]
    if as_json:
        print_json(
            [
                {
                    "source": record and record.source,
                    "root": record and record.root,
                    "path": str(path_in(place, record)),
                    "bytes": size,
                    "whole": bool(record and record.whole),
                    "staged_at": record and record.at,
                }
                for place, record, size in rows
            ]
        )
        return
    for place, record, size in rows:
        print(plain(one_line(_described(place, record, size))))
    if not rows:
        tell(f"nothing is staged in {base}")


def _described(place: "Place", record: "Record | None", size: int) -> str:
    from colabctl.sizes import format_size
    from colabctl.stage.places import path_in

    if record is None:
        return f"{format_size(size):>9}  (unknown)  {place.folder}"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.at))
    state = "" if record.whole else ", not finished"
    source = f"{record.source} of {Path(record.root).name}"
    return f"{format_size(size):>9}  {when}  {source}{state}  {path_in(place, record)}"


def _clear(base: Path, paths: list[Path], root: Path | None, *, yes: bool) -> None:
    from colabctl.sizes import format_size
    from colabctl.stage.places import is_used, places_in, remove, size_on_disk

    rows = [(place, place.record(), size_on_disk(place)) for place in places_in(base)]
    if paths:
        layout, _ = open_project(root)
        chosen = {_name(layout, path) for path in paths}
        here = str(layout.root)
        rows = [row for row in rows if row[1] and row[1].root == here and row[1].source in chosen]
    free = []
    for place, record, size in rows:
        if is_used(place):
            tell(f"in use, and kept: {one_line(_described(place, record, size)).strip()}")
        else:
            free.append((place, size))
            tell(f"to remove: {one_line(_described(place, record, size)).strip()}")
    if not free:
        tell("nothing to remove")
        return
    total = format_size(sum(size for _, size in free))
    confirm(f"Remove {counted(len(free), 'staged copy', 'staged copies')}, {total}?", yes=yes)
    for place, _ in free:
        remove(place)
    tell(f"removed {counted(len(free), 'staged copy', 'staged copies')}, {total}")


def _name(layout: "Layout", path: Path) -> str:
    """Return a path from the project's root; what it leads to may be gone."""
    for start in (Path.cwd(), layout.root):
        full = Path(os.path.normpath(start / path))
        if full.is_relative_to(layout.root):
            return layout.relative(full)
    return path.as_posix()
