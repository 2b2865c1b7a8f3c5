"""Writes the notebooks that members begin with: open the project, then save and resume."""

from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.config import load
from colabctl.project.layout import Layout
from colabctl.project.notebooks import bootstrap
from colabctl.project.notebooks.rendering import ENDING, Cell, constants, imports, render, written
from colabctl.project.wheel import wheel
from colabctl.sharedfs.files import write_new
from colabctl.sharedfs.names import check_name

_OPEN = """\
#@title Open the project {display-mode: "form"}
#@markdown Run this first. In Colab it mounts the Drive and installs colabctl from the project.
#@markdown Running it again is harmless.
project_folder = ""  #@param {type: "string", placeholder: "only if you are asked for it"}

OWN_PATH

CONSTANTS

IMPORTS

FUNCTIONS

drive = mount_drive()
install(WHEEL, SHA256, places(project_folder, drive))

import colabctl
from colabctl.project.notebooks.find_project import find_project

os.environ["COLABCTL_ROOT"] = str(find_project(PROJECT, project_folder, drive))
project = colabctl.open(member=os.environ.setdefault("COLABCTL_MEMBER", MEMBER))
raw, interim, processed = project.raw, project.interim, project.processed
results, mine, final = project.results, project.mine, project.final
checkpoints = project.layout.member_checkpoints(project.member)
print(f"{PROJECT}, opened for {project.member}: {project.root}")"""

_SAVE = """\
# Slow work is done once. Run this cell again, or tomorrow on another machine: it loads the file.
# A table or an array is saved in the same way: its file ends in .parquet, .csv or .npy.
def build():
    return {"squares": [x * x for x in range(10)]}


features = project.checkpoint("features.json", build)
features"""


def starter(project: str, member: str, name: str) -> bytes:
    """Return the notebook `name` for `member`: open the project, then save and resume.

    `project` is what colabctl.yaml calls it: the Drive of every member may hold it in another
    place. The same build of colabctl gives the same bytes.
    """
    made = wheel()
    known = constants(PROJECT=project, MEMBER=member, WHEEL=made.name, SHA256=made.digest)
    functions = written(
        bootstrap.NotebookError,
        bootstrap.mount_drive,
        bootstrap.places,
        bootstrap.fetch,
        bootstrap.install,
    )
    parts = {
        "OWN_PATH": bootstrap.OWN_PATH,
        "CONSTANTS": known,
        "IMPORTS": imports(bootstrap),
        "FUNCTIONS": functions,
    }
    lines = [parts.get(line, line) for line in _OPEN.splitlines()]
    cells = (Cell("open", "\n".join(lines)), Cell("save-and-resume", _SAVE))
    return render(name, cells)


def write_starter(layout: Layout, member: str, name: str) -> Path:
    """Write a new notebook for `member`, with what every one begins with, and return its path.

    Raises UserError for a name that is no safe file name, and for one that is taken, also if only
    by its letters' case: on some systems the two are one file.
    """
    title = check_name(name.removesuffix(ENDING), "notebook")
    path = layout.member_notebooks(member) / f"{title}{ENDING}"
    path.parent.mkdir(parents=True, exist_ok=True)
    taken = {there.name.casefold(): there for there in path.parent.iterdir()}
    if path.name.casefold() in taken:
        there = layout.relative(taken[path.name.casefold()])
        raise UserError(f"{there} is there already; choose another name")
    write_new(path, starter(load(layout.root, {}).name, member, title))
    return path
