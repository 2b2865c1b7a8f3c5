"""Frozen code: the copy of a sweep's program that its tasks run, and its digest."""

import ast
import errno
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from colabctl.errors import UserError, nearest
from colabctl.notebook.document import normal_form
from colabctl.sharedfs.files import read_file
from colabctl.sharedfs.names import check_folder

# A program with its modules is far smaller; anything larger is probably a folder of data.
_MOST_FILES = 1000
_MOST_BYTES = 20_000_000
_LARGEST_NOTEBOOK = 1 << 30  # bytes of a notebook's file, most of which are outputs
_DEEPEST = 50  # levels of folders
_IGNORED = frozenset({"__pycache__", ".git", ".ipynb_checkpoints", ".venv", "node_modules"})


class NoProgramError(UserError):
    """A sweep's program does not exist."""


@dataclass(frozen=True)
class Code:
    """Files by POSIX path from `origin`, the folder that contains the program."""

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


def freeze(program: str | None, others: Sequence[str], folders: Sequence[Path]) -> Code:
    """Read the program ("train.py" or "train.py:train") and the `others`, files and folders.

    Each is looked up in `folders` in turn. Raises NoProgramError if the program does not exist, and
    UserError for another missing file, a path that leaves the folders, too many or too large files,
    and a module in the program's folder that it imports but that would not be frozen.
    """
    if program is None:
        if others:
            raise UserError("code: has no effect without `program:`; remove it, or name a program")
        return Code({})
    file, colon, function = program.partition(":")
    files: dict[str, bytes] = {}
    origin, source = _look_up(file, "program", folders)
    if source.is_dir():
        raise UserError(f"program: {file} is a folder; name the file in it to run")
    _add(files, check_folder(file, "program"), source, read_source)
    if colon:
        _check_function(file, function, files)
    for name in others:
        target = check_folder(name, "code")
        _, source = _look_up(name, "code", folders)
        for path in _walk(source) if source.is_dir() else [source]:
            inside = PurePosixPath(target, path.relative_to(source).as_posix())
            _add(files, str(inside), path, read_source)
    code = Code(files, origin)
    trees = (_parse(name, data) for name, data in files.items() if name.endswith(".py"))
    check_imports(code, file, trees)
    return code


def check_imports(
    code: Code,
    program: str,
    trees: Iterable[ast.Module],
    written: frozenset[str] = frozenset(),
) -> None:
    """Raise UserError if `trees` import a module in the program's folder that is not frozen.

    `program` is the program's path from code.origin. The program itself writes the files `written`.
    """
    assert code.origin is not None
    folder = PurePosixPath(program).parent
    missing = set()
    for module in set().union(*map(_imports, trees)):
        for candidate in (f"{module}.py", module):
            path = code.origin / folder / candidate
            is_module = path.is_file() or (path / "__init__.py").is_file()
            name = (folder / candidate).as_posix()
            if (
                is_module
                and candidate not in written
                and not any(PurePosixPath(f).is_relative_to(name) for f in code.files)
            ):
                missing.add(name)
    if missing:
        names = ", ".join(sorted(missing))
        raise UserError(
            f"program: {program} imports {names}, which is next to it but not frozen with it; add "
            f"`code: [{names}]` to the sweep"
        )


def fetch(folder: Path, digest: str, program: str | None = None) -> Code:
    """Read a sweep's frozen code and check it against the declared digest.

    Raises UserError if they differ, because the code was changed, is missing or has not arrived
    completely, and if the program is not one of its files.
    """
    files: dict[str, bytes] = {}
    if digest and folder.is_dir():
        for path in _walk(folder):
            _add(files, path.relative_to(folder).as_posix(), path)
    code = Code(files)
    if code.digest != digest:
        differs = "is not the code that was declared (its digest differs)"
        raise UserError(
            f"{folder} {differs if files else 'is missing or empty'}; if the sweep was declared a "
            "moment ago, try again; otherwise declare it again under another name"
        )
    if program is not None and check_folder(program.partition(":")[0], "program") not in files:
        raise UserError(
            f"{folder} does not contain the sweep's program {program!r:.80}, so its plan.json is "
            "damaged; restore that file from the folder's version history"
        )
    return code


def write(code: Code, folder: Path) -> None:
    """Write the files into an empty folder."""
    for name, data in code.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def changed(code: Code, origin: Path) -> list[str]:
    """Return the files of `code` that have since been changed or removed in `origin`."""

    def is_same(name: str, data: bytes) -> bool:
        with suppress(OSError):
            return read_source(origin / name, len(data)) == data
        return False

    return [name for name, data in sorted(code.files.items()) if not is_same(name, data)]


def _look_up(name: str, key: str, folders: Sequence[Path]) -> tuple[Path, Path]:
    """Return the first of the folders that has `name`, and the path there."""
    relative = check_folder(name, key)
    for folder in folders:
        path = folder / relative
        if path.is_file() or path.is_dir():
            return folder, path
        if path.exists():
            raise UserError(f"{key}: {path} is neither a file nor a folder; name one that is")
    around = [(folder / relative).parent for folder in folders]
    names = [path.name for folder in around for path in sorted(folder.glob("*"))]
    near = nearest(PurePosixPath(name).name, names)
    hint = f"; did you mean {near}?" if near else ""
    where = " or ".join(dict.fromkeys(map(str, folders)))
    error = NoProgramError if key == "program" else UserError
    raise error(f"{key}: {name} does not exist in {where}{hint}")


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


def _add(
    files: dict[str, bytes],
    name: str,
    path: Path,
    read: Callable[[Path, int], bytes] = read_file,
) -> None:
    try:
        files[name] = read(path, _MOST_BYTES - sum(map(len, files.values())))
        if len(files) <= _MOST_FILES:
            return
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
    raise UserError(
        f"code: more than {_MOST_FILES} files or {_MOST_BYTES // 1_000_000} MB "
        f"(at {name}); freeze only code, and read data from the project"
    )


def _parse(name: str, data: bytes) -> ast.Module:
    try:
        return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"program: {name} is not valid Python: {error}") from None


def _check_function(file: str, function: str, files: dict[str, bytes]) -> None:
    """Raise UserError unless the file defines or imports the function at its top level."""
    if not file.endswith(".py"):
        raise UserError(f"program: {file} is not a Python file, so it has no function {function}")
    tree = _parse(file, next(iter(files.values())))
    names = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    if function not in names and "*" not in names:
        near = nearest(function, names)
        hint = f"; did you mean {near}?" if near else ""
        raise UserError(f"program: {file} has no function {function!r}{hint}")


def _imports(tree: ast.Module) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules.add(node.module.partition(".")[0])
    return modules
