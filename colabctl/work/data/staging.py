"""Stages the data of a sweep on this machine, before its first task here."""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from colabctl.errors import UserError
from colabctl.ledger import Plan
from colabctl.project.layout import Layout
from colabctl.run.slots.environment import links, staged_variables
from colabctl.sharedfs.faults import describe, patiently
from colabctl.stage.copying import StoppedError
from colabctl.stage.places import in_use, stage_folder
from colabctl.stage.sources import Source, find_source, name_of
from colabctl.stage.staging import Staging, copy_of, stage
from colabctl.work.data.stored import NO_STORE

_OFTEN = 10.0  # seconds between lines on how far it is


class SweepData:
    """What a sweep stages, copied by a thread of its own, so that the worker stays alive.

    Use `staged_data`. Other workers on this machine wait for the copy and share it; while this one
    exists, it is not removed.

    Attributes:
        paths: the path on this machine of each source, by name.
        text: how far it is, "" before and after.
        done: set when the thread has ended.
        error: why it is not staged; None if it is, or was stopped.

    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        base: Path,
        tell: Callable[[str], None],
        patience: float,
    ) -> None:
        self._copies = [copy_of(base, name, source) for name, source in sources.items()]
        self.paths = {each.name: each.path for each in self._copies}
        self.text = ""
        self.done = threading.Event()
        self.error: str | None = None
        self._sources = sources
        self._stop = threading.Event()
        self._how = Staging(base, tell, self._progress, self._stop, patience)
        self._marks = ExitStack()
        self._thread = threading.Thread(target=self._run, name="colabctl stage", daemon=True)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that tell tasks where the copies are."""
        return staged_variables(self._copies)

    @property
    def links(self) -> dict[str, str]:
        """The copies that tasks find at the paths of their sources, from the project's root."""
        return links(self._copies)

    def start(self) -> None:
        """Begin to stage."""
        self._thread.start()

    def stage_now(self) -> None:
        """Stage, and raise UserError if that fails."""
        self._run()
        if self.error is not None:
            raise UserError(self.error)

    def close(self) -> None:
        """End what is still being copied, and let the copies be removed."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._marks.close()

    def _run(self) -> None:
        try:
            for source in self._sources.values():
                staged = stage(source, self._how)
                self._marks.enter_context(in_use(staged.place))
        except StoppedError:
            pass
        except UserError as error:
            self.error = str(error)
        except OSError as error:
            self.error = f"cannot stage {source.name}: {describe(error)}; start the worker again"
        finally:
            self.text = ""
            self.done.set()

    def _progress(self, text: str) -> None:
        self.text = text


def staged_data(
    plan: Plan,
    layout: Layout,
    *,
    tell: Callable[[str], None],
    wait: Callable[[float], bool | None] = time.sleep,
    patience: float = math.inf,
    bring: Callable[[str], None] = NO_STORE.bring,
) -> SweepData | None:
    """Return what a sweep stages, not staged yet; None if it stages nothing.

    `bring` carries the data at a path here from the project's store, and raises as Stored.bring.
    Raises UserError if something is missing, or is not what the sweep was declared with; OSError
    if the folder does not answer.
    """
    if not plan.stage:
        return None
    base = stage_folder(os.environ)
    sources = sources_of(plan, layout, tell=tell, wait=wait, bring=bring)
    return SweepData(sources, base, tell, patience)


def sources_of(
    plan: Plan,
    layout: Layout,
    *,
    tell: Callable[[str], None],
    wait: Callable[[float], bool | None],
    bring: Callable[[str], None] = NO_STORE.bring,
) -> dict[str, Source]:
    """Return what a sweep stages, by name; raises what `staged_data` does."""
    sources = {}
    for name, entry in (plan.stage or {}).items():
        path = Path(entry["path"])
        bring(name_of(layout, path))
        source = patiently(lambda path=path: find_source(layout, path), tell=tell, wait=wait)  # type: ignore[misc]
        if entry["digest"] and source.digest != entry["digest"]:
            raise UserError(_changed(plan, source))
        sources[name] = source
    return sources


def _changed(plan: Plan, source: Source) -> str:
    if source.manifest is None:
        return (
            f"sweep {plan.sweep} was declared with checksums of {source.name}, and no manifest "
            "records it any more; bring the manifest back from the folder's version history"
        )
    return (
        f"the manifest of {source.manifest} has other checksums of {source.name} than when sweep "
        f"{plan.sweep} was declared, so its tasks would read different data; bring the old data "
        "back, or declare the sweep again under another name"
    )


@contextmanager
def closing_data(data: SweepData | None) -> Iterator[None]:
    """Close what a sweep stages, if it stages anything."""
    try:
        yield
    finally:
        if data is not None:
            data.close()


class Lines:
    """Tells how far staging is: a line now and then."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._next = time.monotonic() + 1.0  # a moment needs no line

    def show(self, text: str) -> None:
        """Tell it if that is due."""
        now = time.monotonic()
        if text and now >= self._next:
            self._next = now + _OFTEN
            self._tell(text)
