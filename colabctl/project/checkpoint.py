"""Saves values as a member's checkpoints, and loads them; the file extension gives the format."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.names import check_folder
from colabctl.sharedfs.rights import make_folder


def checkpoint(folder: Path, name: str, build: Callable[[], Any], root: Path) -> Any:
    """Return the value saved as `name` in `folder`; if there is none, build and save it.

    The file extension gives the format: .parquet and .csv for a pandas frame, .npy for a NumPy
    array, .json for plain values, .txt for text. Raises UserError for any other, and for a link
    that leads out of the project in `root`. Pickles are refused, because loading one can run code
    from anyone who can write to the shared folder.
    """
    file = folder / check_folder(name, "checkpoint")
    if file.suffix not in _FORMATS:
        raise UserError(
            f"checkpoint {name!r}: use one of the extensions {', '.join(_FORMATS)} (pickles are "
            "refused because loading one can run another person's code)"
        )
    save, load = _FORMATS[file.suffix]
    check_inside(file, root)
    if file.exists():
        return load(file)
    value = build()
    make_folder(file.parent, parents=True)
    write_whole(file, save(value))
    return value


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(f"this checkpoint needs {name}: pip install {name}") from None


def _save_npy(value: Any) -> bytes:
    import io  # noqa: PLC0415 - for this format only

    buffer = io.BytesIO()
    _library("numpy").save(buffer, value, allow_pickle=False)
    return buffer.getvalue()


_Format = tuple[Callable[[Any], bytes], Callable[[Path], Any]]
_FORMATS: dict[str, _Format] = {
    ".parquet": (
        lambda value: bytes(value.to_parquet()),
        lambda file: _library("pandas").read_parquet(file),
    ),
    ".csv": (
        lambda value: str(value.to_csv(index=False)).encode(),
        lambda file: _library("pandas").read_csv(file),
    ),
    ".npy": (_save_npy, lambda file: _library("numpy").load(file, allow_pickle=False)),
    ".json": (
        lambda value: json.dumps(value).encode(),
        lambda file: json.loads(file.read_bytes()),
    ),
    ".txt": (lambda value: str(value).encode(), lambda file: file.read_text(encoding="utf-8")),
}
