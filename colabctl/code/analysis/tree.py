"""The files of a project as code finds them: listed where someone looks, and read once."""

import os
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from colabctl.code.frozen import MOST_BYTES, read_source

# A larger folder holds data. Listing it would take seconds, so its files are looked up one by one.
_MOST_ENTRIES = 5000


class Tree:
    """The files under `root`, by POSIX paths from it; the root itself is "".

    A link is followed if it leads to a place inside the root. `outside` collects the links that
    do not, and `special` the pipes, sockets and devices.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self.outside: set[str] = set()
        self.special: set[str] = set()
        self._entries: dict[str, dict[str, bool]] = {}
        self._large: set[str] = set()
        self._contents: dict[str, bytes] = {}

    def entries(self, folder: str) -> Mapping[str, bool]:
        """Return the names in a folder, each with whether it is a folder itself."""
        if folder not in self._entries:
            self._entries[folder] = {}
            if not folder or self.is_folder(folder):
                self._entries[folder] = self._listed(folder)
        return self._entries[folder]

    def is_file(self, path: str) -> bool:
        """Whether there is a file."""
        return self._kind(path) is False

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder."""
        return not path or self._kind(path) is True

    def is_large(self, folder: str) -> bool:
        """Whether a folder has more entries than are listed."""
        self.entries(folder)
        return folder in self._large

    def size(self, path: str) -> int:
        """Return the number of bytes that would be frozen of a file: of a notebook, no outputs."""
        size = (self.root / path).stat().st_size
        return len(self.read(path, MOST_BYTES)) if path.endswith(".ipynb") else size

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's content, the same bytes each time; raises OSError as read_file does."""
        if path not in self._contents:
            self._contents[path] = read_source(self.root / path, limit, self.root)
        return self._contents[path]

    def real(self, path: str) -> str:
        """Return where a path really is, without links."""
        return os.path.realpath(self.root / path)

    def relative(self, path: str, folder: str = "") -> str | None:
        """Return a path, absolute or from `folder`, as a path from the root; None if outside."""
        if not path or "\0" in path:
            return None
        if not _is_absolute(path):
            inside = posixpath.normpath(posixpath.join(folder, path.replace("\\", "/")))
            return None if inside.split("/")[0] == ".." else _without_dot(inside)
        for absolute in (os.path.normpath(path), os.path.realpath(path)):
            if Path(absolute).is_relative_to(self.root):
                return _without_dot(Path(absolute).relative_to(self.root).as_posix())
        return None

    def walk(self, folder: str, depth: int) -> Iterator[tuple[str, Mapping[str, bool]]]:
        """Yield a folder and those inside it, sorted, at most `depth` levels down, each once."""
        seen: set[str] = set()

        def inside(folder: str, depth: int) -> Iterator[tuple[str, Mapping[str, bool]]]:
            real = self.real(folder)
            if real in seen:
                return
            seen.add(real)
            entries = self.entries(folder)
            yield folder, entries
            if depth:
                for name in sorted(name for name, is_folder in entries.items() if is_folder):
                    yield from inside(posixpath.join(folder, name), depth - 1)

        yield from inside(folder, depth)

    def _kind(self, path: str) -> bool | None:
        """Return True for a folder, False for a file, None for nothing."""
        folder, name = posixpath.split(path)
        kind = self.entries(folder).get(name)
        if kind is None and folder in self._large:
            return self._looked_up(path, (self.root / path).is_symlink())
        return kind

    def _listed(self, folder: str) -> dict[str, bool]:
        entries: dict[str, bool] = {}
        with suppress(OSError), os.scandir(self.root / folder) as scan:
            for entry in scan:
                if len(entries) == _MOST_ENTRIES:
                    self._large.add(folder)
                    break
                kind = (
                    self._looked_up(posixpath.join(folder, entry.name), is_link=True)
                    if entry.is_symlink()
                    else True
                    if entry.is_dir()
                    else False
                    if entry.is_file()
                    else None
                )
                if kind is not None and entry.name.isprintable():
                    entries[entry.name] = kind
                elif kind is None and not entry.is_symlink():
                    self.special.add(posixpath.join(folder, entry.name))
        return entries

    def _looked_up(self, path: str, is_link: bool) -> bool | None:
        full = self.root / path
        if is_link and not Path(os.path.realpath(full)).is_relative_to(self.root):
            self.outside.add(path)
            return None
        return True if full.is_dir() else False if full.is_file() else None


def _is_absolute(path: str) -> bool:
    return path.startswith("/") or (os.name == "nt" and Path(path).is_absolute())


def _without_dot(path: str) -> str:
    return "" if path == "." else path
