"""Generates worker notebooks: run in Colab, each is a worker of one sweep."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.project.config import load
from colabctl.project.layout import Layout
from colabctl.project.notebooks import bootstrap
from colabctl.project.notebooks.rendering import (
    ENDING,
    Cell,
    constants,
    import_lines,
    quoted,
    render,
    source_of,
)
from colabctl.project.notebooks.wheel import place_wheel, wheel
from colabctl.sharedfs.faults import fault_of
from colabctl.sharedfs.files import read_file, write_new
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.rights import make_folder
from colabctl.version import VERSION

TERMS = (
    "Colab's terms forbid distributed computing workers on runtimes without paid compute units. On "
    "every plan they forbid using several accounts to get around limits. Check for yourself "
    "whether your use is allowed: https://research.google.com/colaboratory/faq.html"
)
"""What Colab allows, in one line for a person."""

_LARGEST = 50_000_000  # bytes of a notebook, with the outputs of its run
_MOST = 100  # notebooks at a time; a folder on a Drive should not have thousands


@dataclass(frozen=True)
class Job:
    """The job of a worker notebook: a declared sweep, and the worker's limits.

    Attributes:
        digest: of everything that it may run (Plan.run_digest)
        declared_at: in seconds since 1970
        made_with: the version of colabctl that declared the sweep
        max_time: as people write it, such as 11h
        release: whether to release the machine after the work

    """

    sweep: str
    tasks: int
    program: str
    digest: str
    declared_by: str
    declared_at: float
    made_with: str
    max_time: str = "11h"
    release: bool = False


@dataclass(frozen=True)
class WorkerNotebooks:
    """The outcome of `write_workers`.

    Attributes:
        paths: the notebooks, in their order
        new: those that did not exist before; the others had the same cells already
        other: files that have the name of a notebook but other cells; they are unchanged

    """

    paths: tuple[Path, ...]
    new: frozenset[Path]
    other: tuple[Path, ...]


def write_workers(layout: Layout, member: str, job: Job, number: int) -> WorkerNotebooks:
    """Write `number` worker notebooks for `member`, and the wheel that they install.

    Their names are <sweep>-<member>-<n>.ipynb, with n from 1. Existing files with other cells are
    skipped: they were edited, or are for another limit, build or sweep. Nothing is overwritten, and
    repeating the call changes nothing. Raises UserError for a number that is not from 1 to 100, and
    for a sweep that was declared with another version of colabctl.
    """
    if not 1 <= number <= _MOST:
        raise UserError(f"-n is {number}; give a number of notebooks from 1 to {_MOST}")
    check_version(job)
    place_wheel(layout)
    project = load(layout.root, {}).name
    check_inside(layout.worker_notebooks, layout.root)
    make_folder(layout.worker_notebooks, parents=True)
    paths: list[Path] = []
    new: set[Path] = set()
    other: list[Path] = []
    for n in count(1):
        title = f"{job.sweep}-{member}-{n}"
        path = layout.worker_notebooks / f"{title}{ENDING}"
        content = worker(project, member, job, title)
        try:
            write_new(path, content)
            new.add(path)
        except FileExistsError:
            if _cells(_content(path)) != _cells(content):
                other.append(path)
                continue
        paths.append(path)
        if len(paths) == number:
            break
    return WorkerNotebooks(tuple(paths), frozenset(new), tuple(other))


def check_version(job: Job) -> None:
    """Raise UserError for a sweep that was declared with another version of colabctl."""
    if job.made_with != VERSION:
        raise UserError(
            f"sweep {job.sweep} was declared with colabctl {job.made_with}, and this is {VERSION}; "
            f"use {job.made_with}, or declare the sweep again under another name"
        )


def worker(project: str, member: str, job: Job, name: str) -> bytes:
    """Return the worker notebook `name` for `member` in the project called `project`."""
    own = wheel()
    names = constants(
        PROJECT=project, SWEEP=job.sweep, DIGEST=job.digest, WHEEL=own.name, SHA256=own.digest
    )
    form = (
        f'member = {quoted(member)}  #@param {{type: "string"}}\n'
        f'max_time = {quoted(job.max_time)}  #@param {{type: "string"}}\n'
        f'release_machine = {job.release}  #@param {{type: "boolean"}}\n'
        'project_folder = ""  #@param {type: "string", placeholder: "only if cell 5 asks for it"}'
    )
    imports = import_lines(bootstrap)
    mount = source_of(bootstrap.NotebookError, bootstrap.mount_drive)
    install = source_of(bootstrap.fetch, bootstrap.install)
    titled = {
        "who": ("Member and limits", f"{form}\n\n{bootstrap.OWN_PATH}\n\n{names}"),
        "mount": ("Mount the Drive", f"{imports}\n\n{mount}\n\nmount = mount_drive()"),
        "candidates": ("Where to look for the project", source_of(bootstrap.candidates)),
        "install": (
            "Install colabctl from the project",
            f"{install}\n\ninstall(WHEEL, SHA256, candidates(project_folder, mount))",
        ),
        "find": ("Find the project and read its secrets", _FIND),
        "work": ("Work until no tasks are left or the time is up", _WORK),
        "upload": ("Finish the upload, and release the machine if asked", _UPLOAD),
    }
    cells = [Cell("about", _about(project, member, job), "markdown")]
    for n, (id_, (title, source)) in enumerate(titled.items(), 1):
        cells.append(Cell(id_, f'#@title {n}. {title} {{display-mode: "form"}}\n{source}'))
    return render(name, cells)


_ABOUT = """\
# Worker for {sweep}

Runs tasks of the sweep **{sweep}** in the project **{project}** as **{member}**, until no tasks \
are left or {max_time} have passed.

| | |
|---|---|
| tasks | {tasks:,}, each runs {program} |
| code | digest `{digest}` |
| declared | by {declared_by}, {declared_at} |
| installs | colabctl {version}, from the project's folder |

Choose **Runtime > Run all** (in Jupyter: Run > Run All Cells). There is nothing to edit, and you \
can run it again at any time. It only runs the code with this digest; `colabctl trust` shows that \
code. The last cell finishes the upload to the Drive: what is not uploaded is lost with the machine.

> {terms}
"""

_FIND = """\
from colabctl.project.notebooks.colab_secrets import read_secrets
from colabctl.project.config import load
from colabctl.project.notebooks.find_project import find_project

root = find_project(PROJECT, project_folder, mount)
os.environ["COLABCTL_ROOT"] = str(root)
print(f"{PROJECT} is at {root}")
config = load(root, os.environ)
read_secrets(config.secrets, os.environ, [config.notify.secret] if config.notify else [])"""

_WORK = """\
import shlex

options = [SWEEP, "--member", member, "--trust-digest", DIGEST, "--max-time", max_time]
arguments = shlex.join(options) if os.name == "posix" else subprocess.list2cmdline(options)
!"{sys.executable}" -P -m colabctl work {arguments}
exit_code = _exit_code
print(f"colabctl work ended with exit code {exit_code}")"""

_UPLOAD = """\
if mount:
    from google.colab import drive, runtime

    drive.flush_and_unmount()
    if release_machine:
        runtime.unassign()
if globals().get("exit_code"):
    raise NotebookError(f"colabctl work ended with exit code {exit_code}; cell 6 shows why")"""


def _about(project: str, member: str, job: Job) -> str:
    """Return the text of a notebook's first cell."""
    return _ABOUT.format(
        **described(job),
        project=escaped(project),
        member=escaped(member),
        max_time=escaped(job.max_time),
        terms=TERMS,
    )


def described(job: Job) -> dict[str, Any]:
    """Return what the text of a notebook says about its sweep, with Markdown's characters escaped.

    The keys are sweep, program, declared_by, declared_at, tasks, digest and version.
    """
    return {
        "sweep": escaped(job.sweep),
        "program": escaped(job.program),
        "declared_by": escaped(job.declared_by),
        "declared_at": f"{datetime.fromtimestamp(job.declared_at, UTC):%Y-%m-%d %H:%M} UTC",
        "tasks": job.tasks,
        "digest": job.digest,
        "version": VERSION,
    }


def escaped(text: str) -> str:
    """Return `text` with Markdown's characters escaped, because others chose the names."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$&])", r"\\\1", text)


def _content(path: Path) -> bytes:
    """Return a file's content, or nothing if it cannot be a notebook, such as a pipe."""
    try:
        return read_file(path, _LARGEST)
    except OSError as error:
        if fault_of(error) == "passing":
            raise
        return b""


def _cells(notebook: bytes) -> list[tuple[str, str]] | None:
    """Return the kind and text of each cell, or None if this is not a notebook."""
    try:
        cells = json.loads(notebook)["cells"]
        return [(cell["cell_type"], "".join(cell["source"]).rstrip()) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
