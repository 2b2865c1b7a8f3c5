"""A sweep, its tasks and its results, as Python sees it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colabctl.errors import UserError
from colabctl.project.approvals import approvals_for
from colabctl.project.layout import SweepLayout
from colabctl.report.line import with_line
from colabctl.run.notebook.loop_process import orders
from colabctl.run.redaction import concealer
from colabctl.run.termination import KILL_AFTER
from colabctl.run.workspace.workspace import path_translator
from colabctl.sweeps import (
    check_in_use,
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
from colabctl.work.data.staging import staged_data
from colabctl.work.identity import new_identity, writer_name
from colabctl.work.loop.worker import InlineWorker, print_message
from colabctl.work.notices import Notices
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.records.room import RoomWatch

if TYPE_CHECKING:
    import pandas as pd

    from colabctl.api.project import Project

_FRAME = ("task", "status", "attempt", "member", "seconds", "error")
"""The columns that every frame has."""


@dataclass(frozen=True)
class Sweep:
    """A declared sweep. Get one from Project.sweep().

    Attributes:
        digest: The digest of what you declared or approved, None if only its name is known.

    """

    project: "Project"
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
        worker = self._worker()
        if orders(os.environ).mark:  # a worker runs this notebook, and shows how far the sweep is
            return self._tasks(worker, InlineWorker.tasks)
        return self._tasks(worker, lambda w: with_line(w.sweep, w.tasks(), lock=w.own_lock))

    def _tasks(
        self, worker: InlineWorker, tasks: Callable[[InlineWorker], Iterator[Task]]
    ) -> Iterator[Task]:
        """Yield the tasks of a worker, and of another one each time the sweep was extended."""
        ran = 0
        while True:
            yield from tasks(worker)
            if worker.claimer.tally.ending != "extended":
                return
            ran += len(worker.claimer.tally.ends)
            worker = self._worker(ran)

    def _worker(self, ran: int = 0) -> InlineWorker:
        sweep = self._open()
        if self.digest is not None and sweep.plan.run_digest != self.digest:
            raise UserError(
                f"{self.layout.plan} was changed after you declared or approved the sweep; restore "
                "it from the folder's version history, or declare the sweep under another name"
            )
        sweep.check_claims()
        config, limits = self.project.config, orders(os.environ)
        identity = new_identity(sweep.plan, config, self.project.member, mark=limits.mark)
        conceal = concealer(config.all_secrets, os.environ)
        translate = path_translator(os.environ)
        return InlineWorker(
            sweep,
            identity,
            conceal=lambda text: translate(conceal(text)),
            max_tasks=None if limits.most is None else limits.most - ran,
            data=staged_data(
                sweep.plan, self.project.layout, tell=print_message, bring=self.project.store.bring
            ),
            notices=Notices(sweep, config.notify, os.environ, notice, print_message, faults=set()),
            room=RoomWatch(config.root, config.min_free, identity.heartbeat, print_message),
            kill_after=KILL_AFTER if config.kill_after is None else config.kill_after,
        )

    def extend(
        self,
        trials: int | str | None = None,
        *,
        values: Mapping[str, Any] | None = None,
    ) -> int:
        """Add trials or values; what the sweep has stays, and only new tasks run.

        Workers that run take the new tasks too, and so does the loop over `tasks()`.

        Args:
            trials: The new number of tasks for each combination of `foreach`, such as 200; or
                how many more, such as "+50".
            values: More values of listed parameters, such as {"dataset": ["covtype", "wine"]}; a
                value that is not a list counts as one.

        Returns:
            The number of new tasks; 0 if the sweep has all of them already.

        Raises:
            UserError: The sweep is archived, or cannot have these trials or values.

        """
        from colabctl.declare.extend import (  # noqa: PLC0415 - as below
            addable,
            asked_in_python,
            extend,
        )

        project, asked = self.project, asked_in_python(trials, values)
        added, _ = extend(
            lambda: addable(
                project.layout, self.layout, asked, project.config,
                writer=writer_name(project.member), member=project.member, now=time.time(),
            ),
            project.config,
            approvals_for(project.root, os.environ),
            lock=self._open().lock(),
            asked=asked,
        )  # fmt: skip
        return len(added.tasks)

    def results(self) -> list[Result]:
        """Return the results of finished tasks, one for each, in order.

        A result has params, metrics, status ("done", "pruned" or "failed"), member, seconds and
        more.
        """
        return list(self._results()[1])

    def frame(
        self,
        where: str | None = None,
        *,
        by: Sequence[str] = (),
        pareto: bool = False,
        all: bool = False,  # noqa: A002 - as --all
    ) -> "pd.DataFrame":
        """Return the results of finished tasks as a pandas data frame, a row for each.

        Args:
            where: A condition on their values, such as "lr < 0.01 and model == 'svm'", as in
                `colabctl results --where`.
            by: Names to group them by, as `colabctl results --by` does; ["config"] gives a row for
                each configuration of a sweep with repeats, with count, best, mean and sd.
            pareto: Only the tasks on the Pareto front of several metrics.
            all: Also the columns that every task has the same value in, and what the workers ran
                on.

        Raises:
            UserError: The condition cannot be read or names what no task has, or pandas is not
                installed.

        """
        sweep, results = self._results()
        names = Names(sweep.plan, sweep.tasks, results)
        names_by = [by] if isinstance(by, str) else by
        view = View(
            Query(where, pareto=pareto), names_by, for_people=not all and not by, always=_FRAME
        )
        state = sweep.ledger.state
        return frame(content(view, sweep.plan, state, results, names).table())

    def _results(self) -> tuple[OpenSweep, Results]:
        sweep = self._open()
        sweep.ledger.refresh()
        homes = run_folders(sweep.layout, sweep.plan)
        folder_of = folders(sweep.root, sweep.layout, homes, sweep.ledger.numbering)
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

    def promote(
        self,
        task: str | None = None,
        *,
        best: bool = False,
        metric: str | None = None,
        goal: str | None = None,
        where: str | None = None,
        name: str | None = None,
        note: str | None = None,
        replace: bool = False,
    ) -> Path:
        """Promote the folder and the result of a task, or of the best one, as Project.promote does.

        `metric`, `goal` and `where` are as in `colabctl promote SWEEP --best`.
        """
        from colabctl.promote.from_python import promote_task  # noqa: PLC0415 - as above

        project = self.project
        return promote_task(
            project.config, project.member, self._open(), task, best=best, metric=metric, goal=goal,
            where=where, name=name, note=note, replace=replace,
        )  # fmt: skip

    def _open(self) -> OpenSweep:
        return OpenSweep.at(self.project.root, self.layout, self.project.store)
