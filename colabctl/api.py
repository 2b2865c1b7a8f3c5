"""The Python interface for notebooks and scripts: a project, its folders and its sweeps."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from colabctl.checkpoints.cached import cached
from colabctl.checkpoints.checkpoint import checkpoint
from colabctl.checkpoints.origin import Owner
from colabctl.declare.declare import declare
from colabctl.declare.preview import draft
from colabctl.errors import UserError
from colabctl.project.approvals import approvals_for
from colabctl.project.config import Config, load
from colabctl.project.current_member import current_member
from colabctl.project.layout import Layout, SweepLayout
from colabctl.project.root import find_root, usual_drives
from colabctl.report.line import with_line
from colabctl.run.notebook.loop_process import orders
from colabctl.run.redaction import concealer
from colabctl.run.termination import KILL_AFTER
from colabctl.run.workspace.workspace import path_translator
from colabctl.sweeps import (
    check_in_use,
    differing,
    find_sweep,
    plan_if_readable,
    run_folders,
)
from colabctl.task import Task
from colabctl.views.notice import notice
from colabctl.views.results import Result, Results
from colabctl.views.results.content import View, content
from colabctl.views.results.folders import folders
from colabctl.views.results.frame import frame
from colabctl.views.results.names import Names
from colabctl.views.results.query import Query
from colabctl.views.status import Status, status
from colabctl.work.identity import new_identity
from colabctl.work.loop.worker import InlineWorker, print_message
from colabctl.work.notices import Notices
from colabctl.work.open_sweep import OpenSweep

if TYPE_CHECKING:
    import pandas as pd

_FRAME = ("task", "status", "attempt", "member", "seconds", "error")
"""The columns that every frame has."""


@dataclass(frozen=True)
class Project:
    """A project: its folders, its checkpoints and its sweeps. Get one from colabctl.open().

    Attributes:
        member: Your name in the project.

    """

    layout: Layout
    config: Config
    member: str

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.layout.root

    @property
    def raw(self) -> Path:
        """The raw data. Never write here."""
        return self.layout.raw

    @property
    def interim(self) -> Path:
        """Intermediate data, between raw and processed."""
        return self.layout.interim

    @property
    def processed(self) -> Path:
        """Data to train models on."""
        return self.layout.processed

    @property
    def results(self) -> Path:
        """The results, with a folder for each member."""
        return self.layout.results

    @property
    def mine(self) -> Path:
        """Your own results folder."""
        return self.layout.member_results(self.member)

    @property
    def final(self) -> Path:
        """Results that the group has agreed on."""
        return self.layout.final

    @property
    def _owner(self) -> Owner:
        return Owner(self.layout.member_checkpoints(self.member), self.root, self.member)

    def checkpoint(
        self,
        name: "str | PurePath",
        build: Callable[..., Any] | None = None,
        depends: Any = None,
        *,
        pickle: bool = False,
    ) -> Any:
        """Load a saved value, or build it and save it for next time.

        It is built again, after a note on stderr that says why, if the code of `build` or what it
        depends on has changed, or the file is not what was saved.

        Args:
            name: A path in your checkpoints folder, such as "features.parquet". The extension
                decides the format: .parquet, .feather or .csv for a data frame, .npy or .npz for
                arrays, .pt or .safetensors for tensors, .json for plain values, .txt for text. A
                name that ends with / is a folder, and its path is returned.
            build: Returns the value. For a folder, it gets a new folder to write into. Without it,
                the value is only loaded.
            depends: What else the value is made from: a file, folder or value, a list of them, or
                a dictionary of them by name.
            pickle: Also allow .joblib and .pkl, which run code when they are loaded.

        Raises:
            UserError: There is nothing to load or build; the extension is not one of these; its
                format cannot hold the value; or the path is outside the folder.

        """
        return checkpoint(self._owner, name, build, depends, pickle=pickle)

    def cached(
        self,
        function: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        format: str | None = None,  # noqa: A002 - as in Results and pandas
    ) -> Any:
        """Keep the values of a function by its arguments: use it as `@project.cached`.

        A value is computed again if the code of the function has changed, or a file that it got as
        a pathlib.Path.

        Args:
            function: The function.
            name: Names its folder in your checkpoints, instead of the function's own name.
            format: An extension, such as "parquet"; by default, it follows from the value.

        Raises:
            UserError: When it is called: an argument has no stable content, such as a model; it is
                named.

        """
        if function is not None:
            return cached(function, self._owner, name, format)
        return lambda each: cached(each, self._owner, name, format)

    def sweep(self, name: str, space: Mapping[str, Any] | None = None, **keys: Any) -> "Sweep":
        """Declare a sweep, or open one that is already declared.

        Declaring the same sweep again opens it, so a notebook can run this line many times.

        Args:
            name: Name of the sweep.
            space: The parameters, by name. A list is the values to try, a single value is a
                constant, and a mapping is a distribution as in a sweep file, such as
                {"min": 1, "max": 4}. Without a space, the declared sweep is opened.
            **keys: Other keys of a sweep file, such as method="random", trials=20.

        Raises:
            UserError: The declaration has problems, which are all listed; another sweep has
                this name; or there is no sweep with this name to open.

        """
        if space is None:
            if keys:
                raise UserError(
                    f"sweep {name}: {', '.join(keys)} cannot be used without a space; "
                    "to open a declared sweep, pass only its name"
                )
            approved = orders(os.environ)
            digest = approved.digest if approved.sweep == name else None
            return Sweep(self, _with_note(find_sweep(self.layout, name, digest)), digest)
        content = {
            "method": "grid",
            **keys,
            "parameters": {parameter: _spell_out(value) for parameter, value in space.items()},
        }
        declared = declare(
            draft(content, f"sweep {name}"),
            self.layout,
            self.config,
            name=name,
            member=self.member,
            now=time.time(),
            approvals=approvals_for(self.root, os.environ),
            here=Path.cwd(),
        )
        for sentence in declared.damage:
            print(f"colabctl: note: {sentence}", file=sys.stderr, flush=True)
        return Sweep(self, _with_note(declared.layout), declared.plan.run_digest)


@dataclass(frozen=True)
class Sweep:
    """A declared sweep. Get one from Project.sweep().

    Attributes:
        digest: The digest of what you declared or approved, None if only its name is known.

    """

    project: Project
    layout: SweepLayout
    digest: str | None = None

    @property
    def name(self) -> str:
        """The name of the sweep."""
        return self.layout.name

    def tasks(self) -> Iterator[Task]:
        """Claim and yield one task after another until the sweep is finished.

        Several notebooks can run this loop at the same time, and each task goes to one of them:

            for task in sweep.tasks():
                with task:
                    task.done(loss=train(**task.params))

        The `with` block records the task as done. If it raises an exception, the task is recorded
        as failed and the loop continues.

        Raises:
            UserError: Someone has changed the sweep since you declared it, or archived it.

        """
        check_in_use(self.layout)
        sweep = self._open()
        if self.digest is not None and sweep.plan.run_digest != self.digest:
            raise UserError(
                f"{self.layout.plan} was changed after you declared or approved the sweep; restore "
                "it from the folder's version history, or declare the sweep under another name"
            )
        config, limits = self.project.config, orders(os.environ)
        identity = new_identity(sweep.plan, config, self.project.member, mark=limits.mark)
        conceal = concealer(config.all_secrets, os.environ)
        translate = path_translator(os.environ)
        worker = InlineWorker(
            sweep,
            identity,
            conceal=lambda text: translate(conceal(text)),
            max_tasks=limits.most,
            notices=Notices(sweep, config.notify, os.environ, notice, print_message, faults=set()),
            kill_after=KILL_AFTER if config.kill_after is None else config.kill_after,
        )
        if limits.mark:  # a worker runs this notebook, and shows how far the sweep is
            return worker.tasks()
        return with_line(sweep, worker.tasks(), lock=worker.own_lock)

    def results(self) -> list[Result]:
        """Return the results of finished tasks, one for each, in order.

        A result has params, metrics, status ("done", "pruned" or "failed"), member, seconds and
        more.
        """
        return list(self._results()[1])

    def frame(self, where: str | None = None, *, all: bool = False) -> "pd.DataFrame":  # noqa: A002
        """Return the results of finished tasks as a pandas data frame, a row for each.

        Args:
            where: A condition on their values, such as "lr < 0.01 and model == 'svm'", as in
                `colabctl results --where`.
            all: Also the columns that every task has the same value in, and what the workers ran
                on.

        Raises:
            UserError: The condition cannot be read or names what no task has, or pandas is not
                installed.

        """
        sweep, results = self._results()
        names = Names(sweep.plan, sweep.tasks, results)
        view = View(Query(where), for_people=not all, always=_FRAME)
        state = sweep.ledger.state
        return frame(content(view, sweep.plan, state, results, names).table())

    def _results(self) -> tuple[OpenSweep, Results]:
        sweep = self._open()
        sweep.ledger.refresh()
        homes = run_folders(sweep.layout, sweep.plan)
        folder_of = folders(sweep.root, sweep.layout, homes)
        state = sweep.ledger.state
        return sweep, Results(sweep.plan, state, sweep.tasks, folder_of=folder_of)

    def status(self) -> Status:
        """Return the sweep's progress: the numbers of tasks, the workers, the best task."""
        sweep = self._open()
        sweep.ledger.refresh()
        return status(sweep.plan, sweep.ledger, sweep.tasks)

    def show(self) -> None:
        """Draw the sweep's progress in this cell of a notebook: counts, best, cells, workers.

        Raises:
            UserError: This is not a notebook.

        """
        from colabctl.report.cell import draw, drawn  # noqa: PLC0415 - workers start sooner

        draw(drawn(self.status()), "sweep.show()", "print(sweep.status())")

    def report(self, file: "str | os.PathLike[str] | None" = None) -> None:
        """Draw the page of `colabctl report` in this cell, or write it to a file.

        Args:
            file: The file; one that is not a report of this sweep is not replaced.

        Raises:
            UserError: plotly is not installed; the file is something else or cannot be written; or
                there is no file and this is not a notebook.

        """
        from colabctl.report.cell import draw, framed  # noqa: PLC0415 - as above
        from colabctl.report.facts import facts  # noqa: PLC0415
        from colabctl.report.page import check_plotly, page  # noqa: PLC0415
        from colabctl.report.write import write_page  # noqa: PLC0415

        sweep = self._open()
        if file is not None:
            write_page([sweep], Path(file))
            return
        check_plotly()
        sweep.ledger.refresh()
        html = framed(page(facts([sweep], None)))
        draw(html, "sweep.report()", 'sweep.report("report.html")')

    def _open(self) -> OpenSweep:
        return OpenSweep.at(self.project.root, self.layout)


def _with_note(layout: SweepLayout) -> SweepLayout:
    """Return a sweep's paths, after a note if other sweeps were declared under its name."""
    plan = plan_if_readable(layout)
    for sentence in differing(layout, plan) if plan else ():
        print(f"colabctl: note: {sentence}", file=sys.stderr, flush=True)
    return layout


def open_project(root: "str | os.PathLike[str] | None", member: str | None) -> Project:
    """Open a project; see colabctl.open."""
    _mount_drive()
    explicit = Path(root) if root is not None else None
    folder = find_root(explicit, os.environ, Path.cwd(), usual_drives(Path.home()))
    config = load(folder, os.environ)
    return Project(config.layout, config, current_member(config, os.environ, member).name)


def _mount_drive() -> None:
    """Mount the Drive if this is a Colab notebook and it is not mounted yet."""
    if "COLAB_RELEASE_TAG" not in os.environ or Path("/content/drive/MyDrive").exists():
        return
    if "COLABCTL_TASK" in os.environ:  # a worker's program: only a notebook can mount
        return
    try:
        from google.colab import drive  # noqa: PLC0415 - Colab only
    except ImportError:
        return
    drive.mount("/content/drive")


def _spell_out(value: Any) -> Any:
    """Return a parameter of a Python space in the form that a sweep file has."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):  # a NumPy array or number
        value = value.tolist()
    if isinstance(value, str | bytes) or not isinstance(value, Sequence | range):
        return {"value": value}
    return {"values": list(value)}
