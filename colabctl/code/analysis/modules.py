"""Finds the files of a module in the project, as Python's own import does."""

import posixpath
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from colabctl.code.analysis.references import Import
from colabctl.code.analysis.tree import Tree

_EXTENSIONS = (".so", ".pyd")
_STANDARD = frozenset(sys.stdlib_module_names)


@dataclass(frozen=True)
class Root:
    """A folder that Python imports from; `sure` if the program has it on its path by itself."""

    folder: str
    sure: bool = True


@dataclass(frozen=True)
class ProjectModule:
    """A module in the project.

    Attributes:
        root: the folder that it is imported from.
        files: its file, after the __init__.py of each package that contains it.
        folder: its own folder if it is a package.
        rest: the parts of its name that are not there.
    """

    root: str
    files: tuple[str, ...] = ()
    folder: str | None = None
    rest: tuple[str, ...] = ()


@dataclass(frozen=True)
class Modules:
    """The modules that can be imported from `roots`, in order."""

    tree: Tree
    roots: tuple[Root, ...]
    _cache: dict[str, ProjectModule | None] = field(default_factory=dict, repr=False, compare=False)

    def find(self, module: str) -> ProjectModule | None:
        """Return a module of the project by its dotted name; None if its first part is not one.

        A package is found before a module of the same name, and both before a folder without
        __init__.py, which counts only if it holds what is looked for.
        """
        if module not in self._cache:
            self._cache[module] = self._looked_up(module.split("."))
        return self._cache[module]

    def imported(self, each: Import) -> ProjectModule | None:
        """Return the module of an absolute import, unless it is Python's own or an installed one.

        A folder of the project that is only assumed to be on the path may have the name of an
        installed package; then what is imported decides.
        """
        hit = self.find(each.module)
        if hit is None:
            return None
        top = each.module.partition(".")[0]
        if any(root.sure and root.folder == hit.root for root in self.roots):
            return hit if hit.files or not _is_installed(top, self.tree.root) else None
        if top in _STANDARD:
            return None
        if _is_installed(top, self.tree.root) and not self._has(hit, each):
            return None
        return hit

    def inside(self, folder: str, module: str) -> ProjectModule:
        """Return a module by its dotted name from the folder of a package."""
        parts = [part for part in module.split(".") if part]
        start = self._package(folder)
        return self._descend(start, parts)

    def submodules(self, folder: str, depth: int = 6) -> Iterator[str]:
        """Yield the files of all modules in a package, and of the packages in it."""
        for path, entries in self.tree.walk(folder, depth):
            if path != folder and "__init__.py" not in entries:
                continue
            for name in sorted(entries):
                if not entries[name] and name.endswith(".py"):
                    yield posixpath.join(path, name)

    def _looked_up(self, parts: Sequence[str]) -> ProjectModule | None:
        portions = []
        for root in self.roots:
            start = self._part(ProjectModule(root.folder, (), root.folder), parts[0])
            if start is None:
                continue
            if start.files:
                return self._descend(start, parts[1:])
            portions.append(self._descend(start, parts[1:]))
        whole = [each for each in portions if each.files and not each.rest]
        partly = [each for each in portions if each.files]
        return next(iter([*whole, *partly]), None) or self._namespace(portions)

    def _namespace(self, portions: Sequence[ProjectModule]) -> ProjectModule | None:
        """Return the first folder that is a package without __init__.py: it holds modules."""
        for each in portions:
            if each.folder is not None and not each.rest:
                names = self.tree.entries(each.folder)
                if any(name.endswith(".py") for name in names):
                    return each
        return None

    def _descend(self, start: ProjectModule, parts: Sequence[str]) -> ProjectModule:
        for i, part in enumerate(parts):
            deeper = self._part(start, part)
            if deeper is None:
                return ProjectModule(start.root, start.files, start.folder, tuple(parts[i:]))
            start = deeper
        return start

    def _part(self, package: ProjectModule, part: str) -> ProjectModule | None:
        """Return the module `part` of a package."""
        if package.folder is None or not part:
            return None
        path = posixpath.join(package.folder, part)
        if self.tree.is_file(posixpath.join(path, "__init__.py")):
            files = (*package.files, posixpath.join(path, "__init__.py"))
            return ProjectModule(package.root, files, path)
        for name in (f"{part}.py", f"{part}.pyx", *self._extensions(package.folder, part)):
            file = posixpath.join(package.folder, name)
            if self.tree.is_file(file):
                return ProjectModule(package.root, (*package.files, file))
        if self.tree.is_folder(path):
            return ProjectModule(package.root, package.files, path)
        return None

    def _extensions(self, folder: str, part: str) -> Iterator[str]:
        for name in self.tree.entries(folder):
            if name.startswith(f"{part}.") and name.endswith(_EXTENSIONS):
                yield name

    def _package(self, folder: str) -> ProjectModule:
        """Return the package in a folder, with the __init__.py of the packages around it."""
        files: list[str] = []
        at = folder
        while True:
            init = posixpath.join(at, "__init__.py")
            if not self.tree.is_file(init):
                return ProjectModule(at, tuple(files), folder)
            files.insert(0, init)
            if not at:
                return ProjectModule(at, tuple(files), folder)
            at = posixpath.dirname(at)

    def _has(self, hit: ProjectModule, each: Import) -> bool:
        """Whether a module of the project has what is imported from it."""
        if hit.rest:
            return False
        source = self.tree.read(hit.files[-1], 1 << 20) if hit.files else b""
        for name in each.names:
            deeper = self._part(hit, name) if hit.folder is not None else None
            if name != "*" and deeper is None and not re.search(rf"\b{name}\b".encode(), source):
                return False
        return True


def is_known(module: str, root: Path) -> bool:
    """Whether a module that is not in the project is Python's own, or installed here."""
    top = module.partition(".")[0]
    return top in _STANDARD or _is_installed(top, root)


@cache
def _is_installed(top: str, root: Path) -> bool:
    """Whether a package is installed here, outside the project in `root`."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return False
    if spec is None:
        return False
    places = [spec.origin] if spec.has_location and spec.origin else []
    places += list(spec.submodule_search_locations or ())
    inside = [Path(place).resolve().is_relative_to(root) for place in places]
    return not (inside and all(inside))
