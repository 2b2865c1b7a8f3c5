"""Saves a value whole under a member's checkpoints, and loads it again, by the file's ending."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.names import check_folder


def checkpoint(folder: Path, name: str, build: Callable[[], Any]) -> Any:
    """Return the value saved as `name` in `folder`; if there is none, build and save it.

    The ending tells the form: .parquet and .csv hold a pandas frame, .npy a NumPy array, .json
    plain values, .txt text. Pickles are refused: loading one runs code that anybody who can write
    to the shared folder may have put into it.
    """
    file = folder / check_folder(name, "checkpoint")
    if file.suffix not in _FORMS:
        raise UserError(
            f"checkpoint {name!r}: end the name in one of {', '.join(_FORMS)} (pickles are "
            "refused: loading one could run somebody else's code)"
        )
    save, load = _FORMS[file.suffix]
    if file.exists():
        return load(file)
    value = build()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, save(value))
    return value


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(f"this checkpoint needs {name}: pip install {name}") from None


def _save_npy(value: Any) -> bytes:
    import io  # noqa: PLC0415 - for this form only

    buffer = io.BytesIO()
    _library("numpy").save(buffer, value, allow_pickle=False)
    return buffer.getvalue()


_Form = tuple[Callable[[Any], bytes], Callable[[Path], Any]]
_FORMS: dict[str, _Form] = {
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
