"""Writes worker notebooks: each, opened in Colab and run, is a worker of one sweep."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.config import load
from colabctl.project.layout import Layout
from colabctl.project.notebooks import bootstrap
from colabctl.project.notebooks.rendering import (
    ENDING,
    Cell,
    constants,
    imports,
    quoted,
    render,
    written,
)
from colabctl.project.wheel import place_wheel, wheel
from colabctl.sharedfs.faults import fault_of
from colabctl.sharedfs.files import read_file, write_new
from colabctl.version import VERSION

TERMS = (
    "Colab's terms bar distributed computing workers on runtimes without paid compute units, and "
    "on every plan they bar using several accounts to get around limits. Whether your use is in "
    "order is for you to read: https://research.google.com/colaboratory/faq.html"
)
"""What Colab allows, in one line for a person."""

_LARGEST = 50_000_000  # bytes; one that was run holds what it printed
_MOST = 100  # notebooks at a time; a folder on a Drive should not hold thousands


@dataclass(frozen=True)
class Job:
    """What a worker notebook is for: a sweep as it was declared, and the limits of a worker.

    digest       of all that it runs (Plan.run_digest); the notebook runs nothing else
    declared_at  in seconds since 1970
    made_with    the version of colabctl that declared it
    max_time     as people write it, such as 11h
    release      whether to end the machine when the work is done
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
class Written:
    """What became of some worker notebooks: in what order they are to be opened.

    made   were not there before; kept: were, with the same cells, run or not
    other  lie where a notebook would have been written, with other cells, and were left alone
    """

    notebooks: tuple[Path, ...]
    made: frozenset[Path]
    other: tuple[Path, ...]


def write_workers(layout: Layout, member: str, job: Job, number: int) -> Written:
    """Have `number` worker notebooks for `member` in the project, and the wheel they install.

    They are called <sweep>-<member>-<n>.ipynb with the smallest n, from 1, that lead to no file
    with other cells: those were edited, or are for another limit, build or sweep. Nothing is
    overwritten, and to write them again changes nothing. Raises UserError for a number that is
    not from 1 to 100, and for a sweep that another version of colabctl declared.
    """
    if not 1 <= number <= _MOST:
        raise UserError(f"-n is {number}; give a number of notebooks from 1 to {_MOST}")
    if job.made_with != VERSION:
        raise UserError(
            f"sweep {job.sweep} was declared with colabctl {job.made_with}, and this is {VERSION}; "
            f"run this with {job.made_with}, or declare the sweep anew under another name"
        )
    place_wheel(layout)
    project = load(layout.root, {}).name
    layout.worker_notebooks.mkdir(parents=True, exist_ok=True)
    notebooks: list[Path] = []
    made: set[Path] = set()
    other: list[Path] = []
    for n in count(1):
        title = f"{job.sweep}-{member}-{n}"
        path = layout.worker_notebooks / f"{title}{ENDING}"
        content = worker(project, member, job, title)
        try:
            write_new(path, content)
            made.add(path)
        except FileExistsError:
            if _cells(_content(path)) != _cells(content):
                other.append(path)
                continue
        notebooks.append(path)
        if len(notebooks) == number:
            break
    return Written(tuple(notebooks), frozenset(made), tuple(other))


def worker(project: str, member: str, job: Job, name: str) -> bytes:
    """Return the worker notebook `name` for `member` in the project called `project`."""
    made = wheel()
    known = constants(
        PROJECT=project, SWEEP=job.sweep, DIGEST=job.digest, WHEEL=made.name, SHA256=made.digest
    )
    form = (
        f'member = {quoted(member)}  #@param {{type: "string"}}\n'
        f'max_time = {quoted(job.max_time)}  #@param {{type: "string"}}\n'
        f'release_machine = {job.release}  #@param {{type: "boolean"}}\n'
        'project_folder = ""  #@param {type: "string", placeholder: "only if cell 5 asks for it"}'
    )
    mount = written(bootstrap.NotebookError, bootstrap.mount_drive)
    places = written(bootstrap.places)
    install = written(bootstrap.fetch, bootstrap.install)
    titled = {
        "who": ("Who works, and how long", f"{form}\n\n{bootstrap.OWN_PATH}\n\n{known}"),
        "mount": ("Mount the Drive", f"{imports(bootstrap)}\n\n{mount}\n\nmount = mount_drive()"),
        "places": ("Where the project is looked for", places),
        "install": (
            "Install colabctl from the project",
            f"{install}\n\ninstall(WHEEL, SHA256, places(project_folder, mount))",
        ),
        "find": ("Find the project, and read the secrets that it names", _FIND),
        "work": ("Work until no task is left, or the time is over", _WORK),
        "upload": ("Upload what is left, and release the machine if asked", _UPLOAD),
    }
    cells = [Cell("about", _about(project, member, job), "markdown")]
    for n, (id_, (title, source)) in enumerate(titled.items(), 1):
        cells.append(Cell(id_, f'#@title {n}. {title} {{display-mode: "form"}}\n{source}'))
    return render(name, cells)


_ABOUT = """\
# Worker of {sweep}

Runs tasks of the sweep **{sweep}** in the project **{project}** as **{member}**, until none is \
left or {max_time} are over.

| | |
|---|---|
| tasks | {tasks:,}, each by {program} |
| code | digest `{digest}` |
| declared | by {declared_by}, {declared_at} |
| installs | colabctl {version}, from the project's own folder |

**Runtime > Run all** (in Jupyter: Run > Run All Cells). There is nothing to edit, and running it \
again is harmless. It runs the code with that digest and no other; `colabctl trust` shows it. The \
last cell uploads what is still on the way: what is not uploaded is lost with the machine.

> {terms}
"""

_FIND = """\
from colabctl.project.notebooks.colab_secrets import read_secrets
from colabctl.project.config import load
from colabctl.project.notebooks.find_project import find_project

root = find_project(PROJECT, project_folder, mount)
os.environ["COLABCTL_ROOT"] = str(root)
print(f"{PROJECT} is at {root}")
read_secrets(load(root, os.environ).secrets, os.environ)"""

_WORK = """\
import shlex

words = [SWEEP, "--member", member, "--trust-digest", DIGEST, "--max-time", max_time]
words = shlex.join(words) if os.name == "posix" else subprocess.list2cmdline(words)
!"{sys.executable}" -P -m colabctl work {words}
ended = _exit_code
print(f"colabctl work ended with exit {ended}")"""

_UPLOAD = """\
if mount:
    from google.colab import drive, runtime

    drive.flush_and_unmount()
    if release_machine:
        runtime.unassign()
if globals().get("ended"):
    raise NotebookError(f"colabctl work ended with exit {ended}; cell 6 says why")"""


def _about(project: str, member: str, job: Job) -> str:
    """Return the text that says what a notebook runs, and on whose behalf."""
    names = {"project": project, "member": member, "declared_by": job.declared_by}
    return _ABOUT.format(
        **{key: _plain(text) for key, text in names.items()},
        sweep=_plain(job.sweep),
        max_time=_plain(job.max_time),
        program=_plain(job.program),
        tasks=job.tasks,
        digest=job.digest,
        declared_at=f"{datetime.fromtimestamp(job.declared_at, UTC):%Y-%m-%d %H:%M} UTC",
        version=VERSION,
        terms=TERMS,
    )


def _plain(text: str) -> str:
    """Return Markdown that shows `text` as it is: names come from others."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$&])", r"\\\1", text)


def _content(path: Path) -> bytes:
    """Return what a file holds; nothing for what cannot be a notebook, such as a pipe."""
    try:
        return read_file(path, _LARGEST)
    except OSError as wrong:
        if fault_of(wrong) == "passing":
            raise
        return b""


def _cells(notebook: bytes) -> list[tuple[str, str]] | None:
    """Return kind and text of each cell; None if this is no notebook."""
    try:
        cells = json.loads(notebook)["cells"]
        return [(cell["cell_type"], "".join(cell["source"]).rstrip()) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
