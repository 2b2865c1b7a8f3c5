"""The command that merges two versions of a notebook into a third file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.notebook.links import content_of
from colabctl.cli.options import Force, Json, print_json, tell
from colabctl.cli.terminal import counted
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.notebook.versions.merging import Merged
    from colabctl.notebook.versions.saved import SavedNotebook


def merge(
    first: Annotated[Path, typer.Argument(metavar="A", help="A notebook.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another version of it.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="C", help="Where to write the merged notebook."),
    ],
    base: Annotated[
        Path | None,
        typer.Option(
            "--base",
            metavar="FILE",
            help="The version that both started from.",
            show_default="found in git, Jupyter's checkpoints, or as colabctl created it",
        ),
    ] = None,
    no_base: Annotated[
        bool, typer.Option("--no-base", help="Look for no earlier version; keep every cell.")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Merge two versions of a notebook into a new one; exit 3 if there are conflicts.

    A and B are never changed. A cell that one of them changed, added or deleted since the base is
    taken from there. Where both changed a cell, C has both versions under a cell that says so.
    Without a base, C has every cell of both. If colabctl found the base itself, a cell that one of
    them lacks can be a conflict too, because that base may be younger than what it lacks.
    """
    from colabctl.notebook.versions.merging import merge as merged_from
    from colabctl.notebook.versions.saved import read_saved

    if base is not None and no_base:
        raise UserError("--base and --no-base exclude each other; use one")
    sources = [first, second, *([base] if base else [])]
    _check_output(output, sources)
    names = [path.name if first.name != second.name else path.as_posix() for path in sources]
    one, two, *bases = (
        read_saved(content_of(path), name) for path, name in zip(sources, names, strict=True)
    )
    ancestor, is_certain = bases[0] if bases else None, True
    if not (bases or no_base):
        ancestor, is_certain = _found(first, second, one, two)
    merged = merged_from(one, two, ancestor, is_certain=is_certain)
    _write(merged, output, force=force)
    if as_json:
        print_json(
            {
                "output": str(output),
                "base": ancestor and ancestor.name,
                "cells": len(merged.notebook.cells) - merged.conflicts,
                "from_a": merged.from_first,
                "from_b": merged.from_second,
                "left_out": len(merged.dropped),
                "conflicts": merged.conflicts,
            }
        )
    else:
        print(output)
    _report(merged, ancestor, output)
    if merged.conflicts:
        raise typer.Exit(3)


def _check_output(output: Path, sources: list[Path]) -> None:
    """Raise UserError if `output` is one of the sources, by whatever name, or no place to write."""
    from colabctl.project.root import check_in_project

    if output.suffix != ".ipynb":
        raise UserError(f"{output} is not the name of a notebook; it has to end with .ipynb")
    for source in sources:
        same_name = output.name.casefold() == source.name.casefold()
        same_folder = output.parent.resolve() == source.parent.resolve()
        is_source = output.exists() and source.exists() and output.samefile(source)
        if is_source or (same_name and same_folder):
            name = "one of the merged notebooks" if output == source else source
            raise UserError(
                f"{output} is {name}, which a merge never changes; choose another name for -o"
            )
    if output.is_symlink():
        raise UserError(f"{output} is a link; choose another name for -o")
    check_in_project(output)
    _check_kept(output)
    if not output.parent.is_dir():
        raise UserError(f"the folder {output.parent} does not exist; create it, or change -o")


def _check_kept(output: Path) -> None:
    """Raise UserError for a place in a project where no notebook is worked on."""
    from colabctl.project.config import load
    from colabctl.project.root import is_project

    full = output.absolute().resolve()
    for root in filter(is_project, full.parents):
        config = load(root, {})
        layout = config.layout
        closed = (*(root / name for name in config.read_only), layout.final, layout.sweeps)
        for folder in closed:
            if full.is_relative_to(folder.resolve()):
                raise UserError(
                    f"{output} would be in {layout.relative(folder)}, where nothing is written by "
                    "hand; choose a place among your notebooks for -o"
                )


def _found(
    first: Path, second: Path, one: "SavedNotebook", two: "SavedNotebook"
) -> "tuple[SavedNotebook | None, bool]":
    """Return the earlier version to merge with, and whether both certainly started from it."""
    from colabctl.notebook.versions.merging import nearest_ancestor
    from colabctl.project.notebooks.ancestors import earlier_versions

    versions = list(earlier_versions(first, second))
    nearest = nearest_ancestor(one, two, [each.notebook for each in versions])
    return nearest, any(each.is_certain and each.notebook is nearest for each in versions)


def _write(merged: "Merged", output: Path, *, force: bool) -> None:
    from dataclasses import replace

    from colabctl.notebook.versions.saved import write_saved
    from colabctl.sharedfs.files import write_new, write_whole

    content = write_saved(replace(merged.notebook, name=str(output)))
    if not output.exists():
        write_new(output, content)
        return
    before = content_of(output)
    if before == content:
        return
    if not force:
        raise UserError(
            f"{output} exists and holds something else; choose another name for -o, or replace it "
            "(--force shows first what is lost)"
        )
    _show_replaced(before, merged.notebook, output)
    write_whole(output, content)


def _show_replaced(before: bytes, notebook: "SavedNotebook", output: Path) -> None:
    from colabctl.cli.notebook.shown_difference import counts, lines
    from colabctl.notebook.versions.differences import compare
    from colabctl.notebook.versions.saved import read_saved

    try:
        difference = compare(read_saved(before, str(output)), notebook)
    except UserError:
        tell(f"{output} is replaced; it was not a notebook")
        return
    tell(f"{output} is replaced: {counts(difference)}")
    for sign, text in lines(difference):
        tell(f"{sign} {text}" if sign in ("-", "+", " ") else text)


def _report(merged: "Merged", base: "SavedNotebook | None", output: Path) -> None:
    tell(
        f"base: {base.name} (another: --base FILE; none: --no-base)"
        if base
        else "no base: every cell of both is in the result"
    )
    cells = counted(len(merged.notebook.cells) - merged.conflicts, "cell")
    tell(f"{cells}; only from A: {merged.from_first}; only from B: {merged.from_second}")
    for cell in merged.dropped:
        text = next((line.strip() for line in cell.lines if line.strip()), "an empty cell")
        tell(f"left out, deleted in A or B and unchanged in the other: {text[:60]}")
    if merged.conflicts:
        tell(
            f"{counted(merged.conflicts, 'conflict')}: open {output}, decide at each cell that "
            f"starts with Conflict, and delete that cell"
        )
