"""The files that `code:` adds to a sweep's code: single files, folders and patterns."""

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence

from colabctl.code.analysis.exclusions import is_data, is_dropping, is_secret
from colabctl.code.analysis.tree import Tree
from colabctl.code.notes import link_message
from colabctl.errors import UserError, nearest

_DEEPEST = 50  # levels of folders
_WILD = re.compile(r"(\*\*/?|[*?])")
_MEANINGS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class MissingFileError(UserError):
    """A file to freeze that is not there: its name, and why it cannot be frozen."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"code: {reason}")
        self.name, self.reason = name, reason


def named_files(
    names: Sequence[str], bases: Sequence[str], tree: Tree, never: Collection[str]
) -> Iterator[str]:
    """Yield the files that `code:` names, each looked up in the folders `bases` in turn.

    A file that is named itself is frozen whatever it is. Folders and patterns leave out caches,
    environments, secrets, and the folders `never`. Raises MissingFileError for a name that is not
    there, and UserError for a secret.
    """
    for name in names:
        if is_secret(name):
            raise UserError(
                f"code: {name} looks like a secret, which is never copied; list its variables "
                "under secrets: in colabctl.yaml instead"
            )
        for base in dict.fromkeys(bases):
            path = tree.relative(name, base)
            if path is None:
                continue
            hit = [path] if tree.is_file(path) else list(_inside(path, tree, never))
            if hit or tree.is_folder(path):
                yield from hit
                break
        else:
            raise MissingFileError(name, _missing(name, tree, list(dict.fromkeys(bases))))


def _inside(path: str, tree: Tree, never: Collection[str]) -> Iterator[str]:
    """Yield the files in a folder, or those that a pattern matches."""
    parts = path.split("/")
    wild = next((i for i, part in enumerate(parts) if _WILD.search(part)), len(parts))
    start = "/".join(parts[:wild])
    if not tree.is_folder(start):
        return
    pattern = re.compile(
        "".join(_MEANINGS.get(part, re.escape(part)) for part in _WILD.split(path))
        if wild < len(parts)
        else ".*"
    )
    for folder, entries in tree.walk(start, _DEEPEST):
        if folder.count("/") - start.count("/") >= _DEEPEST - 1:
            raise UserError(
                f"code: {tree.root / start} is more than {_DEEPEST} folders deep; move or remove it"
            )
        if folder != start and _is_skipped(folder, start, tree, never):
            continue
        for name, is_folder in sorted(entries.items()):
            full = posixpath.join(folder, name)
            is_wanted = pattern.fullmatch(full) and full != "colabctl.yaml"
            if is_wanted and not (is_folder or is_dropping(name) or is_secret(full)):
                yield full


def _is_skipped(folder: str, start: str, tree: Tree, never: Collection[str]) -> bool:
    """Whether a folder inside a named one holds no code."""
    parts = posixpath.relpath(folder, start or ".").split("/")
    if any(map(is_dropping, parts)) or (not start and is_data(parts[0])):
        return True
    if any(folder == each or folder.startswith(f"{each}/") for each in never):
        return True
    above = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    return any(tree.is_file(posixpath.join(start, each, "pyvenv.cfg")) for each in above)


def _missing(name: str, tree: Tree, bases: Sequence[str]) -> str:
    """Return why a name cannot be frozen, and what was perhaps meant."""
    paths = [path for base in bases if (path := tree.relative(name, base))]
    for path in paths:
        if message := link_message(path, tree):
            return f"{name}: {message}"
        if (tree.root / path).is_symlink() and not (tree.root / path).exists():
            return f"{tree.root / path} is a link to nothing; remove it, or name another file"
        if (tree.root / path).exists():
            return f"{tree.root / path} is neither a file nor a folder; name one that is"
    if not paths:
        return f"{name} is outside the project; copy it into {tree.root}"
    around = [each for path in paths for each in tree.entries(posixpath.dirname(path))]
    near = nearest(posixpath.basename(name), around)
    hint = f"; did you mean {near}?" if near else ""
    where = " or ".join(str(tree.root / base) if base else str(tree.root) for base in bases)
    return f"{name} does not exist in {where}{hint}"
