"""The command that promotes results to final ones, lists them and checks where they came from."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.options import (
    Json,
    Member,
    Root,
    Yes,
    confirm,
    open_project,
    print_json,
    tell,
    working_member,
)
from colabctl.cli.terminal import command_line, counted, line_width, one_line, plain
from colabctl.errors import UserError, nearest
from colabctl.sizes import format_size

if TYPE_CHECKING:
    from colabctl.project.config import Config
    from colabctl.project.layout import Layout
    from colabctl.promote.finals import Final
    from colabctl.promote.promote import Candidate, Promotion

_LARGE = 50_000_000  # bytes that take a while to read


def promote(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WHAT",
            help="Files or folders; or a sweep and a task; or a sweep, with --best.",
            show_default="with --list or --check, none",
        ),
    ] = None,
    best: Annotated[
        bool, typer.Option("--best", help="The best task of SWEEP, by its metric.")
    ] = False,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", metavar="NAME", help="Best by another metric.", show_default="the sweep's"
        ),
    ] = None,
    goal: Annotated[
        str | None,
        typer.Option(
            "--goal",
            metavar="minimize|maximize",
            help="Whether a small or a large value is better.",
            show_default="the sweep's",
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="CONDITION",
            help="Best of the tasks that meet it, such as \"model == 'svm'\".",
            show_default="all",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Its name in results/final.",
            show_default="that of the file; SWEEP-best, SWEEP-TASK",
        ),
    ] = None,
    note: Annotated[
        str | None,
        typer.Option("--note", metavar="TEXT", help="Why it is final.", show_default="no note"),
    ] = None,
    with_saves: Annotated[
        bool,
        typer.Option("--with-saves", help="Of a task, also the saves of its half-trained model."),
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the final results.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Find what has changed since; exit 3 if anything has."),
    ] = False,
    yes: Yes = False,
    member: Member = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Copy results to results/final, with a record of where they came from.

    A final result of the same name is kept in results/final/earlier.
    """
    layout, config = open_project(root)
    if list_ or check:
        if what or best or name or with_saves or (list_ and check):
            raise UserError("--list and --check are used alone, without PATH and other options")
        if list_:
            _list(layout, as_json=as_json)
        else:
            _check(layout, as_json=as_json)
        return
    if not what:
        raise UserError(
            "say what to promote: a file or folder, a sweep and a task, or a sweep with --best; "
            "or use --list or --check"
        )
    if not best and (metric or goal or where):
        raise UserError("--metric, --goal and --where choose the best task; add --best")
    candidates = (
        [_best(layout, what, metric, goal, where, name, saves=with_saves)]
        if best
        else _named(layout, what, name, saves=with_saves)
    )
    _check_names(candidates)
    who = working_member(config, member)
    promotions = [
        _promote(config, candidate, who, _note(note), yes=yes) for candidate in candidates
    ]
    if as_json:
        print_json([_as_json(layout, each) for each in promotions if each is not None])
        return
    for candidate in candidates:
        print(plain(one_line(str(layout.final / candidate.name))))


def _best(
    layout: "Layout",
    what: Sequence[str],
    metric: str | None,
    goal: str | None,
    where: str | None,
    name: str | None,
    *,
    saves: bool,
) -> "Candidate":
    from colabctl.promote.promote import from_result
    from colabctl.promote.tasks import chosen, refreshed
    from colabctl.work.open_sweep import OpenSweep

    if len(what) > 1:
        raise UserError("--best chooses the task; give only the name of a sweep")
    sweep = refreshed(OpenSweep.named(layout, what[0]))
    result, by = chosen(sweep, None, best=True, metric=metric, goal=goal, where=where)
    assert by is not None
    value = result.metrics[by.metric]
    what = f"{result.task} is the best of {sweep.plan.sweep}"
    if sweep.plan.repeats.count > 1:
        what = (
            f"{result.task} is nearest to the {sweep.plan.repeats.aggregate} of the best "
            f"configuration of {sweep.plan.sweep}"
        )
    tell(one_line(f"{what}: {by.metric} {value}"))
    return from_result(sweep, result, name, by, saves=saves)


def _named(
    layout: "Layout", what: Sequence[str], name: str | None, *, saves: bool
) -> "list[Candidate]":
    """Return what the arguments name: paths if all exist, else a sweep and its task."""
    from colabctl.promote.promote import from_path, from_result, located
    from colabctl.promote.tasks import refreshed, result_named
    from colabctl.sweeps import every_sweep
    from colabctl.work.open_sweep import OpenSweep

    paths = [located(layout, each) for each in what]
    present = [path for path in paths if path is not None]
    if len(present) == len(what):
        if name is not None and len(what) > 1:
            raise UserError("--name is the name of one result; promote them one at a time")
        return [from_path(layout, path, name, saves=saves) for path in present]
    names = [sweep.name for sweep in every_sweep(layout)]  # archived ones too
    if what[0] in names and len(what) == 2:
        sweep = refreshed(OpenSweep.named(layout, what[0]))
        return [from_result(sweep, result_named(sweep, what[1]), name, saves=saves)]
    if what[0] in names and len(what) == 1:
        raise UserError(
            f"{what[0]} is a sweep; promote its best task: {command_line('promote', what[0])} "
            "--best, or name a task after it"
        )
    if what[0] in names:
        raise UserError(f"promote one task of {what[0]} at a time")
    missing = next(each for each, path in zip(what, paths, strict=True) if path is None)
    near = nearest(Path(missing).name, [*_neighbours(missing), *names])
    hint = f"did you mean {near}?" if near else "give a path, or the name of a sweep and a task"
    raise UserError(f"there is no {missing!r:.100}, here or in the project {layout.root}; {hint}")


def _neighbours(text: str) -> list[str]:
    try:
        return os.listdir(Path(text).parent)  # noqa: PTH208 - only the names
    except OSError:
        return []


def _check_names(candidates: "Sequence[Candidate]") -> None:
    seen: dict[str, str] = {}
    for each in candidates:
        other = seen.setdefault(each.name.casefold(), each.path)
        if other != each.path:
            raise UserError(
                f"{other} and {each.path} would both be {each.name}; promote them one at a time, "
                "with --name"
            )


def _note(note: str | None) -> str | None:
    if note is not None and not note.strip():
        raise UserError("--note is empty; say why this result is final, or leave it out")
    return note


def _promote(
    config: "Config", candidate: "Candidate", member: str, note: str | None, *, yes: bool
) -> "Promotion | None":
    """Promote a candidate after a question, if it replaces something; None if nothing changed."""
    from colabctl.cli.reading import reading
    from colabctl.project.layout import EARLIER
    from colabctl.promote import promote as promoting

    layout, content = config.layout, candidate.content
    target = one_line(layout.relative(layout.final / candidate.name))
    replaced = promoting.present(layout, candidate.name)
    if promoting.is_promoted(layout, candidate, replaced, note):
        tell(f"{target} is the same already: {one_line(str(replaced[0].origin))}")
        return None
    if replaced:
        for each in replaced:
            state = "exists" if each.is_present else "has gone, but its record exists"
            tell(one_line(f"{layout.relative(each.path)} {state}: {_described(each)}"))
        earlier = layout.relative(layout.final / EARLIER)
        question = _compare(layout, candidate, replaced)
        confirm(f"{question} The one that exists is kept in {earlier}", yes=yes)
    if candidate.task is not None and candidate.task.status == "unfinished":
        tell(
            f"note: {candidate.task.task} is not finished by this attempt, so this is what it has "
            "written so far"
        )
    if candidate.left_out:
        tell(
            f"note: the saves of its half-trained model ({format_size(candidate.left_out)}) are "
            "left out; --with-saves copies them too"
        )
    for unsafe in content.unsafe_names()[:3] if content else ():
        tell(one_line(f"note: Windows cannot store {unsafe}, or tell it from another name"))
    size = content.size if content else 0
    done_so_far = 0
    with reading(f"copying {candidate.name}") as show:

        def read(count: int) -> None:
            nonlocal done_so_far
            done_so_far += count
            show(done_so_far, size)

        done = promoting.promote(
            config, candidate, member=member, environ=os.environ, note=note, read=read
        )
    origin = done.origin
    tell(one_line(f"{target}: {_size(origin.files, origin.size)}, {origin}"))
    if done.earlier is not None:
        tell(one_line(f"  what it replaces is in {layout.relative(done.earlier)}"))
    return done


def _compare(layout: "Layout", candidate: "Candidate", replaced: "Sequence[Final]") -> str:
    """Tell how a candidate differs from what it would replace; return the question to ask."""
    from colabctl.promote.content import listed
    from colabctl.promote.difference import difference, last_change

    content, change = candidate.content, difference(layout, replaced, candidate)
    parts = [format_size(content.size)] if content else []
    if content and content.is_folder:
        parts.insert(0, counted(len(content.files), "file"))
    if content and (at := last_change(content)) is not None:
        parts.append(f"last changed on {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC")
    parts.append(f"from {candidate.path}")
    tell(one_line(f"  the new one: {', '.join(parts)}"))
    words = {"new": change.added, "different": change.changed, "missing": change.missing}
    for word, names in words.items():
        if names and (content is None or content.is_folder or word != "new"):
            tell(one_line(f"  {word}: {listed(list(names))}"))
    if change.missing:
        number = counted(len(change.missing), "file")
        return f"the new one lacks {number} of the one that exists; replace it all the same?"
    return "replace it?"


def _described(final: "Final") -> str:
    if final.origin is None:
        return final.damage or "no record says who promoted it"
    note = f" ({final.origin.note})" if final.origin.note else ""
    return f"{_size(final.origin.files, final.origin.size)}, {final.origin}{note}"


def _as_json(layout: "Layout", done: "Promotion") -> dict[str, Any]:
    earlier = layout.relative(done.earlier) if done.earlier else None
    return {"final": layout.relative(done.path), "earlier": earlier, **asdict(done.origin)}


def _list(layout: "Layout", *, as_json: bool) -> None:
    from colabctl.promote.check import still
    from colabctl.promote.finals import finals

    everything = finals(layout)
    states = [still(layout, each.origin) if each.origin else None for each in everything]
    if as_json:
        print_json(
            [
                {
                    "name": each.name,
                    "path": layout.relative(each.path),
                    "present": each.is_present,
                    "origin": asdict(each.origin) if each.origin else None,
                    "still": state,
                }
                for each, state in zip(everything, states, strict=True)
            ]
        )
        return
    if not everything:
        print(f"no final results in {layout.relative(layout.final)}; see: colabctl promote --help")
        return
    from colabctl.cli.see.line import Line, aligned, print_lines

    titles = ("name", "by", "promoted", "size", "from", "origin", "note")
    rows = [[Line(title, "bold") for title in titles]]
    rows += [
        [Line(cell) for cell in (each.path.name, *_row(each, state))]
        for each, state in zip(everything, states, strict=True)
    ]
    print_lines(aligned(rows, line_width(), shorten=(6, 4, 0, 2)))


_STATES = {
    "same": "same",
    "changed": "changed",
    "gone": "gone",
    "there": "not looked at",
    "outside": "not looked at",
    "unknown": "cannot be read",
}
"""What is known of what a result was copied from, in words."""


def _row(final: "Final", state: str | None) -> tuple[str, ...]:
    origin = final.origin
    if origin is None:
        return "", "", "", "", "record damaged" if final.damage else "no record", ""
    words = _STATES[state] if state else ""
    note = origin.note or ""
    if not final.is_present:
        note = f"the final result itself is missing{f'; {note}' if note else ''}"
    size = format_size(origin.size)
    return origin.promoted_by, origin.when, size, origin.source, words, note


def _check(layout: "Layout", *, as_json: bool) -> None:
    from colabctl.promote.check import check
    from colabctl.promote.finals import finals

    promoted = [each for each in finals(layout) if each.record is not None]
    findings = list(check(layout, _tell_if_large))
    is_wrong = any(each.level == "wrong" for each in findings)
    if as_json:
        print_json([asdict(each) for each in findings])
    else:
        from colabctl.cli.see.line import Line, print_lines

        width = line_width()
        for each in findings:
            what = f"note: {each.what}" if each.level == "note" else each.what
            print_lines(Line(what).paragraph(width))
            print_lines(Line(f"  fix: {each.fix}").paragraph(width))
        if not is_wrong:
            print(f"{counted(len(promoted), 'final result')}, all as promoted")
    if is_wrong:
        raise typer.Exit(3)


def _tell_if_large(name: str, size: int) -> None:
    if size >= _LARGE:
        tell(one_line(f"reading {name} and what it was copied from, {format_size(size)} each"))


def _size(files: int, size: int) -> str:
    return f"{counted(files, 'file')}, {format_size(size)}" if files != 1 else format_size(size)
