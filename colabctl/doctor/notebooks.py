"""Names notebooks that two people run, and conflicts that a merge has left in one.

Files do not say who saved them. Colab notes in each cell who ran it last, and that is read here. A
cell that was only edited does not show, nor does a notebook that does not save outputs.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from colabctl.doctor.check import Check
from colabctl.errors import UserError
from colabctl.notebook.versions.history import History, Person, history
from colabctl.project.layout import Layout
from colabctl.sharedfs.droppings import is_dropping
from colabctl.sharedfs.files import read_file

_RECENT = 30  # days
_DAY = 86_400.0  # seconds
_MOST = 300  # notebooks to read
_MOST_BYTES = 300 << 20  # of all of them; most of it is outputs
_FIX = (
    "the last to save overwrites the other: let one person save it, and the other work in a copy "
    "(in Colab: File > Save a copy in Drive) to bring back with colabctl notebook merge"
)


def notebooks(layout: Layout, now: Callable[[], float] = time.time) -> Iterator[Check]:
    """Yield a check for each notebook that two people ran lately, or with conflicts in it."""
    past, total = _histories(layout)
    persons = _persons(layout, past)
    count = 0
    for path, each in past.items():
        if each.conflicts:
            yield Check(
                "notebooks", "note",
                f"{layout.relative(path)} has conflicts that a merge marked: {each.conflicts}",
                "open it, decide at each cell that starts with Conflict, and delete that cell",
            )  # fmt: skip
        recent = [person for person in each.people if now() - person.last < _RECENT * _DAY]
        if len({person.name.casefold() for person in recent}) > 1:
            count += 1
            shown = " and ".join(map(_shown, recent[:3]))
            yield Check(
                "notebooks", "note",
                f"{layout.relative(path)} was run by more than one person in the last {_RECENT} "
                f"days: {shown}",
                _FIX,
            )  # fmt: skip
        elif recent and (home := _home(layout, path, recent[0], persons)):
            count += 1
            yield Check(
                "notebooks", "note",
                f"{layout.relative(path)} was last run by {_shown(recent[0])}, whose notebooks are "
                f"in {layout.relative(home)}",
                _FIX,
            )  # fmt: skip
    if total > len(past):
        yield Check("notebooks", "note", f"only {len(past)} of {total} notebooks were checked")
    if past and not count:
        telling = sum(bool(each.people) for each in past.values())
        yield Check(
            "notebooks", "ok",
            f"no notebook was run by two people in the last {_RECENT} days ({telling} of "
            f"{len(past)} say who ran them)",
        )  # fmt: skip


def _histories(layout: Layout) -> tuple[dict[Path, History], int]:
    """Return what people's notebooks say of their past, by path; and how many notebooks there are.

    The latest are read first. One that cannot be read, or is no notebook, is left out.
    """
    files = sorted(_files(layout), reverse=True)
    past: dict[Path, History] = {}
    left, skipped = _MOST_BYTES, 0
    for _, name, size in files:
        if len(past) == _MOST or size > left:
            skipped += 1
            continue
        left -= size
        path = Path(name)
        try:
            past[path] = history(read_file(path, size, layout.root), name)
        except (OSError, UserError):
            continue
    return dict(sorted(past.items())), len(past) + skipped


def _files(layout: Layout) -> Iterator[tuple[float, str, int]]:
    """Yield people's notebooks: when each changed, its path and its size."""
    others = (layout.data, layout.sweeps, layout.records, layout.checkpoints)
    passed = {os.fspath(path) for path in (*others, layout.worker_notebooks)}
    for folder, folders, names in os.walk(layout.root):
        folders[:] = [
            name
            for name in folders
            if not is_dropping(name)
            and not name.startswith(".")
            and os.path.join(folder, name) not in passed  # noqa: PTH118 - text, for speed
        ]
        for name in names:
            if name.endswith(".ipynb") and not is_dropping(name):
                path = Path(folder, name)
                try:
                    status = path.stat()
                except OSError:
                    continue
                yield status.st_mtime, str(path), status.st_size


def _persons(layout: Layout, past: dict[Path, History]) -> dict[Path, str]:
    """Return who ran most notebooks last, for each member's folder: the id of a Google account."""
    counts: dict[Path, Counter[str]] = {}
    for path, each in past.items():
        folder = _folder(layout, path)
        if each.people and folder is not None:
            counts.setdefault(folder, Counter())[each.people[0].id] += 1
    return {folder: count.most_common(1)[0][0] for folder, count in counts.items()}


def _home(layout: Layout, path: Path, person: Person, persons: dict[Path, str]) -> Path | None:
    """Return the folder of the person who ran a notebook, if it is another member's folder."""
    folder = _folder(layout, path)
    homes = [home for home, id_ in persons.items() if id_ == person.id]
    return homes[0] if folder is not None and homes and folder not in homes else None


def _folder(layout: Layout, path: Path) -> Path | None:
    """Return the member's folder that a notebook is in."""
    if not path.is_relative_to(layout.notebooks):
        return None
    first, *inner = path.relative_to(layout.notebooks).parts
    return layout.notebooks / first if inner else None


def _shown(person: Person) -> str:
    day = time.strftime("%Y-%m-%d", time.localtime(person.last))
    cells = "1 cell" if person.cells == 1 else f"{person.cells} cells"
    return f"{person.name} ({cells}, last on {day})"
