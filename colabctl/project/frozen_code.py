"""Frozen code: the copy of a sweep's program that its tasks run, and the digest that proves it."""

import ast
import errno
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from colabctl.errors import UserError, nearest
from colabctl.sharedfs.files import read_file
from colabctl.sharedfs.names import check_folder

# A program with its modules is far below; above it somebody has named a data folder.
_MOST_FILES = 1000
_MOST_BYTES = 20_000_000
_DEEPEST = 50  # folders in folders
_PASSED_OVER = frozenset({"__pycache__", ".git", ".ipynb_checkpoints", ".venv", "node_modules"})


class NoProgramError(UserError):
    """The program of a sweep does not exist."""


@dataclass(frozen=True)
class Code:
    """Files by their POSIX path from `origin`, the folder where the program was found."""

    files: dict[str, bytes]
    origin: Path | None = field(default=None, compare=False)

    @property
    def digest(self) -> str:
        """SHA-256 over the sorted paths and contents, in hex; "" for no files."""
        if not self.files:
            return ""
        whole = hashlib.sha256()
        for path, data in sorted(self.files.items()):
            whole.update(f"{path}\0{len(data)}\0".encode())
            whole.update(data)
        return whole.hexdigest()


def freeze(program: str | None, further: Sequence[str], places: Sequence[Path]) -> Code:
    """Read the program, "train.py" or "train.py:train", and the `further` files and folders.

    Each is looked up in `places` in turn. Raises UserError for what is not there, lies outside,
    is too much, or for a module beside the program that it imports but that would not be frozen;
    NoProgramError if the program is not there.
    """
    if program is None:
        if further:
            raise UserError("code: is of no use without `program:`; remove it, or name a program")
        return Code({})
    file, colon, function = program.partition(":")
    files: dict[str, bytes] = {}
    origin, found = _look_up(file, "program", places)
    if found.is_dir():
        raise UserError(f"program: {file} is a folder; name the file in it that is to run")
    _add(files, check_folder(file, "program"), found)
    if colon:
        _check_function(file, function, files)
    for name in further:
        inside = check_folder(name, "code")
        _, there = _look_up(name, "code", places)
        for path in _walk(there) if there.is_dir() else [there]:
            _add(files, str(PurePosixPath(inside, path.relative_to(there).as_posix())), path)
    code = Code(files, origin)
    trees = (_parse(name, data) for name, data in files.items() if name.endswith(".py"))
    check_imports(code, file, trees)
    return code


def check_imports(code: Code, program: str, trees: Iterable[ast.Module]) -> None:
    """Raise UserError for a module beside the program that `trees` import and that is not frozen.

    program  its file, below code.origin
    """
    assert code.origin is not None
    inside = PurePosixPath(program).parent
    missing = set()
    for module in set().union(*map(_imports, trees)):
        for candidate in (f"{module}.py", module):
            path = code.origin / inside / candidate
            is_module = path.is_file() or (path / "__init__.py").is_file()
            frozen = (inside / candidate).as_posix()
            if is_module and not any(PurePosixPath(f).is_relative_to(frozen) for f in code.files):
                missing.add(frozen)
    if missing:
        names = ", ".join(sorted(missing))
        raise UserError(
            f"program: {program} imports {names}, which lies beside it but is not frozen with it; "
            f"add `code: [{names}]` to the sweep"
        )


def fetch(folder: Path, digest: str, program: str | None = None) -> Code:
    """Read the frozen code of a sweep, and make sure that it is what was declared.

    Raises UserError if it is not: then somebody has changed it, or it has not arrived whole; and
    if the program is none of its files.
    """
    files: dict[str, bytes] = {}
    if digest:
        for path in _walk(folder):
            _add(files, path.relative_to(folder).as_posix(), path)
    code = Code(files)
    if code.digest != digest:
        raise UserError(
            f"{folder} is not the code that was declared (its digest differs); if the sweep was "
            "declared a moment ago, try again, else declare it anew under another name"
        )
    if program is not None and check_folder(program.partition(":")[0], "program") not in files:
        raise UserError(
            f"{folder} does not hold the sweep's program {program!r:.80}, so its plan.json is "
            "damaged; restore that from the folder's version history"
        )
    return code


def write(code: Code, folder: Path) -> None:
    """Write the files into a folder of their own."""
    for path, data in code.files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def changed(frozen: Code, origin: Path) -> list[str]:
    """Return the files of frozen code that are other ones by now, or gone, where they came from."""
    found = []
    for name, data in sorted(frozen.files.items()):
        try:
            if read_file(origin / name, len(data)) != data:
                found.append(name)
        except OSError:
            found.append(name)
    return found


def _look_up(name: str, key: str, places: Sequence[Path]) -> tuple[Path, Path]:
    """Return the place that has it, and its path there."""
    inside = check_folder(name, key)
    for place in places:
        found = place / inside
        if found.is_file() or found.is_dir():
            return place, found
        if found.exists():
            raise UserError(f"{key}: {found} is neither a file nor a folder; name one that is")
    beside = [path.name for place in places for path in sorted((place / inside).parent.glob("*"))]
    near = nearest(PurePosixPath(name).name, beside)
    hint = f"; did you mean {near}?" if near else ""
    where = " or ".join(dict.fromkeys(str(place) for place in places))
    error = NoProgramError if key == "program" else UserError
    raise error(f"{key}: {name} does not exist in {where}{hint}")


def _walk(folder: Path, left: int = _DEEPEST) -> Iterator[Path]:
    if not left:
        raise UserError(f"code: {folder} lies more than {_DEEPEST} folders deep; move or remove it")
    for path in sorted(folder.iterdir()):
        if path.name in _PASSED_OVER or path.is_symlink():
            continue
        try:
            path.name.encode()
        except UnicodeEncodeError:
            raise UserError(
                f"code: {path.name!r} in {folder} is no name in UTF-8; rename or remove it"
            ) from None
        if path.is_dir():
            yield from _walk(path, left - 1)
        elif path.is_file():
            yield path


def _add(files: dict[str, bytes], name: str, path: Path) -> None:
    try:
        files[name] = read_file(path, _MOST_BYTES - sum(map(len, files.values())))
        if len(files) <= _MOST_FILES:
            return
    except OSError as wrong:
        if wrong.errno != errno.EFBIG:
            raise
    raise UserError(
        f"code: more than {_MOST_FILES} files or {_MOST_BYTES // 1_000_000} MB "
        f"(at {name}); freeze code only, and read data from the project"
    )


def _parse(name: str, data: bytes) -> ast.Module:
    try:
        return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as wrong:
        raise UserError(f"program: {name} is no valid Python: {wrong}") from None


def _check_function(file: str, function: str, files: dict[str, bytes]) -> None:
    """Raise UserError unless the file defines or imports the function at its top level."""
    if not file.endswith(".py"):
        raise UserError(f"program: {file}:{function} is no function of a Python file")
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
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found
