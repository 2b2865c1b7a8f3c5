"""The closure of a program: every file that it imports or names, and that those do."""

import posixpath
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from colabctl.code.analysis.constants import Scope
from colabctl.code.analysis.exclusions import is_data
from colabctl.code.analysis.modules import Modules, ProjectModule, Root, is_known
from colabctl.code.analysis.references import Import, References, of_python
from colabctl.code.analysis.scripts import of_config, of_notebook, of_quoted, of_shell
from colabctl.code.analysis.text_files import TextFiles
from colabctl.code.analysis.tree import Tree
from colabctl.code.frozen import MOST_BYTES

LARGEST = 5_000_000  # bytes of one file of code
_SHELLS = (".sh", ".bash", ".zsh", ".ksh", ".slurm", ".sbatch", ".job")
_QUOTING = (".r", ".jl", ".pl", ".rb", ".js", ".mjs", ".m", ".lua")
_PYTHON = (".py", ".pyw", ".pyx")
CODE = frozenset({*_PYTHON, *_SHELLS, *_QUOTING, ".ipynb"})
_CONFIGS = frozenset({".yaml", ".yml", ".json", ".toml", ".gin", ".ini", ".cfg"})


@dataclass
class Closure:
    """The files that were reached, in order, and what could not be followed.

    Attributes:
        used: the folders that modules were imported from.
        missing: imports of modules that are neither in the project nor known, with their files.
        unknown: places, "file:line", of imports whose module is computed.
        faulty: files that are not valid Python, with the fault.
        large: files of code that are too large to freeze.
        written: text files that the program writes, with the file that does.
    """

    files: dict[str, None] = field(default_factory=dict)
    used: dict[str, None] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)
    faulty: dict[str, str] = field(default_factory=dict)
    large: dict[str, None] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Start:
    """Where a closure begins.

    Attributes:
        program: the program's file.
        files: other files to begin with.
        words: texts that may name files, folders or modules, such as the command's.
        cwd: the current folder of tasks.
        roots: the folders that Python imports from, at first.
    """

    program: str
    files: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    cwd: str = ""
    roots: tuple[Root, ...] = ()


def closure(tree: Tree, texts: TextFiles, start: Start) -> Closure:
    """Return the files that a program needs, as far as its text tells.

    A file may add folders to sys.path, or import whole packages that other files name. So the
    closure is formed again with all that is known, until there is nothing new.
    """
    added: dict[str, None] = {}
    parsed: dict[str, References] = {}
    lists = False
    while True:
        own = [root for root in start.roots if root.sure]
        assumed = [root for root in start.roots if not root.sure]
        roots = tuple(dict.fromkeys([*own, *map(Root, added), *assumed]))
        walk = _Walk(tree, texts, start, Modules(tree, roots), parsed, lists=lists)
        walk.run()
        if not walk.roots.keys() - added.keys() and walk.lists_seen == lists:
            return walk.result
        added |= walk.roots
        lists = walk.lists_seen


class _Walk:
    """One walk from a program through all that it refers to."""

    def __init__(
        self,
        tree: Tree,
        texts: TextFiles,
        start: Start,
        modules: Modules,
        parsed: dict[str, References],
        *,
        lists: bool,
    ) -> None:
        self.tree, self.texts, self.start, self.modules = tree, texts, start, modules
        self.parsed = parsed
        self.lists = self.lists_seen = lists
        self.result = Closure()
        self.roots: dict[str, None] = {}
        self.todo: deque[str] = deque()
        self.folders: set[str] = set()
        self.seen: set[tuple[str, str]] = set()
        self.seen_texts: set[str] = set()
        self.packaging: list[str] = []
        self.alone: dict[str, Modules] = {}
        self.written: dict[str, str] = {}  # what is there comes from an earlier run

    def run(self) -> None:
        for path in (self.start.program, *self.start.files):
            self.add(path)
        self.packaging = [path for path in self.texts.at_root() if path not in self.result.files]
        self.add_all(iter(self.packaging))
        self.add_all(self.named(of_words(self.start.words), self.start.cwd))
        while self.todo:
            path = self.todo.popleft()
            references = self.references(path)
            if references.fault:
                self.result.faulty[path] = references.fault
            for name in references.written:
                target = self.tree.relative(name, self.start.cwd)
                if target:
                    self.written.setdefault(target, path)
            self.add_all(self.reached(path, references))
            folder = posixpath.dirname(path)
            if _suffix(path) in CODE and path not in self.packaging and folder not in self.folders:
                self.folders.add(folder)
                self.add_all(self.texts.next_to(folder))
        self.leave_written()

    def leave_written(self) -> None:
        """Leave out the text files that the program writes, and those in folders that it creates.

        They hold the results of earlier tasks, which the next one may read and complete.
        """
        code = [path for path in self.result.files if _suffix(path) in CODE]
        around = {str(folder) for path in code for folder in PurePosixPath(path).parents}
        for path in list(self.result.files):
            if _suffix(path) in CODE or path in (*self.start.files, *self.packaging):
                continue
            for place in (path, *map(str, PurePosixPath(path).parents)):
                if place in self.written and place not in around:
                    del self.result.files[path]
                    self.result.written[path] = self.written[place]
                    break

    def add(self, path: str) -> None:
        if path in self.result.files or path in self.result.large:
            return
        if self.written.get(path, "").endswith(".ipynb"):  # a cell writes it, then imports it
            return
        is_free = path == self.start.program or path.endswith(".ipynb")  # mostly outputs
        if self.tree.size(path) > LARGEST and not is_free:
            self.result.large[path] = None
            return
        self.result.files[path] = None
        self.todo.append(path)

    def add_all(self, paths: Iterator[str]) -> None:
        for path in paths:
            self.add(path)

    def references(self, path: str) -> References:
        if path not in self.parsed:
            self.parsed[path] = self.read(path)
        return self.parsed[path]

    def read(self, path: str) -> References:
        suffix = _suffix(path)
        is_packaging = path in self.packaging
        if is_packaging or (suffix not in CODE and suffix not in _CONFIGS):
            return References()
        content = self.tree.read(path, MOST_BYTES)
        root = self.tree.root
        scope = Scope(str(root / path), str(root / self.start.cwd), str(root / self.start.program))
        if suffix in _PYTHON:
            return of_python(content, scope)
        if suffix == ".ipynb":
            return of_notebook(content, scope)
        text = content.decode(errors="replace")
        if suffix in _SHELLS:
            return of_shell(text)
        return of_quoted(text, suffix) if suffix in _QUOTING else of_config(text)

    def reached(self, path: str, references: References) -> Iterator[str]:
        """Yield the files that a file refers to."""
        for folder in references.roots:
            self.add_root(folder, path)
        for each in references.imports:
            yield from self.imported(each, path)
        if references.lists:
            self.lists_seen = True
            if posixpath.basename(path) == "__init__.py":
                yield from self.modules.submodules(posixpath.dirname(path))
        for prefix, line in references.packages:
            yield from self.computed(prefix, path, line)
        for line in references.unknown if not references.lists else ():
            self.result.unknown[f"{path}:{line}"] = None
        yield from self.named(sorted(references.strings), posixpath.dirname(path))
        for folder in sorted(references.configs):
            inside = self.tree.relative(folder or ".", posixpath.dirname(path))
            if inside is not None and self.tree.is_folder(inside):
                yield from self.configs(inside)

    def configs(self, folder: str) -> Iterator[str]:
        """Yield the configuration files in hydra's folder, which may hold code as well."""
        yield from self.texts.inside(folder)
        for name, is_folder in self.tree.entries(folder).items():
            if is_folder:
                group = posixpath.join(folder, name)
                if self.texts.is_for_configs(group):
                    yield from self.texts.inside(group)

    def add_root(self, folder: str, path: str) -> None:
        """Add a folder that a file adds to sys.path, as seen from wherever it is there."""
        bases = (self.start.cwd, posixpath.dirname(path), posixpath.dirname(self.start.program))
        for base in bases:
            root = self.tree.relative(folder, base)
            if root is not None and self.tree.is_folder(root):
                self.roots[root] = None
                return

    def imported(self, each: Import, path: str) -> Iterator[str]:
        """Yield the files of an imported module, and of the modules imported from it."""
        if each.level:
            folder = posixpath.dirname(path)
            for _ in range(each.level - 1):
                folder = posixpath.dirname(folder)
            hit: ProjectModule | None = self.modules.inside(folder, each.module)
        else:
            hit = self.modules.imported(each)
        if hit is None or hit.rest:
            self.miss(each, path, in_project=hit is not None)
        if hit is None:
            return
        if not each.level:
            self.result.used[hit.root] = None
        yield from hit.files
        yield from self.rivals(each, hit)
        if hit.rest or hit.folder is None:
            return
        names = self.starred(hit) if each.names == ("*",) else each.names
        for name in names:
            yield from self.modules.inside(hit.folder, name).files

    def rivals(self, each: Import, hit: ProjectModule) -> Iterator[str]:
        """Yield modules of the same name in other folders that the program adds to sys.path.

        The program decides which folder comes first, so Python needs all of them to decide as well.
        """
        if each.level:
            return
        for root in self.modules.roots:
            if root.sure and root.folder != hit.root:
                alone = self.alone.setdefault(root.folder, Modules(self.tree, (root,)))
                other = alone.imported(each)
                if other is not None and other.files and not other.rest:
                    yield from other.files

    def starred(self, hit: ProjectModule) -> list[str]:
        """Return the modules that a package names in its __init__.py, for `import *`."""
        source = (
            self.tree.read(hit.files[-1], LARGEST).decode(errors="replace") if hit.files else ""
        )
        names = (name.removesuffix(".py") for name in self.tree.entries(hit.folder or ""))
        return sorted({name for name in names if f'"{name}"' in source or f"'{name}'" in source})

    def miss(self, each: Import, path: str, *, in_project: bool) -> None:
        """Remember an import that leads nowhere; it may be installed where tasks run."""
        name = "." * each.level + each.module
        if each.is_optional or not (each.level or each.module):
            return
        if not each.level and is_known(each.module, self.tree.root):
            return
        top = name if in_project else each.module.partition(".")[0]
        if f"{top}.py" not in map(posixpath.basename, self.written):
            self.result.missing.setdefault(top, f"{path}:{each.line}")

    def computed(self, prefix: str, path: str, line: int) -> Iterator[str]:
        """Yield all modules of the package that a computed name begins with."""
        package = prefix.rstrip(".")
        if prefix.startswith("."):
            folder = posixpath.dirname(path)
            hit: ProjectModule | None = self.modules.inside(folder, package.lstrip("."))
        else:
            hit = self.modules.find(package)
        if hit is None or hit.rest or hit.folder is None:
            if hit is None and not is_known(package, self.tree.root):
                self.result.unknown[f"{path}:{line}"] = None
            return
        self.result.used[hit.root] = None
        yield from hit.files
        yield from self.modules.submodules(hit.folder)

    def named(self, strings: Collection[str], folder: str) -> Iterator[str]:
        """Yield the files that texts name: as a path, as a folder, as a module or class."""
        program = posixpath.dirname(self.start.program)
        for base in dict.fromkeys([folder, self.start.cwd, "", program]):
            for text in strings:
                if (text, base) not in self.seen:
                    self.seen.add((text, base))
                    yield from self.at(text, base)
        for text in strings:
            if text not in self.seen_texts:
                self.seen_texts.add(text)
                if any(character.isspace() for character in text):
                    yield from self.shell(text, folder)
                elif "/" not in text:
                    yield from self.dotted(text)

    def shell(self, line: str, folder: str) -> Iterator[str]:
        """Yield the files that a command line names."""
        hit = of_shell(line)
        for root in hit.roots:
            self.add_root(root, folder)
        yield from self.named(sorted(hit.strings - {line}), folder)

    def at(self, text: str, base: str) -> Iterator[str]:
        """Yield the files that a text names as a path from a folder."""
        if text.isalnum() and text not in self.tree.entries(base):
            return  # most texts are words
        if "*" in text:  # a pattern, as in glob("configs/*.yaml")
            text = posixpath.dirname(text.partition("*")[0])
        path = self.tree.relative(text, base)
        if not path:
            return
        if self.tree.is_file(path):
            if _suffix(path) in CODE or self.texts.is_named(path):
                yield path
        elif self.tree.is_folder(path) and not is_data(path):
            yield from self.texts.inside(path)

    def dotted(self, text: str) -> Iterator[str]:
        """Yield the files of a module or class that is named in a text, as in src.models.Net."""
        parts = text.replace(":", ".").split(".")
        if not all(part.isidentifier() for part in parts) or parts[-1] == "py":
            return
        if len(parts) == 1 and not self.lists:
            return
        hit = self.modules.find(".".join(parts))
        if hit is None or not hit.files or len(hit.rest) == len(parts):
            return
        if len(parts) == 1 and hit.folder is None:
            return
        self.result.used[hit.root] = None
        yield from hit.files
        if self.lists and hit.folder is not None and not hit.rest:
            yield from self.modules.submodules(hit.folder)


def of_words(words: Sequence[str]) -> list[str]:
    """Return the texts in a command's words that may name files: also in --config=base.yaml."""
    return sorted({part for word in words for part in (word, word.partition("=")[2]) if part})


def _suffix(path: str) -> str:
    return posixpath.splitext(path)[1].casefold()
