"""Generates starter notebooks for members: open the project, then save and resume."""

from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.config import load
from colabctl.project.layout import Layout
from colabctl.project.notebooks import bootstrap
from colabctl.project.notebooks.rendering import (
    ENDING,
    Cell,
    constants,
    import_lines,
    render,
    source_of,
)
from colabctl.project.notebooks.wheel import wheel
from colabctl.sharedfs.files import write_new
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.names import check_name
from colabctl.sharedfs.rights import make_folder

_OPEN = """\
#@title Open the project {display-mode: "form"}
#@markdown Run this cell first. In Colab, it mounts the Drive and installs colabctl from the
#@markdown project. You can run it again at any time.
project_folder = ""  #@param {type: "string", placeholder: "only if an error asks for it"}

OWN_PATH

CONSTANTS

IMPORTS

FUNCTIONS

drive = mount_drive()
install(WHEEL, SHA256, candidates(project_folder, drive))

import colabctl
from colabctl.project.notebooks.find_project import find_project

os.environ["COLABCTL_ROOT"] = str(find_project(PROJECT, project_folder, drive))
project = colabctl.open(member=os.environ.setdefault("COLABCTL_MEMBER", MEMBER))
raw, interim, processed = project.raw, project.interim, project.processed
results, mine, final = project.results, project.mine, project.final
checkpoints = project.layout.member_checkpoints(project.member)
print(f"{PROJECT}, opened for {project.member}: {project.root}")"""

_SAVE = """\
# Slow work runs only once: if you run this cell again, even on another machine, it loads the file.
# Use the extension .parquet or .csv to save a pandas table, and .npy to save a NumPy array.
def build():
    return {"squares": [x * x for x in range(10)]}


features = project.checkpoint("features.json", build)
features"""


def starter(project: str, member: str, name: str) -> bytes:
    """Return the starter notebook `name` for `member`.

    `project` is the project's name in colabctl.yaml: its folder can have another path in each
    member's Drive. The same build of colabctl gives the same bytes.
    """
    own = wheel()
    functions = source_of(
        bootstrap.NotebookError,
        bootstrap.mount_drive,
        bootstrap.candidates,
        bootstrap.fetch,
        bootstrap.install,
    )
    parts = {
        "OWN_PATH": bootstrap.OWN_PATH,
        "CONSTANTS": constants(PROJECT=project, MEMBER=member, WHEEL=own.name, SHA256=own.digest),
        "IMPORTS": import_lines(bootstrap),
        "FUNCTIONS": functions,
    }
    lines = [parts.get(line, line) for line in _OPEN.splitlines()]
    cells = (Cell("open", "\n".join(lines)), Cell("save-and-resume", _SAVE))
    return render(name, cells)


def write_starter(layout: Layout, member: str, name: str) -> Path:
    """Write a new starter notebook for `member`, and return its path.

    Raises UserError for a name that is not a safe file name, and for one that exists already,
    ignoring case, as some file systems do.
    """
    title = check_name(name.removesuffix(ENDING), "notebook")
    path = layout.member_notebooks(member) / f"{title}{ENDING}"
    check_inside(path, layout.root)
    make_folder(path.parent, parents=True)
    existing = {file.name.casefold(): file for file in path.parent.iterdir()}
    if path.name.casefold() in existing:
        file = layout.relative(existing[path.name.casefold()])
        raise UserError(f"{file} already exists; choose another name")
    write_new(path, starter(load(layout.root, {}).name, member, title))
    return path
