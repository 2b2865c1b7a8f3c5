"""Uses the folders that are there already: what `init --adopt` means, and what could be adopted."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from itertools import islice
from pathlib import Path, PurePosixPath

from colabctl.errors import UserError
from colabctl.project.layout import Paths
from colabctl.sharedfs.names import check_folder

NOTHING = "none"
"""The answer to a suggestion that creates the usual folders anyway."""

_KEYS = tuple(field.name for field in fields(Paths))
# Names that people give to a folder, without regard to case, "-", "_" and spaces.
_ALIKE = {
    "notebooks": ("notebooks", "notebook", "nbs", "nb", "ipynb", "jupyter", "colabnotebooks"),
    "data": ("data", "dataset", "datasets"),
    "raw": ("raw", "rawdata", "original", "originals"),
    "interim": ("interim", "intermediate"),
    "processed": ("processed", "processeddata", "clean", "cleaned"),
    "results": ("results", "result", "output", "outputs"),
    "checkpoints": ("checkpoints", "checkpoint", "ckpt", "ckpts", "savedmodels", "models"),
}  # fmt: skip
_MOST_LOOKED_AT = 500  # entries of a folder


def adopted(root: Path, choices: Iterable[str]) -> dict[str, str]:
    """Return the `paths` that choices such as "notebooks=nbs" make; {} for NOTHING.

    If the whole folder of data is adopted as raw data, the folders that would be inside it are
    next to it instead. Raises UserError for a choice that is not a key and a folder of the project
    in `root`, and for a key given twice.
    """
    paths: dict[str, str] = {}
    for choice in choices:
        key, is_pair, name = (part.strip() for part in choice.partition("="))
        if choice.strip() == NOTHING:
            continue
        if not is_pair or key not in _KEYS:
            raise UserError(
                f"--adopt {choice}: give a key and a folder, such as notebooks=nbs (the keys are "
                f"{', '.join(_KEYS)}), or {NOTHING}"
            )
        if key in paths:
            raise UserError(f"--adopt: {key} is given twice; one folder can be adopted as {key}")
        paths[key] = _present(root, key, name)
    if "raw" in paths:
        if _differs_in_case(paths["raw"], Paths.data):
            paths.setdefault("data", paths["raw"])
        data = paths.get("data", Paths.data)
        for key in ("interim", "processed"):
            if key not in paths and _is_in(f"{data}/{key}", paths["raw"]):
                paths[key] = key
    Paths.moved(paths)  # raises for what cannot be together
    return paths


def suggestions(root: Path) -> list[str]:
    """Return the choices for folders of `root` that look like one that would be created.

    They are never made for the user: a folder `models` may hold something else.
    """
    top = _names(root)
    first = [*_similar(root, top, "notebooks"), *_data(root, top)]
    return [*first, *_similar(root, top, "results"), *_similar(root, top, "checkpoints")]


def check_case(root: Path, chosen: Paths) -> None:
    """Raise UserError for a folder that differs from one to create only in case.

    On Windows and macOS, and so for some members, the two would be one folder.
    """
    places = {field.name: getattr(chosen, field.name) for field in fields(Paths)}
    for key, path in {**places, "": "sweeps"}.items():
        here, names = root, _names(root)
        for part in path.split("/"):
            twin = next((each for each in names if _differs_in_case(each, part)), None)
            if part not in names and twin is not None:
                use = f"use it: --adopt {key}={_inside(root, here / twin)}, or " if key else ""
                raise UserError(
                    f"{here / twin} is there, and the project would have {part} next to it, which "
                    f"Windows and macOS take for the same folder; {use}rename {twin} to {part}"
                )
            here /= part
            names = _names(here)


def _similar(root: Path, top: Sequence[str], key: str) -> Iterator[str]:
    if key in top:
        return
    alike = next((name for name in _alike(key, top) if _fits(root / name, key)), None)
    if alike is not None:
        yield f"{key}={alike}"


def _data(root: Path, top: Sequence[str]) -> Iterator[str]:
    """Yield the choices for data: what is not clearly made from something else is raw."""
    usual = Paths.data in top
    data = Paths.data if usual else next(_alike("data", top), None)
    if data is None or not (usual or _fits(root / data, "data")):
        raw = next((name for name in _alike("raw", top) if _fits(root / name, "raw")), None)
        if raw is not None:
            yield f"raw={raw}"
        return
    inside = _names(root / data)
    raw = next(_alike("raw", inside), None)
    derived = any(next(_alike(key, inside), None) for key in ("interim", "processed"))
    if raw is None and not derived and (inside or _has_files(root / data)):
        yield f"raw={data}"
        return
    if not usual:
        yield f"data={data}"
    elif raw is None:  # the raw data was elsewhere
        for name in (*_alike("data", top), *_alike("raw", top)):
            if name != data and _has_files(root / name):
                yield f"raw={name}"
                return
    for key in ("raw", "interim", "processed"):
        alike = next(_alike(key, inside), None)
        if alike is not None and key not in inside:
            yield f"{key}={data}/{alike}"


def _alike(key: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the names that look like a key, those closest to it first."""
    for wanted in _ALIKE[key]:
        yield from (name for name in names if _plain(name) == wanted)


def _fits(folder: Path, key: str) -> bool:
    """Whether the content of a folder does not speak against its name."""
    entries = list(islice(_walk(folder), _MOST_LOOKED_AT))
    if key == "notebooks":
        return not entries or any(name.endswith(".ipynb") for name in entries)
    return not any(name.endswith(".py") for name in entries)  # a package of that name


def _has_files(folder: Path) -> bool:
    with suppress(OSError), os.scandir(folder) as entries:
        return any(entry.is_file() and not entry.name.startswith(".") for entry in entries)
    return False


def _walk(folder: Path) -> Iterator[str]:
    """Yield the names of the files in a folder and in the folders directly in it."""
    for parent, folders, files in os.walk(folder):
        yield from files
        if Path(parent) != folder:
            folders.clear()


def _names(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted; none if it cannot be listed."""
    with suppress(OSError), os.scandir(folder) as entries:
        return sorted(
            each.name for each in entries if not each.name.startswith(".") and each.is_dir()
        )
    return []


def _present(root: Path, key: str, name: str) -> str:
    """Return a folder of the project as a path in it, in the case of letters that it has there."""
    path = Path(os.path.normpath(root / Path(name).expanduser())) if name else root
    if not path.is_relative_to(root):
        raise UserError(f"--adopt {key}={name} is not in {root}; move or copy it there first")
    if path == root:
        raise UserError(
            f"--adopt {key}={name} is the project's folder itself; move what belongs to {key} into "
            "a folder of its own first"
        )
    here = root
    for part in path.relative_to(root).parts:
        names = _names(here)
        same = next((each for each in names if each == part), None)
        near = same or next((each for each in names if each.casefold() == part.casefold()), None)
        if near is None:
            have = (
                f"the folders there are {', '.join(names[:20])}" if names else "it has no folders"
            )
            raise UserError(f"--adopt {key}={name}: there is no folder {part} in {here}; {have}")
        if same is None and not (here / part).is_dir():
            raise UserError(
                f"--adopt {key}={name}: the folder is called {near}; write {key}={near}"
            )
        here /= near
    return check_folder(_inside(root, here), f"--adopt {key}:")


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "").replace(" ", "")


def _differs_in_case(name: str, other: str) -> bool:
    return name != other and name.casefold() == other.casefold()


def _inside(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _is_in(path: str, above: str) -> bool:
    return PurePosixPath(path).is_relative_to(above)
