"""Writes W&B sweep files into a folder, each named after its cell."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from colabctl.errors import UserError
from colabctl.export.wandb_sweeps import WandbSweep, assignments
from colabctl.export.yaml_text import as_yaml
from colabctl.views import files

_LONGEST = 100  # bytes of a name before its extension
_UNSAFE = re.compile(r"([^\w.+-]|(?<!\w)\.|\.(?!\w))+")
_BRACKETS = '[]{}" '


def write_sweeps(
    sweeps: Sequence[WandbSweep],
    folder: Path,
    name: str,
    notes: Sequence[str] = (),
    *,
    replace: bool = False,
) -> list[Path]:
    """Write the W&B sweeps of the sweep `name`, and return their files.

    Creates the folder and keeps its other files. Replaces files from an earlier export of this
    sweep. For any other file in the way, raises UserError and writes nothing, unless `replace`.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give a folder for W&B's files")
    mark = f"colabctl sweep {name}, for W&B"
    paths = [folder / file for file in file_names(sweeps, name)]
    if not replace:
        is_ours = files.begins_with(f"# {mark}\n")
        for path in paths:
            files.refuse_foreign(path, is_ours, f"was not written from sweep {name}")
    files.make_folder(folder)
    for sweep, path in zip(sweeps, paths, strict=True):
        files.write(path, as_yaml(sweep.config, (mark, *notes)).encode())
    return paths


def file_names(sweeps: Sequence[WandbSweep], name: str) -> list[str]:
    """Return a file name for each sweep, safe on every system: `model=xgb,data=iris.yaml`.

    If a name is long, or two are equal or differ only by case, all are numbered and shortened.
    """
    words = [",".join(map(_safe, assignments(sweep.fixed))) or name for sweep in sweeps]
    long = any(len(word.encode()) > _LONGEST for word in words)
    if long or len({word.casefold() for word in words}) < len(words):
        digits = len(str(len(words)))
        words = [f"{n:0{digits}}-{_cut(word)}" for n, word in enumerate(words, start=1)]
    return [f"{word}.yaml" for word in words]


def _safe(assignment: str) -> str:
    name, _, value = unicodedata.normalize("NFC", assignment).partition("=")
    return f"{name}={_UNSAFE.sub('-', value.strip(_BRACKETS))}"


def _cut(word: str) -> str:
    return word.encode()[:_LONGEST].decode(errors="ignore").rstrip(".")
