"""What `colabctl.open()` gives to a notebook or script: a project, its paths and its sweeps."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colabctl.declare import declare, draft
from colabctl.errors import UserError
from colabctl.project.approvals import approvals_for
from colabctl.project.checkpoint import checkpoint
from colabctl.project.config import Config, load
from colabctl.project.layout import Layout, SweepLayout
from colabctl.project.members import current_member
from colabctl.project.root import find_root, usual_drives
from colabctl.project.sweeps import find_sweep
from colabctl.run.notebook.loop_process import orders
from colabctl.run.redaction import concealer
from colabctl.task import Task
from colabctl.views.results import Result, results
from colabctl.views.status import Status, status
from colabctl.work.inline_worker import InlineWorker
from colabctl.work.identity import new_identity
from colabctl.work.open_sweep import OpenSweep


@dataclass(frozen=True)
class Project:
    """A project: its folders as pathlib.Path, and its sweeps."""

    layout: Layout
    config: Config
    member: str

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.layout.root

    @property
    def raw(self) -> Path:
        """The originals; read them, never write there."""
        return self.layout.raw

    @property
    def interim(self) -> Path:
        """Data on its way from raw to processed."""
        return self.layout.interim

    @property
    def processed(self) -> Path:
        """Data that models are made from."""
        return self.layout.processed

    @property
    def results(self) -> Path:
        """The folder of everybody's results."""
        return self.layout.results

    @property
    def mine(self) -> Path:
        """The folder of this member's own results."""
        return self.layout.member_results(self.member)

    @property
    def final(self) -> Path:
        """The results that the group agreed on."""
        return self.layout.final

    def checkpoint(self, name: str, build: Callable[[], Any]) -> Any:
        """Return the value saved as `name` among this member's checkpoints; build it if need be.

        The ending tells the form: .parquet, .csv, .npy, .json or .txt. Raises UserError for
        another one.
        """
        return checkpoint(self.layout.member_checkpoints(self.member), name, build)

    def sweep(self, name: str, space: Mapping[str, Any] | None = None, **keys: Any) -> "Sweep":
        """Declare a sweep, or find the same one again; without `space` open a declared one.

        space  a parameter's name to its values (a list), its one value, or a mapping as in a
               sweep file; `keys` are the other keys of a sweep file, such as trials=20
        Raises UserError for a space with mistakes, or if `name` is another sweep.
        """
        if space is None:
            if keys:
                raise UserError(f"sweep {name}: {', '.join(keys)} given without a space")
            return Sweep(self, find_sweep(self.layout, name))
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
        )
        return Sweep(self, declared.layout)


@dataclass(frozen=True)
class Sweep:
    """A declared sweep."""

    project: Project
    layout: SweepLayout

    @property
    def name(self) -> str:
        """What it is called."""
        return self.layout.name

    def tasks(self) -> Iterator[Task]:
        """Claim tasks, one at a time, until the sweep is complete.

        Use each in `with task:`, which records an exception as the task's failure and goes on.
        """
        opened = self._open()
        config, told = self.project.config, orders(os.environ)
        me = new_identity(opened.plan, config, self.project.member, mark=told.mark)
        conceal = concealer(config.secrets, os.environ)
        return InlineWorker(opened, me, conceal=conceal, max_tasks=told.most).tasks()

    def results(self) -> list[Result]:
        """Return every finished task once."""
        opened = self._open()
        opened.ledger.refresh()
        return results(opened.ledger.state, opened.tasks)

    def status(self) -> Status:
        """Return where the sweep stands."""
        opened = self._open()
        opened.ledger.refresh()
        return status(opened.plan, opened.ledger, opened.tasks)

    def _open(self) -> OpenSweep:
        return OpenSweep.at(self.project.root, self.layout)


def open_project(root: "str | os.PathLike[str] | None", member: str | None) -> Project:
    """Open a project; in Colab, mount the Drive first if need be.

    Raises UserError if there is no project, or no telling which member this is.
    """
    _mount_drive()
    given = Path(root) if root is not None else None
    found = find_root(given, os.environ, Path.cwd(), usual_drives(Path.home()))
    config = load(found, os.environ)
    return Project(config.layout, config, current_member(config, os.environ, member))


def _mount_drive() -> None:
    """Mount the Drive if this is Colab and that was not done; only the notebook itself can."""
    if "COLAB_RELEASE_TAG" not in os.environ or Path("/content/drive/MyDrive").exists():
        return
    if "COLABCTL_TASK" in os.environ:
        return
    try:
        from google.colab import drive  # noqa: PLC0415 - Colab only
    except ImportError:
        return
    drive.mount("/content/drive")


def _spell_out(value: Any) -> Any:
    """Return a parameter of a Python space as a sweep file writes it."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):  # an array, or a number of NumPy
        value = value.tolist()
    if isinstance(value, str | bytes) or not isinstance(value, Sequence | range):
        return {"value": value}
    return {"values": list(value)}
