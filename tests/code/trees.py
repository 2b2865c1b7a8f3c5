"""Projects as people lay them out, and what is frozen of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colabctl.code.freeze import Asked, Frozen, freeze
from colabctl.code.places import Places
from colabctl.search.language.commands.command import interpreter_of

NEVER = ("data", "results", "checkpoints", "sweeps", ".colabctl", "notebooks/workers")


def lay_out(root: Path, files: Mapping[str, str]) -> Path:
    """Write files, by their paths from the root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def frozen(
    root: Path,
    program: str | None = "train.py",
    *,
    here: str = "",
    file: str = "s.yaml",
    **asked: Any,
) -> Frozen:
    """Freeze a program of the project in `root`, declared from `here` by the sweep file `file`."""
    places = Places(root, root / here, root / file, NEVER)
    return freeze(Asked(program, **asked), places, lambda path: interpreter_of(path) is not None)


def files(root: Path, program: str | None = "train.py", **asked: Any) -> list[str]:
    """Return the paths of the files that are frozen with a program."""
    return sorted(frozen(root, program, **asked).code.files)
