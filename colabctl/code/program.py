"""Finds a sweep's program, however the sweep file names it."""

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from colabctl.code.analysis.closure import CODE
from colabctl.code.analysis.exclusions import is_data, is_dropping
from colabctl.code.analysis.modules import Modules, Root
from colabctl.code.analysis.packaging import console_scripts, source_folders
from colabctl.code.analysis.tree import Tree
from colabctl.code.notes import link_message
from colabctl.code.places import Places
from colabctl.errors import UserError, nearest

_DEEPEST = 8  # levels of folders in which a program's name is looked for
_MOST_FOLDERS = 2000
_SUFFIXES = CODE | {".exe", ".bat", ".ps1"}


class NoProgramError(UserError):
    """A sweep's program does not exist."""


@dataclass(frozen=True)
class Program:
    """A program that was found.

    Attributes:
        tree: the files of the project, or of the repository outside it that the program is in.
        name: how the sweep file names it.
        file: its path from the tree's root.
        function: the function in it to call, "" for a whole program.
        base: the folder that its name is relative to; tasks run there unless `cwd:` says otherwise.
        module: its dotted name if it is started with -m.
        call: the function that a console script calls, "" for any other program.
        notes: for the author.
    """

    tree: Tree
    file: str
    base: str
    name: str = ""
    function: str = ""
    module: str = ""
    call: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)


def find(name: str, places: Places, cwd: str | None = None) -> Program:
    """Return the program `name`: a path, a dotted module or a console script, with a `:function`.

    It is looked up in `cwd`, in the user's current folder, in the sweep file's and those above it,
    and in the project. Raises NoProgramError, with what was perhaps meant, if it is nowhere.
    """
    file, function = _split(name)
    scopes = [
        _Search(Tree(root), root, ([root / cwd] if cwd else []) + folders)
        for root, folders in places.scopes()
    ]
    for look in (_Search.path, _Search.dotted, _Search.script, _Search.tail):
        for search in scopes:
            hit = look(search, file)
            if hit is not None:
                return replace(hit, name=file, function=function)
    raise NoProgramError(_missing(file, scopes, places))


@dataclass(frozen=True)
class _Search:
    """A search in one tree, in some of its folders."""

    tree: Tree
    root: Path
    folders: Sequence[Path]

    @property
    def bases(self) -> Iterator[str]:
        for folder in self.folders:
            base = self.tree.relative(str(folder))
            if base is not None:
                yield base

    def path(self, name: str) -> Program | None:
        """Return the file of that path, or the __main__.py of that folder."""
        if Path(name).is_absolute():
            inside = self.tree.relative(name)
            hit = self._file(inside) if inside is not None else None
            return Program(self.tree, hit, self._usual_base(hit)) if hit else None
        hits: dict[str, str] = {}
        for base in self.bases:
            inside = self.tree.relative(name, base)
            hit = self._file(inside) if inside is not None else None
            if hit is not None:
                hits.setdefault(hit, base)
        if not hits:
            return None
        file, *others = hits
        notes: tuple[str, ...] = ()
        if others:
            notes = (f"program: took {file}, not {others[0]}; give the path from the project",)
        return Program(self.tree, file, hits[file], notes=notes)

    def dotted(self, name: str) -> Program | None:
        """Return the module of that dotted name."""
        if not all(part.isidentifier() for part in name.split(".")):
            return None
        for base in dict.fromkeys([*self.bases, ""]):
            roots = tuple(map(Root, dict.fromkeys([base, *source_folders(self.tree)])))
            hit = Modules(self.tree, roots).find(name)
            if hit is None or hit.rest:
                continue
            file = hit.files[-1] if hit.files else ""
            if hit.folder is not None:
                file = posixpath.join(hit.folder, "__main__.py")
            if file and self.tree.is_file(file):
                return Program(self.tree, file, base, module=name)
        return None

    def script(self, name: str) -> Program | None:
        """Return the module of the console script of that name that the project defines."""
        target = console_scripts(self.tree).get(name)
        if target is None:
            return None
        module, function = target
        roots = tuple(map(Root, ["", *source_folders(self.tree)]))
        hit = Modules(self.tree, roots).find(module)
        if hit is None or hit.rest or not hit.files:
            return None
        base = next(self.bases, "")
        return Program(self.tree, hit.files[-1], base, module=module, call=function)

    def tail(self, name: str) -> Program | None:
        """Return the only file that a path can mean when it is seen from another folder.

        W&B's agents are started anywhere, so `train.py` may be src/train.py; a path from another
        machine, or from above the project, ends with a path in this one; and folders are renamed.
        """
        parts = _parts(name)
        if not parts or _suffix(name) not in _SUFFIXES or self.leaves(name):
            return None
        for start in range(1, len(parts)):
            inside = "/".join(parts[start:])
            if self.tree.is_file(inside):
                return Program(self.tree, inside, "", notes=(_taken(name, inside),))
        same = [path for path in self.everywhere(parts[-1]) if _ends_with(path, parts[-1:])]
        ends = [path for path in same if _ends_with(path, parts)]
        hits = ends or same
        if len(hits) != 1:
            return None
        base = hits[0].removesuffix("/".join(parts)).rstrip("/") if ends else ""
        return Program(self.tree, hits[0], base, notes=(_taken(name, hits[0]),))

    def leaves(self, name: str) -> bool:
        """Whether a path with `..` leads out of the tree from every folder."""
        is_relative = name.startswith("..")
        return is_relative and all(self.tree.relative(name, base) is None for base in self.bases)

    def everywhere(self, name: str) -> list[str]:
        """Return the paths of all files of that name, in any case, outside data and caches."""
        hit, visited = [], 0
        todo = [("", 0)]
        while todo and visited < _MOST_FOLDERS:
            folder, depth = todo.pop(0)
            visited += 1
            for entry, is_folder in sorted(self.tree.entries(folder).items()):
                path = posixpath.join(folder, entry)
                if not is_folder and entry.casefold() == name.casefold():
                    hit.append(path)
                elif is_folder and depth < _DEEPEST and self._is_searched(path):
                    todo.append((path, depth + 1))
        return hit

    def _is_searched(self, folder: str) -> bool:
        name = posixpath.basename(folder)
        if is_dropping(name) or is_data(folder) or folder == "sweeps" or name.startswith("."):
            return False
        return not self.tree.is_file(posixpath.join(folder, "pyvenv.cfg"))

    def _file(self, path: str) -> str | None:
        if self.tree.is_file(path):
            return path
        main = posixpath.join(path, "__main__.py")
        return main if self.tree.is_file(main) else None

    def _usual_base(self, file: str) -> str:
        """Return the sweep file's folder if an absolute path leads there, else the root."""
        folder = posixpath.dirname(file)
        return folder if folder in [*self.bases] else ""


def _split(name: str) -> tuple[str, str]:
    """Return a program's path, with `/` and without `./`, and its function."""
    file, colon, function = name.strip().rpartition(":")
    if not colon or not file or not function.isidentifier():
        file, function = name.strip(), ""
    if "\\" in file and "/" not in file:
        file = file.replace("\\", "/")
    return file, function


def _missing(name: str, searches: Sequence[_Search], places: Places) -> str:
    """Return why a program cannot be found, and what was perhaps meant."""
    for search in searches:
        for path in filter(None, (search.tree.relative(name, base) for base in search.bases)):
            if message := link_message(path, search.tree):
                return f"program: {name}: {message}"
    folders = dict.fromkeys(str(folder) for search in searches for folder in search.folders)
    hint = _hint(name, searches)
    if _is_outside(name, places):
        how = "is an absolute path outside" if Path(name).is_absolute() else "leaves"
        return (
            f"program: {name} {how} the project; move it into {places.root}, or give a folder "
            f"that contains both as the project, with --root{hint}"
        )
    if all(search.leaves(name) for search in searches):
        return f"program: {name} leaves the project; give a path inside it{hint}"
    for search in searches:
        for base in search.bases:
            inside = search.tree.relative(name, base)
            if inside and search.tree.is_folder(inside):
                return f"program: {name} is a folder; name the file in it to run"
            if inside and (search.tree.root / inside).exists():
                full = search.tree.root / inside
                return f"program: {full} is neither a file nor a folder; name one that is"
    shown = [*folders]
    where = " or ".join(shown[:3]) + (" or above" if len(shown) > 3 else "")
    return f"program: {name} does not exist in {where}{hint}"


def _hint(name: str, searches: Sequence[_Search]) -> str:
    last = PurePosixPath(name).name
    for search in searches:
        same = search.everywhere(last)
        if same:
            shown = ", ".join(same[:5]) + (", ..." if len(same) > 5 else "")
            return f"; did you mean {shown}?" if len(same) == 1 else f"; is it one of {shown}?"
    for search in searches:
        for base in search.bases:
            folder = posixpath.dirname(search.tree.relative(name, base) or "")
            entries = search.tree.entries(folder)
            programs = [each for each in entries if _suffix(each) in _SUFFIXES]
            near = nearest(last, programs) or nearest(last, entries)
            if near:
                return f"; did you mean {posixpath.join(folder, near)}?"
    return ""


def _is_outside(name: str, places: Places) -> bool:
    """Whether the name leads to an existing file outside the project."""
    if places.root is None:
        return False
    root = Path(os.path.realpath(places.root))
    for folder in filter(None, (places.here, places.file and places.file.parent)):
        path = Path(os.path.realpath(folder / name))
        if path.is_file() and not path.is_relative_to(root):
            return True
    return False


def _taken(name: str, path: str) -> str:
    return f"program: {name} is not here; took {path}, the only file that it can mean"


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[\\/]", name) if part not in ("", ".", "..")]


def _ends_with(path: str, parts: Sequence[str]) -> bool:
    return path.split("/")[-len(parts) :] == list(parts)


def _suffix(path: str) -> str:
    return posixpath.splitext(path)[1].casefold()
