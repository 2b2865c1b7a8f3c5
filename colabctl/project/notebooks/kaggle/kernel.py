"""The folders that `kaggle kernels push` takes: a notebook and its kernel-metadata.json each."""

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.notebooks.away import Away
from colabctl.project.notebooks.kaggle.accelerators import Accelerator
from colabctl.project.notebooks.kaggle.notebook import notebook
from colabctl.project.notebooks.rendering import ENDING
from colabctl.project.notebooks.worker import Job, check_version
from colabctl.sharedfs.files import read_file, write_new, write_whole
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.rights import make_folder

METADATA = "kernel-metadata.json"
_LONGEST = 50  # characters of a title
_SHORTEST = 5  # of a title, and of the last part of an id
_USER = re.compile(r"[a-z0-9][a-z0-9_-]{1,49}")
_MOST = 20  # kernels at a time; Kaggle runs two with a GPU, and five without
_LARGEST = 50_000_000  # bytes of a notebook that was run and saved


@dataclass(frozen=True)
class Kernel:
    """A kernel: its folder, its id on Kaggle, and whether this call has written it."""

    folder: Path
    id: str
    new: bool


def title_of(project: str, sweep: str, member: str, number: int) -> str:
    """Return a title that Kaggle takes: 5 to 50 of a-z, 0-9 and "-".

    Kaggle makes the last part of the id from the title, by the same rule as `slugify`; for these
    characters both are the same. Where the names have others, or are too long, the title gets a
    part of their digest, so that two sweeps do not become one kernel.
    """
    names = (project, sweep, member, str(number))
    text = "-".join(names)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if slug == text and _SHORTEST <= len(slug) <= _LONGEST:
        return slug
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()[:8]
    end = f"{digest}-{number}"
    start = slug.removesuffix(f"-{number}")[: _LONGEST - len(end) - 1].strip("-")
    return f"{start}-{end}" if start else f"sweep-{end}"


def check_user(user: str) -> str:
    """Return the name of an account of Kaggle in small letters; raise UserError if it is none."""
    name = user.strip().lower()
    if not _USER.fullmatch(name):
        raise UserError(
            f"{user!r} is not a username of Kaggle; it is the last part of your profile's address, "
            "https://www.kaggle.com/USERNAME"
        )
    return name


def metadata(user: str, title: str, accelerator: Accelerator) -> dict[str, Any]:
    """Return what kernel-metadata.json says; the kernel is private, and its internet is on."""
    return {
        "id": f"{user}/{title}",
        "title": title,
        "code_file": f"{title}{ENDING}",
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": accelerator.quota == "GPU",
        "enable_tpu": accelerator.quota == "TPU",
        "enable_internet": True,
        "machine_shape": accelerator.machine,
        "dataset_sources": [],
        "competition_sources": [],
        "kernel_sources": [],
        "model_sources": [],
    }


def write_kernels(
    layout: Layout,
    job: Job,
    away: Away,
    *,
    user: str,
    accelerator: Accelerator,
    number: int,
    force: bool = False,
) -> list[Kernel]:
    """Write the folders of `number` kernels.

    Repeating the call changes nothing. Raises UserError for a number that is not from 1 to 20, for
    a sweep that was declared with another version of colabctl, and, before anything is written, if
    one of the files exists with other content; with `force`, it is replaced.
    """
    if not 1 <= number <= _MOST:
        raise UserError(f"-n is {number}; give a number of kernels from 1 to {_MOST}")
    check_version(job)
    user = check_user(user)
    kernels: list[Kernel] = []
    contents: dict[Path, bytes] = {}
    for n in range(1, number + 1):
        title = title_of(away.project, job.sweep, away.member, n)
        folder = layout.worker_notebooks / "kaggle" / title
        described = json.dumps(metadata(user, title, accelerator), indent=1, ensure_ascii=False)
        own = {
            folder / f"{title}{ENDING}": notebook(title, job, away),
            folder / METADATA: f"{described}\n".encode(),
        }
        missing = {path: data for path, data in own.items() if not _holds(path, data)}
        if not force:
            _check_free(layout, missing)
        contents |= missing
        kernels.append(Kernel(folder, f"{user}/{title}", bool(missing)))
    for path, data in contents.items():
        check_inside(path, layout.root)
        make_folder(path.parent, parents=True)
        if force:
            write_whole(path, data)
        else:
            write_new(path, data)
    return kernels


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_file(path, _LARGEST) == data
    except OSError:
        return False


def _check_free(layout: Layout, contents: dict[Path, bytes]) -> None:
    for path in contents:
        if path.exists() or path.is_symlink():
            raise UserError(
                f"{layout.relative(path)} exists with other content, and stays unchanged; to "
                "replace it, add --force"
            )
