"""Frozen code: the copy of a sweep's program that its tasks run, and the digest that proves it."""

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from colabctl.errors import UserError, nearest
from colabctl.sharedfs.names import check_folder

# A program with its modules is far below; above it somebody has named a data folder.
_MOST_FILES = 1000
_MOST_BYTES = 20_000_000
_PASSED_OVER = frozenset({"__pycache__", ".git", ".ipynb_checkpoints", ".venv", "node_modules"})


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
    is too much, or for a module beside the program that it imports but that would not be frozen.
    """
    if program is None:
        if further:
            raise UserError("code: is of no use without `program:`; remove it, or name a program")
        return Code({})
    file, colon, function = program.partition(":")
    files: dict[str, bytes] = {}
    origin, found = _look_up(file, "program", places)
    if not found.is_file():
        raise UserError(f"program: {file} is a folder; name the file in it that is to run")
    _add(files, check_folder(file, "program"), found)
    if colon:
        _check_function(file, function, files)
    for name in further:
        inside = check_folder(name, "code")
        _, there = _look_up(name, "code", places)
        for path in _walk(there) if there.is_dir() else [there]:
            _add(files, str(PurePosixPath(inside, path.relative_to(there).as_posix())), path)
    missing = sorted(_unfrozen(files, found.parent, PurePosixPath(file).parent))
    if missing:
        raise UserError(
            f"program: {file} imports {', '.join(missing)}, which lies beside it but is not "
            f"frozen with it; add `code: [{', '.join(missing)}]` to the sweep"
        )
    return Code(files, origin)


def fetch(folder: Path, digest: str) -> Code:
    """Read the frozen code of a sweep, and make sure that it is what was declared.

    Raises UserError if it is not: then somebody has changed it, or it has not arrived whole.
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
            if (origin / name).read_bytes() != data:
                found.append(name)
        except OSError:
            found.append(name)
    return found


def _look_up(name: str, key: str, places: Sequence[Path]) -> tuple[Path, Path]:
    """Return the place that has it, and its path there."""
    inside = check_folder(name, key)
    for place in places:
        if (place / inside).exists():
            return place, place / inside
    beside = [path.name for place in places for path in sorted((place / inside).parent.glob("*"))]
    near = nearest(PurePosixPath(name).name, beside)
    hint = f"; did you mean {near}?" if near else ""
    where = " or ".join(str(place) for place in places)
    raise UserError(f"{key}: {name} does not exist in {where}{hint}")


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _PASSED_OVER or path.is_symlink():
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path


def _add(files: dict[str, bytes], name: str, path: Path) -> None:
    files[name] = path.read_bytes()
    if len(files) > _MOST_FILES or sum(map(len, files.values())) > _MOST_BYTES:
        raise UserError(
            f"code: more than {_MOST_FILES} files or {_MOST_BYTES // 1_000_000} MB "
            f"(at {name}); freeze code only, and read data from the project"
        )


def _unfrozen(files: dict[str, bytes], folder: Path, inside: PurePosixPath) -> Iterator[str]:
    """Give the modules in `folder` that frozen Python files import and that are not frozen."""
    for name, data in files.items():
        if not name.endswith(".py"):
            continue
        for module in _imports(_parse(name, data)):
            for candidate in (f"{module}.py", module):
                path = folder / candidate
                is_module = path.is_file() or (path / "__init__.py").is_file()
                frozen = (inside / candidate).as_posix()
                if is_module and not any(PurePosixPath(f).is_relative_to(frozen) for f in files):
                    yield frozen


def _parse(name: str, data: bytes) -> ast.Module:
    try:
        return ast.parse(data)
    except (SyntaxError, ValueError) as wrong:
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
