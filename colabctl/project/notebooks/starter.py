"""Generates starter notebooks for members: open the project, then save and resume."""

import os
from pathlib import Path

from colabctl.errors import UserError
from colabctl.notebook.document import decode
from colabctl.notebook.versions.saved import SavedNotebook, read_saved, write_saved
from colabctl.project.config import load
from colabctl.project.layout import Layout
from colabctl.project.notebooks import bootstrap
from colabctl.project.notebooks.from_template import OPENING, from_template
from colabctl.project.notebooks.rendering import (
    ENDING,
    Cell,
    constants,
    import_lines,
    render,
    source_of,
)
from colabctl.project.notebooks.wheel import wheel
from colabctl.sharedfs.files import read_file, write_new
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.names import check_name
from colabctl.sharedfs.rights import make_folder

_LARGEST_TEMPLATE = 100 << 20  # bytes

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


def starter(project: str, member: str, name: str, template: SavedNotebook | None = None) -> bytes:
    """Return the starter notebook `name` for `member`; a template's cells replace the examples.

    `project` is the project's name in colabctl.yaml: its folder can have another path in each
    member's Drive. The same build of colabctl gives the same bytes.
    """
    opening = Cell(OPENING, _opening(project, member))
    if template is None:
        return render(name, (opening, Cell("save-and-resume", _SAVE)))
    words = {"project": project, "member": member, "name": name}
    return write_saved(from_template(template, opening, words))


def group_template(layout: Layout) -> SavedNotebook | None:
    """Return the project's own template; None if it has none, or one with a `template_fault`.

    Raises UserError if it is not a notebook in Python.
    """
    path = layout.notebook_template
    if not path.exists() or template_fault(layout):
        return None
    return read_template(path)


def template_fault(layout: Layout) -> str:
    """Return why the project's template is not used; "" if it is, or if there is none."""
    path = layout.notebook_template
    name = layout.relative(path)
    if not os.path.lexists(path):
        return ""
    try:
        check_inside(path, layout.root)
    except UserError:
        return f"{name} leads out of the project, so the usual notebook is used"
    return "" if path.is_file() else f"{name} is not a file, so the usual notebook is used"


def read_template(path: Path) -> SavedNotebook:
    """Return a template; raise UserError if it is not a notebook in Python."""
    try:
        content = read_file(path, _LARGEST_TEMPLATE)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give the path of a notebook") from None
    document = decode(content, str(path))
    if not document.is_python:
        raise UserError(
            f"{path} is written in {document.language}, and the cell that opens the project needs "
            "Python; give a template in Python"
        )
    return read_saved(content, str(path))


def _opening(project: str, member: str) -> str:
    """Return the source of the cell that opens the project."""
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
    return "\n".join(parts.get(line, line) for line in _OPEN.splitlines())


def write_starter(
    layout: Layout, member: str, name: str, template: SavedNotebook | None = None
) -> Path:
    """Write a new starter notebook for `member`, and return its path.

    Its cells are those of `template`, else of the project's template, else examples. Raises
    UserError for a template that is not a notebook, for a name that is not a safe file name, and
    for one that exists already, ignoring case, as some file systems do.
    """
    title = check_name(name.removesuffix(ENDING), "notebook")
    path = layout.member_notebooks(member) / f"{title}{ENDING}"
    check_inside(path, layout.root)
    make_folder(path.parent, parents=True)
    existing = {file.name.casefold(): file for file in path.parent.iterdir()}
    if path.name.casefold() in existing:
        file = layout.relative(existing[path.name.casefold()])
        raise UserError(f"{file} already exists; choose another name")
    cells = template or group_template(layout)
    write_new(path, starter(load(layout.root, {}).name, member, title, cells))
    return path
