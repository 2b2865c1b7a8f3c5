"""Notes for a sweep's author on the code that was frozen, and on what was not."""

import os
import posixpath
import shlex
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from colabctl.code.analysis.closure import CODE, Closure
from colabctl.code.analysis.tree import Tree
from colabctl.sharedfs.links import description, way_out

_MOST_NAMES = 4


def notes_of(reached: Closure, files: Collection[str], program: str, tree: Tree) -> Iterator[str]:
    """Yield notes with the number of files, and on what could not be followed."""
    if len(files) > 1:
        yield f"froze {len(files)} files with {program}: {counts(files)}"
    if reached.missing:
        shown = _some([f"{name} ({place})" for name, place in reached.missing.items()])
        yield f"imports that are neither in the project nor installed here: {shown}"
    if reached.unknown:
        shown = _some(list(reached.unknown))
        yield (
            f"{shown}: the module that is imported here is chosen when it runs; if it is one of "
            "the project's, add it to the sweep file under code:"
        )
    for path, fault in reached.faulty.items():
        if path != program:
            yield f"{path} is not valid Python ({fault}); it was frozen as it is"
    if reached.large:
        yield f"too large to be frozen: {_some(list(reached.large))}; add what is needed to code:"
    if reached.written:
        shown = _some([f"{path} ({file})" for path, file in reached.written.items()])
        yield f"not frozen, because the program writes them: {shown}"
    left = [path for path in reached.files if path not in files]
    if left:
        yield f"{len(left)} small text files were not frozen, there are too many (at {left[0]})"
    if tree.outside:
        shown = _some(sorted(tree.outside))
        yield f"links that lead out of the project were not followed: {shown}"
    if tree.special:
        shown = _some(sorted(tree.special))
        yield f"neither files nor folders, so not frozen: {shown}"


def linked_imports(reached: Closure, roots: Sequence[str], tree: Tree) -> Iterator[str]:
    """Yield a note for each import of a module that is behind a link that leads out.

    `roots` are the folders that Python imports from.
    """
    for name, place in reached.missing.items():
        folders = {*roots, *reached.used, posixpath.dirname(place.rpartition(":")[0])}
        module = name.lstrip(".").partition(".")[0]
        for folder in sorted(folders):
            for link in (posixpath.join(folder, module), posixpath.join(folder, f"{module}.py")):
                if link in tree.outside and (message := link_message(link, tree)):
                    yield f"tasks will fail at the import of {name} ({place}): {message}"


def link_message(path: str, tree: Tree) -> str | None:
    """Return why a path is not frozen because of a link that leads out, and the fix, or None."""
    link = way_out(tree.root / path, tree.root)
    if link is None:
        return None
    target = os.path.realpath(link)
    fix = "name another file or folder"
    if not Path(target).is_relative_to(tree.root):
        here = shlex.quote(str(link))
        fix = (
            "if all members may see what is there, replace the link by a copy: "
            f"rm {here} && cp -R {shlex.quote(target)} {here}"
        )
    return f"{description(link, tree.root)}; {fix}"


def counts(files: Collection[str]) -> str:
    """Return the numbers of files by kind, as in "3 Python modules, 1 text file"."""
    kinds = {"Python module": 0, "script": 0, "notebook": 0, "text file": 0, "other file": 0}
    for path in files:
        kinds[_kind(path)] += 1
    shown = (
        f"{number} {kind}{'s' if number > 1 else ''}" for kind, number in kinds.items() if number
    )
    return ", ".join(shown)


def _kind(path: str) -> str:
    suffix = posixpath.splitext(path)[1].casefold()
    if suffix in (".py", ".pyw", ".pyx", ".so", ".pyd"):
        return "Python module"
    if suffix == ".ipynb":
        return "notebook"
    if suffix in CODE:
        return "script"
    return "other file" if suffix in ("", ".bin", ".csv", ".npy", ".pkl") else "text file"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
