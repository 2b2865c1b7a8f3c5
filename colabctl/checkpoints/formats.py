"""The formats of saved values: the file extension says which one a file has."""

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from colabctl.checkpoints import states
from colabctl.checkpoints.advice import advice
from colabctl.errors import UserError, nearest


@dataclass(frozen=True)
class Format:
    """How values are written to a file and read from it.

    `needs` are the libraries, by the name of their package. `pickles` run code when they are read.
    """

    save: Callable[[Any, BinaryIO], None]
    load: Callable[[BinaryIO], Any]
    needs: tuple[str, ...] = ()
    pickles: bool = False

    def check_installed(self, name: str) -> None:
        """Raise UserError if a library is missing."""
        for package in self.needs:
            try:
                importlib.import_module(package)
            except ImportError:
                raise UserError(f"{name} needs {package}: pip install {package}") from None


def format_of(name: str) -> Format:
    """Return the format of a file by its extension; raise UserError if there is none."""
    for ending, form in FORMATS.items():
        if name.lower().endswith(ending):
            return form
    endings = ", ".join(each for each, form in FORMATS.items() if not form.pickles)
    stem, dot, ending = name.rpartition(".")
    near = nearest(dot + ending.lower(), FORMATS) if dot else None
    mean = f"did you mean {stem}{near}? Use" if near else "use"
    raise UserError(
        f"checkpoint {name!r} has no extension that is known; {mean} one of {endings}, or end the "
        "name with / for a folder"
    )


def _save_parquet(value: Any, file: BinaryIO) -> None:
    _check_columns(_frame(value), ".parquet")
    value.to_parquet(file)


def _save_feather(value: Any, file: BinaryIO) -> None:
    _check_columns(_frame(value), ".feather")
    _without_index(value, ".feather").to_feather(file)


def _save_csv(value: Any, file: BinaryIO) -> None:
    _without_index(_frame(value), ".csv").to_csv(file, index=False)


def _read_csv(file: BinaryIO) -> Any:
    import pandas as pd  # noqa: PLC0415 - for this format only

    try:
        return pd.read_csv(file)
    except pd.errors.EmptyDataError:  # saved without columns
        return pd.DataFrame()


def _pandas(function: str) -> Callable[[BinaryIO], Any]:
    def load(file: BinaryIO) -> Any:
        return getattr(importlib.import_module("pandas"), function)(file)

    return load


def _frame(value: Any) -> Any:
    if not (hasattr(value, "to_parquet") and hasattr(value, "columns")):
        is_other = hasattr(value, "to_pandas")
        fix = "save its .to_pandas()" if is_other else "return a data frame, or use .json or .npy"
        raise UserError(
            f"the value is a {type(value).__qualname__}, not a pandas data frame; {fix}"
        )
    return value


def _check_columns(frame: Any, ending: str) -> None:
    for column in frame.columns:
        if not isinstance(column, str):
            raise UserError(
                f"column {column!r} of the frame is not text, as {ending} needs; use "
                "frame.columns = frame.columns.map(str)"
            )


def _without_index(frame: Any, ending: str) -> Any:
    """Return a frame with the default index; numbers without a name are not worth keeping."""
    index = frame.index
    if index.nlevels > 1 or index.name is not None or index.dtype.kind not in "iu":
        raise UserError(f"the frame has an index, which {ending} does not keep; use .reset_index()")
    return frame.reset_index(drop=True)


def _save_npy(value: Any, file: BinaryIO) -> None:
    numpy = importlib.import_module("numpy")
    array = numpy.asarray(value)
    if array.dtype.hasobject:
        raise UserError("the value is not an array of numbers, so .npy cannot hold it; use .json")
    numpy.save(file, array, allow_pickle=False)


def _load_npy(file: BinaryIO) -> Any:
    return importlib.import_module("numpy").load(file, allow_pickle=False)


def _save_npz(value: Any, file: BinaryIO) -> None:
    if not isinstance(value, Mapping):
        raise UserError(f"the value is a {type(value).__qualname__}; .npz needs arrays by name")
    states.save_npz(dict(value), file)


def _save_safetensors(value: Any, file: BinaryIO) -> None:
    if not isinstance(value, Mapping) or not value:
        raise UserError("the value is not tensors by name, as .safetensors needs; use .pt")
    tensors = {str(name): tensor for name, tensor in value.items()}
    for name, tensor in tensors.items():
        if not (states.is_tensor(tensor) or states.is_array(tensor)):
            raise UserError(f"{name!r} is a {type(tensor).__qualname__}, not a tensor; use .pt")
    if all(map(states.is_tensor, tensors.values())):
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        file.write(importlib.import_module("safetensors.torch").save(tensors, {"format": "pt"}))
    elif all(map(states.is_array, tensors.values())):
        file.write(importlib.import_module("safetensors.numpy").save(tensors, {"format": "np"}))
    else:
        raise UserError(".safetensors needs torch tensors or NumPy arrays, not both; use .pt")


def _load_safetensors(file: BinaryIO) -> Any:
    data = file.read()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    kind = "torch" if header.get("__metadata__", {}).get("format") != "np" else "numpy"
    return importlib.import_module(f"safetensors.{kind}").load(data)


def _save_json(value: Any, file: BinaryIO) -> None:
    _check_json(value, "the value")
    file.write(json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass"))


def _check_json(value: Any, where: str, left: int = 100) -> None:
    """Raise UserError, with its place, for what JSON has no form for, or would change."""
    if not left:
        raise UserError(f"{where[:80]} is nested more than 100 levels deep, or holds itself")
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                raise UserError(
                    f"{where} has the key {key!r:.60}, and JSON would make text of it; use "
                    f"{str(key)!r:.60}"
                )
            _check_json(part, f"{where}[{key!r:.60}]", left - 1)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            _check_json(part, f"{where}[{number}]", left - 1)
    elif isinstance(value, float) and value - value != 0:
        raise UserError(f"{where} is {value}, which JSON has no form for; use None, or .npz")
    elif value is not None and not isinstance(value, bool | int | float | str):
        raise UserError(f"{where} {advice(value)}")


def _save_text(value: Any, file: BinaryIO) -> None:
    if not isinstance(value, str):
        raise UserError(f"the value is a {type(value).__qualname__}, not text; use .json")
    file.write(value.encode())


def _save_pickle(value: Any, file: BinaryIO) -> None:
    importlib.import_module("pickle").dump(value, file)


def _load_pickle(file: BinaryIO) -> Any:
    return importlib.import_module("pickle").load(file)


def _save_joblib(value: Any, file: BinaryIO) -> None:
    importlib.import_module("joblib").dump(value, file)


def _load_joblib(file: BinaryIO) -> Any:
    return importlib.import_module("joblib").load(file)


_TORCH = Format(states.save_torch, states.load_torch, ("torch",))
_PICKLE = Format(_save_pickle, _load_pickle, pickles=True)

FORMATS: Mapping[str, Format] = {
    ".parquet": Format(_save_parquet, _pandas("read_parquet"), ("pandas", "pyarrow")),
    ".feather": Format(_save_feather, _pandas("read_feather"), ("pandas", "pyarrow")),
    ".csv": Format(_save_csv, _read_csv, ("pandas",)),
    ".npy": Format(_save_npy, _load_npy, ("numpy",)),
    ".npz": Format(_save_npz, states.load_npz, ("numpy",)),
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".safetensors": Format(_save_safetensors, _load_safetensors, ("safetensors",)),
    ".json": Format(_save_json, lambda file: json.loads(file.read())),
    ".txt": Format(_save_text, lambda file: file.read().decode()),
    ".joblib": Format(_save_joblib, _load_joblib, ("joblib",), pickles=True),
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
}
"""What `project.checkpoint` saves, by extension."""

STATES: Mapping[str, Format] = {
    **FORMATS,
    ".npz": Format(states.save_npz, states.load_npz, ("numpy",)),
    ".json": Format(states.save_json, states.load_json),
}
"""What `task.save` and `project.cached` save, by extension: JSON keeps tuples, NaN and more."""


def ending_for(value: Any) -> str:
    """Return the extension of the format for a value, by what it holds."""
    if hasattr(value, "to_parquet") and hasattr(value, "columns"):
        return ".parquet"
    return states.ending_for(value)
