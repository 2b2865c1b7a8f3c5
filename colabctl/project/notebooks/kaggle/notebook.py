"""The notebook that Kaggle runs as a worker of one sweep."""

from colabctl.durations import format_duration
from colabctl.project.notebooks import away as code
from colabctl.project.notebooks.away import Away
from colabctl.project.notebooks.rendering import Cell, render
from colabctl.project.notebooks.worker import Job, described, escaped

_ABOUT = """\
# Worker for {sweep}

Runs tasks of the sweep **{sweep}** in the project **{project}** as **{member}**, until no tasks \
are left or the time is up. Kaggle stops it after {limit}; it ends earlier, \
with everything uploaded.

| | |
|---|---|
| tasks | {tasks:,}, each runs {program} |
| code | digest `{digest}` |
| declared | by {declared_by}, {declared_at} |
| store | {url} |
| installs | colabctl {version}, from the store |
| secrets | {secrets} |

Kaggle cannot mount a Drive, so this works on a mirror of the project's store. Attach the secrets \
once: in Kaggle's editor, **Add-ons > Secrets**, then **Save Version > Save & Run All**. It \
only runs the code with this digest; `colabctl trust` shows that code.
"""


def notebook(title: str, job: Job, away: Away) -> bytes:
    """Return the notebook of a kernel."""
    secrets = ", ".join(f"`{name}`" for name in away.secrets) or "none"
    about = _ABOUT.format(
        **described(job),
        project=escaped(away.project),
        member=escaped(away.member),
        url=escaped(away.url),
        limit=format_duration(away.seconds),
        secrets=secrets,
    )
    titled = {
        "settings": ("What to work on", code.settings(job, away)),
        "secrets": ("Read the secrets", f"{code.imports()}\n\n\n{code.secrets(away)}"),
        "install": ("Install colabctl from the store", code.install()),
        "clone": ("Make a mirror of the project", f"{code.running()}\n\n\n{code.CLONE}"),
        "work": ("Work until no tasks are left or the time is up", code.WORK),
        "upload": ("Upload what is left", code.UPLOAD),
    }
    cells = [Cell("about", about, "markdown")]
    for n, (id_, (named, source)) in enumerate(titled.items(), 1):
        cells.append(Cell(id_, f'#@title {n}. {named} {{display-mode: "form"}}\n{source}'))
    return render(title, cells)
