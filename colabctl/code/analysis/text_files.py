"""The small text files that code reads: configurations, templates, label lists."""

import posixpath
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from colabctl.code.analysis.exclusions import is_data, is_dropping, is_secret, is_sweep_file
from colabctl.code.analysis.tree import Tree

LARGEST = 256_000  # bytes of one file; a larger one is data
_MOST_FILES = 500
_MOST_BYTES = 5_000_000
_DEEPEST = 6  # levels of folders
_MOST_TEXTS = 50  # of .json or .txt in one folder; more are data

_YAML = (".yaml", ".yml")
_CONFIGS = frozenset(
    {
        *(*_YAML, ".toml", ".ini", ".cfg", ".conf", ".gin", ".hocon", ".libsonnet", ".jsonnet"),
        *(".j2", ".jinja", ".jinja2", ".tmpl", ".template", ".mako", ".sql"),
    }
)
# Programs write such files too, so one counts only if code names it, or its folder.
_TEXTS = frozenset({".json", ".json5", ".txt", ".html", ".htm", ".md", ".xml"})
# Configurations of other tools than the program.
_OF_TOOLS = re.compile(
    r"\.|(environment|conda|codecov|mkdocs|docker-compose|tox|pytest|mypy|setup|action|cloudbuild)\b",
    re.IGNORECASE,
)
_AT_ROOT = (".project-root", "pyproject.toml", "setup.cfg", "setup.py")
_FOR_PEOPLE = re.compile(r"readme|changelog|license|contributing|requirements", re.IGNORECASE)
_CONFIG_FOLDER = re.compile(
    r"conf|cfg|config|settings|param|template|prompt|yaml|schema|preset|recipe", re.IGNORECASE
)


@dataclass(frozen=True)
class TextFiles:
    """The text files of a project; those under the folders `never` do not count."""

    tree: Tree
    never: Collection[str] = ()

    def at_root(self) -> Iterator[str]:
        """Yield the files by which tools and programs recognise a project's root."""
        return (name for name in _AT_ROOT if self.tree.is_file(name) and self._is_small(name))

    def next_to(self, folder: str) -> Iterator[str]:
        """Yield the configuration files in a folder of code."""
        if self._is_excluded(folder) or self.tree.is_large(folder):
            return
        for name, is_folder in sorted(self.tree.entries(folder).items()):
            path = posixpath.join(folder, name)
            is_config = _suffix(name) in _CONFIGS and not _OF_TOOLS.match(name)
            if not is_folder and is_config and self._is_own(path):
                yield path

    def inside(self, folder: str) -> Iterator[str]:
        """Yield the text files in a folder that code names, and in the folders inside it."""
        if self._is_excluded(folder) or is_data(folder):
            return
        depth = _DEEPEST if self.is_for_configs(folder) else 0
        skipped: list[str] = []
        for path, entries in self.tree.walk(folder, depth):
            if any(posixpath.commonpath([path, each]) == each for each in skipped):
                continue
            if (
                is_dropping(posixpath.basename(path))
                or self._is_excluded(path)
                or ("pyvenv.cfg" in entries or self.tree.is_large(path))
            ):
                skipped.append(path)
                continue
            yield from self._in_folder(path, _YAML if self._is_data(path, folder) else None)

    def is_for_configs(self, folder: str) -> bool:
        """Whether a folder holds configuration files, by its name, or by what is in it."""
        if _CONFIG_FOLDER.search(posixpath.basename(folder)):
            return True
        names = [name for name, is_folder in self.tree.entries(folder).items() if not is_folder]
        return bool(names) and all(_suffix(name) in _YAML for name in names)

    def is_named(self, path: str) -> bool:
        """Whether a file that code names is one of these."""
        name = posixpath.basename(path)
        is_text = _suffix(name) in _CONFIGS | _TEXTS or name in _AT_ROOT
        is_allowed = not (self._is_excluded(path) or is_secret(path) or self._is_in_data(path))
        return is_text and is_allowed and self._is_small(path)

    def _in_folder(self, folder: str, suffixes: Collection[str] | None) -> Iterator[str]:
        entries = self.tree.entries(folder)
        files = (name for name, is_folder in entries.items() if not is_folder)
        names = sorted(name for name in files if not _FOR_PEOPLE.match(name))
        texts = [name for name in names if _suffix(name) in _TEXTS]
        allowed = suffixes or (_CONFIGS if len(texts) > _MOST_TEXTS else _CONFIGS | _TEXTS)
        for name in names:
            path = posixpath.join(folder, name)
            if _suffix(name) in allowed and self._is_own(path):
                yield path

    def _is_own(self, path: str) -> bool:
        """Whether a file that is found, but not named, is a configuration of the code."""
        if is_secret(path) or path == "colabctl.yaml" or not self._is_small(path):
            return False
        return _suffix(path) not in _YAML or not is_sweep_file(self.tree.read(path, LARGEST))

    def _is_small(self, path: str) -> bool:
        try:
            return self.tree.size(path) <= LARGEST
        except OSError:
            return False

    def _is_excluded(self, path: str) -> bool:
        parts = path.split("/")
        return any(is_dropping(part) for part in parts) or any(
            path == each or path.startswith(f"{each}/") for each in self.never
        )

    def _is_in_data(self, path: str) -> bool:
        return any(is_data(part) for part in posixpath.dirname(path).split("/")[:1])

    def _is_data(self, path: str, start: str) -> bool:
        """Whether a folder inside `start` is one of data: hydra has groups of that name."""
        return path != start and any(map(is_data, posixpath.relpath(path, start).split("/")))


def within_limits(sizes: dict[str, int]) -> list[str]:
    """Return as many of the files, in order, as are frozen by themselves."""
    chosen: list[str] = []
    total = 0
    for path, size in sizes.items():
        total += size
        if len(chosen) == _MOST_FILES or total > _MOST_BYTES:
            break
        chosen.append(path)
    return chosen


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].casefold()
