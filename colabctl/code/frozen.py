"""Frozen code: the copy of a sweep's program that its tasks run, and its digest."""

import ast
import errno
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG

from colabctl.errors import UserError
from colabctl.notebook.document import normal_form
from colabctl.sharedfs.droppings import is_dropping
from colabctl.sharedfs.faults import naming
from colabctl.sharedfs.files import read_file
from colabctl.sharedfs.links import check_inside, open_itself
from colabctl.sharedfs.records import RESTORE
from colabctl.sharedfs.rights import make_folder, share

# A program with its modules is far smaller; anything larger is probably a folder of data.
MOST_FILES = 5000
MOST_BYTES = 20_000_000
_CLOCKS = 300.0  # seconds by which two machines' clocks may differ
_LARGEST_NOTEBOOK = 1 << 30  # bytes of a notebook's file, most of which are outputs
_DEEPEST = 50  # levels of folders
_IGNORED = frozenset({".git", ".venv", "node_modules"})


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


def fetch(
    folder: Path, digest: str, program: str | None = None, names: Sequence[str] | None = None
) -> Code:
    """Read a sweep's frozen code and check it against the declared digest.

    Only the files `names` count, whatever else is in the folder; None stands for all files but
    droppings. Raises UserError if the code and its digest differ, because it was changed, is
    missing or has not arrived completely, and if the program is not one of its files.
    """
    files = files_in(folder, names) if digest else {}
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


def files_in(folder: Path, names: Sequence[str] | None = None) -> dict[str, bytes]:
    """Return the files of frozen code, whatever they are; {} if there is no folder.

    Only `names` count; None stands for all files but droppings.
    """
    files: dict[str, bytes] = {}
    if folder.is_dir():
        for name in _names(folder) if names is None else names:
            with suppress(FileNotFoundError, NotADirectoryError):  # the digest shows that it lacks
                _add(files, name, folder)
    return files


def write(code: Code, folder: Path) -> None:
    """Write the files into a folder, and replace those that an interrupted call left there.

    Raises UserError for a link in it that leads out of it.
    """
    for name, data in code.files.items():
        path = folder / name
        check_inside(path.parent, folder)
        make_folder(path.parent, parents=True)
        with naming(path), open(path, "wb", opener=open_itself) as file:
            file.write(data)
        share(path)


def changed(
    folder: Path, origin: Path, declared_at: float, names: Sequence[str] | None = None
) -> list[str]:
    """Return the frozen files in `folder` that have since been changed or removed in `origin`.

    `names` is as in `fetch`; `declared_at` is in seconds since 1970. It reads only files of the
    same size that were modified since then, give or take the difference between two machines'
    clocks.
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
            return read_source(origin / name, MOST_BYTES, origin) == read_file(frozen, MOST_BYTES)
        return False

    files = sorted(_names(folder) if names is None else names)
    return [name for name in files if not is_same(name, folder / name)]


def _names(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in _walk(folder))


def _walk(folder: Path, left: int = _DEEPEST) -> Iterator[Path]:
    if not left:
        raise UserError(f"code: {folder} is more than {_DEEPEST} folders deep; move or remove it")
    for path in sorted(folder.iterdir()):
        if path.name in _IGNORED or is_dropping(path.name) or path.is_symlink():
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


def read_source(path: Path, most: int, root: Path) -> bytes:
    """Return a file of code with at most `most` bytes, and of a notebook only what runs of it.

    Raises OSError as `read_file` does.
    """
    if path.suffix != ".ipynb":
        return read_file(path, most, root)
    content = normal_form(read_file(path, _LARGEST_NOTEBOOK, root))
    if len(content) > most:
        raise OSError(errno.EFBIG, f"has more than {most:,} bytes", str(path))
    return content


def _add(files: dict[str, bytes], name: str, folder: Path) -> None:
    try:
        left = MOST_BYTES - sum(map(len, files.values()))
        files[name] = read_file(folder / name, left, folder)
        if len(files) <= MOST_FILES:
            return
    except OSError as error:
        if error.errno == errno.ELOOP:
            check_inside(folder / name, folder, RESTORE)
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
