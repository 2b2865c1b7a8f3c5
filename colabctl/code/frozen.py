"""Frozen code: the copy of a sweep's program that its tasks run, and its digest."""

import ast
import errno
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG

from colabctl.errors import UserError
from colabctl.notebook.document import normal_form
from colabctl.sharedfs.files import read_file
from colabctl.sharedfs.rights import make_folder, share

# A program with its modules is far smaller; anything larger is probably a folder of data.
MOST_FILES = 5000
MOST_BYTES = 20_000_000
_CLOCKS = 300.0  # seconds by which two machines' clocks may differ
_LARGEST_NOTEBOOK = 1 << 30  # bytes of a notebook's file, most of which are outputs
_DEEPEST = 50  # levels of folders
_IGNORED = frozenset({"__pycache__", ".git", ".ipynb_checkpoints", ".venv", "node_modules"})


@dataclass(frozen=True)
class Code:
    """Files by POSIX path from `origin`: the project, or the repository outside it."""

    files: dict[str, bytes]
    origin: Path | None = field(default=None, compare=False)

    @property
    def digest(self) -> str:
        """SHA-256 over the sorted paths and contents, in hex; "" for no files."""
        if not self.files:
            return ""
        digest = hashlib.sha256()
        for path, data in sorted(self.files.items()):
            digest.update(f"{path}\0{len(data)}\0".encode())
            digest.update(data)
        return digest.hexdigest()


def fetch(folder: Path, digest: str, program: str | None = None) -> Code:
    """Read a sweep's frozen code and check it against the declared digest.

    Raises UserError if they differ, because the code was changed, is missing or has not arrived
    completely, and if the program is not one of its files.
    """
    files = files_in(folder) if digest else {}
    code = Code(files)
    if code.digest != digest:
        differs = "is not the code that was declared (its digest differs)"
        raise UserError(
            f"{folder} {differs if files else 'is missing or empty'}; if the sweep was declared a "
            "moment ago, try again; otherwise declare it again under another name"
        )
    if program is not None and program.partition(":")[0] not in files:
        raise UserError(
            f"{folder} does not contain the sweep's program {program!r:.80}, so its plan.json is "
            "damaged; restore that file from the folder's version history"
        )
    return code


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the files of frozen code, whatever they are; {} if there is no folder."""
    files: dict[str, bytes] = {}
    if folder.is_dir():
        for path in _walk(folder):
            _add(files, path.relative_to(folder).as_posix(), path)
    return files


def write(code: Code, folder: Path) -> None:
    """Write the files into an empty folder."""
    for name, data in code.files.items():
        path = folder / name
        make_folder(path.parent, parents=True)
        path.write_bytes(data)
        share(path)


def changed(folder: Path, origin: Path, declared_at: float) -> list[str]:
    """Return the frozen files in `folder` that have since been changed or removed in `origin`.

    `declared_at` is in seconds since 1970. It reads only files of the same size that were modified
    since then, give or take the difference between two machines' clocks.
    """

    def is_same(name: str, frozen: Path) -> bool:
        with suppress(OSError):
            status, is_notebook = (origin / name).stat(), name.endswith(".ipynb")
            if not S_ISREG(status.st_mode):
                return False
            if status.st_size != frozen.stat().st_size and not is_notebook:
                return False
            if status.st_mtime < declared_at - _CLOCKS:
                return True
            return read_source(origin / name, MOST_BYTES) == read_file(frozen, MOST_BYTES)
        return False

    files = {path.relative_to(folder).as_posix(): path for path in _walk(folder)}
    return [name for name, path in sorted(files.items()) if not is_same(name, path)]


def _walk(folder: Path, left: int = _DEEPEST) -> Iterator[Path]:
    if not left:
        raise UserError(f"code: {folder} is more than {_DEEPEST} folders deep; move or remove it")
    for path in sorted(folder.iterdir()):
        if path.name in _IGNORED or path.is_symlink():
            continue
        try:
            path.name.encode()
        except UnicodeEncodeError:
            raise UserError(
                f"code: {path.name!r} in {folder} is not a UTF-8 name; rename or remove it"
            ) from None
        if path.is_dir():
            yield from _walk(path, left - 1)
        elif path.is_file():
            yield path


def read_source(path: Path, most: int) -> bytes:
    """Return a file of code with at most `most` bytes, and of a notebook only what runs of it.

    Raises OSError as `read_file` does.
    """
    if path.suffix != ".ipynb":
        return read_file(path, most)
    content = normal_form(read_file(path, _LARGEST_NOTEBOOK))
    if len(content) > most:
        raise OSError(errno.EFBIG, f"has more than {most:,} bytes", str(path))
    return content


def _add(files: dict[str, bytes], name: str, path: Path) -> None:
    try:
        files[name] = read_file(path, MOST_BYTES - sum(map(len, files.values())))
        if len(files) <= MOST_FILES:
            return
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
    raise UserError(
        f"code: more than {MOST_FILES} files or {MOST_BYTES // 1_000_000} MB "
        f"(at {name}); freeze only code, and read data from the project"
    )


def parse(name: str, data: bytes) -> ast.Module:
    """Parse a program; raise UserError if it is not Python."""
    try:
        return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"program: {name} is not valid Python: {error}") from None
