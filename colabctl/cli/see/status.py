"""The command that shows the progress of sweeps."""

import time
from dataclasses import asdict, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from colabctl.cli.options import Json, Root, complete_sweep, open_project, print_json, tell
from colabctl.cli.terminal import command_line, line_width
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from colabctl.project.layout import Layout, SweepLayout
    from colabctl.views.cells import Division
    from colabctl.views.status import Status
    from colabctl.work.open_sweep import OpenSweep

T = TypeVar("T")
S = TypeVar("S")

_MOST_NOTES = 3  # sweeps that cannot be read, each with its reason
_ASK_AGAIN = 30.0  # seconds
_MOST_NAMED = 5  # of more than that


def status(
    sweep: Annotated[
        str | None,
        typer.Argument(
            metavar="SWEEP",
            help="Name of a sweep.",
            show_default="all sweeps",
            autocompletion=complete_sweep,
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh until the sweep is finished.")
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Show progress, workers, time left, the best result so far and failures."""
    if watch and as_json:
        raise UserError("--watch is for people and --json for scripts; use only one of them")
    layout, _ = open_project(root)
    unread = _Unread(end_at_once=sweep is not None)
    sweeps = list(_open(layout, sweep, unread))
    if as_json:
        from colabctl.views.results import as_json as strict

        looked = unread.pass_over(_seen(sweeps), Seen.look, _name_of)
        objects = [
            {**strict(asdict(status)), "folder": layout.relative(seen.sweep.declared.layout.root)}
            for seen, status in looked
        ]
        print_json(objects[0] if sweep else objects)
    elif not sweeps and not unread.notes:
        print("no sweeps yet; declare one: colabctl sweep FILE")
    elif watch:
        _watch(_seen(sweeps), unread)
    else:
        _show(_seen(sweeps), unread)
    unread.tell()


class Seen:
    """A sweep that is looked at time and again; what cannot change is read once."""

    def __init__(self, sweep: "OpenSweep", *, with_pilots: bool = False) -> None:
        self.sweep = sweep
        self._with_pilots = with_pilots
        self.latest: Status | None = None
        self._latest_pilots: list[dict[str, Any]] = []
        self._asked = -_ASK_AGAIN

    @cached_property
    def _code(self) -> tuple[list[str], list[str]]:
        return self.sweep.changed_code()

    @cached_property
    def _division(self) -> "Division":
        from colabctl.views.cells import divide

        return divide(self.sweep.plan, self.sweep.tasks)

    def look(self) -> "Status":
        """Read what is new, and return the status."""
        from colabctl.views.status import status as status_of

        sweep = self.sweep
        sweep.ledger.refresh()
        latest = status_of(
            sweep.plan, sweep.ledger, sweep.tasks, *self._code, division=self._division
        )
        self.latest = replace(latest, pilots=self._pilots())
        return self.latest

    def _pilots(self) -> "list[dict[str, Any]]":
        """Return the pilots; ask the engine at most every half minute, as others use it too."""
        if (
            self._with_pilots
            and time.monotonic() >= self._asked + _ASK_AGAIN
            and self.sweep.declared.layout.pilots.is_dir()
        ):
            from colabctl.cli.engines import pilots_of

            self._latest_pilots = pilots_of(self.sweep)
            self._asked = time.monotonic()
        return self._latest_pilots


def _seen(sweeps: "Sequence[OpenSweep]") -> list[Seen]:
    """Return what looks at the sweeps; only one alone asks a cluster, which may be slow."""
    return [Seen(each, with_pilots=len(sweeps) == 1) for each in sweeps]


class _Unread:
    """The sweeps that cannot be read; with `end_at_once`, the first one ends the command."""

    def __init__(self, *, end_at_once: bool) -> None:
        self.end_at_once = end_at_once
        self.notes: dict[str, str] = {}  # by the name of the sweep

    def pass_over(
        self, items: "Iterable[T]", read: "Callable[[T], S]", name: "Callable[[T], str]"
    ) -> "Iterator[tuple[T, S]]":
        """Yield each item and what `read` returns for it, except those that it fails for."""
        from colabctl.sharedfs.faults import describe

        for item in items:
            try:
                seen = read(item)
            except (UserError, OSError) as error:
                if self.end_at_once:
                    raise
                reason = describe(error) if isinstance(error, OSError) else str(error)
                self.notes[name(item)] = reason
            else:
                yield item, seen

    def tell(self) -> None:
        """Print what was passed over: a few with their reasons, many by name."""
        if len(self.notes) <= _MOST_NOTES:
            for reason in self.notes.values():
                tell(f"note: {reason}")
            return
        some = ", ".join(list(self.notes)[:_MOST_NAMED])
        more = len(self.notes) - _MOST_NAMED
        names = f"{some} and {more:,} more" if more > 0 else some
        tell(
            f"note: {len(self.notes):,} sweeps cannot be read ({names}); to see why: "
            f"{command_line('doctor')}"
        )


def _open(layout: "Layout", sweep: str | None, unread: _Unread) -> "Iterator[OpenSweep]":
    """Open the named sweep, or all sweeps."""
    from colabctl.cli.steer.archive import tell_if_archived
    from colabctl.sweeps import differing, find_sweep, sweeps_in_use
    from colabctl.work.open_sweep import OpenSweep

    said: set[str] = set()
    layouts = [find_sweep(layout, sweep)] if sweep else sweeps_in_use(layout)
    for at in layouts:
        tell_if_archived(at)

    def read(at: "SweepLayout") -> "tuple[OpenSweep, list[str]]":
        open_sweep = OpenSweep.at(layout.root, at)
        return open_sweep, list(differing(at, open_sweep.plan))

    for _, (open_sweep, sentences) in unread.pass_over(layouts, read, lambda at: at.name):
        for sentence in sentences:
            if sentence not in said:
                tell(f"note: {sentence}")
                said.add(sentence)
        yield open_sweep


def _name_of(seen: Seen) -> str:
    return seen.sweep.plan.sweep


def _show(sweeps: "Sequence[Seen]", unread: _Unread) -> None:
    """Print one sweep in detail, several in brief; each as soon as it has been read."""
    from colabctl.cli.see.line import print_lines
    from colabctl.cli.see.overview import brief, screen

    width, names = line_width(), max((len(_name_of(each)) for each in sweeps), default=0)
    for _, status in unread.pass_over(sweeps, Seen.look, _name_of):
        several = len(sweeps) > 1
        print_lines(brief(status, width, names) if several else screen(status, width))


def _watch(sweeps: "Sequence[Seen]", unread: _Unread) -> None:
    from colabctl.cli.see.line import Line
    from colabctl.cli.see.overview import brief, screen, summary
    from colabctl.cli.see.watch import Look, keep_showing

    names = max((len(_name_of(each)) for each in sweeps), default=0)

    def look(width: int | None) -> Look:
        unread.notes.clear()
        for _ in unread.pass_over(sweeps, Seen.look, _name_of):
            pass
        seen = [each.latest for each in sweeps if each.latest]
        unread.end_at_once = False  # a folder that has answered may do so again
        several = len(sweeps) > 1
        lines = [
            line
            for each in seen
            for line in (brief(each, width, names) if several else screen(each, width))
        ]
        lines += [Line(f"note: {reason}", "yellow") for reason in unread.notes.values()]
        ended = all(each.state in ("finished", "stopped") for each in seen)
        return Look(
            lines, [summary(each) for each in seen], not seen or (ended and not unread.notes)
        )

    try:
        keep_showing(look)
    except KeyboardInterrupt:
        continues = "the sweep continues" if len(sweeps) == 1 else "the sweeps continue"
        tell(f"stopped watching; {continues}")
        raise typer.Exit(130) from None
