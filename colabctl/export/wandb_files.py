"""Writes W&B sweep files into a folder, each with a name that tells its cell."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from colabctl.errors import UserError
from colabctl.export.wandb_sweeps import WandbSweep, assignments
from colabctl.export.yaml_text import as_yaml
from colabctl.views import files

_LONGEST = 100  # bytes of a name before its ending
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
    """Write the W&B sweeps that the sweep `name` has become, and return their files.

    Makes the folder, and leaves alone what else is in it. A file that was written from this sweep
    before is replaced, another one only with `replace`; else UserError, and nothing is written.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give a folder for W&B's files")
    mark = f"colabctl sweep {name}, for W&B"
    places = [folder / file for file in file_names(sweeps, name)]

    def is_ours(start: bytes) -> bool:
        return start.startswith(f"# {mark}\n".encode())

    if not replace:
        for place in places:
            files.refuse_foreign(place, is_ours, f"was not written from sweep {name}")
    files.make_folder(folder)
    for sweep, place in zip(sweeps, places, strict=True):
        files.write(place, as_yaml(sweep.config, (mark, *notes)).encode())
    return places


def file_names(sweeps: Sequence[WandbSweep], name: str) -> list[str]:
    """Return a file name for each sweep that is safe on every system: `model=xgb,data=iris.yaml`.

    Where these would be long, or the same but for case, all are shortened and numbered.
    """
    words = [",".join(map(_safe, assignments(each.fixed))) or name for each in sweeps]
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
