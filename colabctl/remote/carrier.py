"""Carries files between a mirror and its store while a command runs."""

import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from colabctl.durations import format_duration
from colabctl.errors import UserError
from colabctl.ledger import Plan
from colabctl.project.config import Config, load
from colabctl.project.layout import SweepLayout
from colabctl.remote.carried import Carried, Moved
from colabctl.remote.claims import StoredClaims
from colabctl.remote.joining import check_same_project, open_mirror
from colabctl.remote.mirror import Mirror
from colabctl.remote.record import Remote, remote_of
from colabctl.remote.store import StoreError
from colabctl.sharedfs.faults import FREE_SPACE, describe, fault_of, pause_after
from colabctl.sharedfs.mounts import Guard
from colabctl.stage.copying import StoppedError

UPLOAD = 600.0
"""Seconds for which a worker that ends tries to carry its results."""

_EVERY = 1.0  # seconds between two looks at journals
_SHARE = 2.0  # a round is followed by a pause of at least this times its own length
_ALL_EVERY = 30.0  # seconds between two looks at everything
_SAID_EVERY = 10.0  # seconds between two lines on how far data is
_WARM = 3600.0  # seconds for which the journals of a sweep are looked at after news


def carrying(
    config: Config, tell: Callable[[str], None], patience: float = 0.0
) -> "tuple[Config, Carrier | None]":
    """Start to carry the files of a project that has a store; return its settings, as they are now.

    Where the settings choose no guard, that of the store applies to new sweeps. Raises UserError as
    `Carrier.begin`, and if what the store needs is not installed.
    """
    remote = remote_of(config.root)
    if remote is None:
        return config, None
    carrier = Carrier(open_mirror(config.layout, remote), remote, tell, patience)
    carrier.begin()
    config = load(config.root, os.environ)
    return replace(config, stored=Guard(remote.guard, f"{remote.url}: {remote.reason}")), carrier


class Carrier:
    """The carrying for one command: before, while and after it.

    Args:
        tell: takes messages for the user.
        patience: how many seconds `end` tries to carry what was made here; the least is one try.

    """

    def __init__(
        self,
        mirror: Mirror,
        remote: Remote,
        tell: Callable[[str], None],
        patience: float = 0.0,
    ) -> None:
        self.mirror, self.remote = mirror, remote
        self.tell, self.patience = tell, patience
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._silent_since: float | None = None
        self._is_full = False
        self._said: set[str] = set()
        self._warm: dict[str, float] = {}
        self._all_at = 0.0

    def begin(self) -> None:
        """Carry both ways once, then start to do so in the background.

        Raises UserError if the store holds another project. If it does not answer, the command
        continues with what is here.
        """
        self._try(self._first)
        self._thread = threading.Thread(target=self._run, daemon=True, name="carrier")
        self._thread.start()

    def end(self) -> None:
        """Carry what is left; raise UserError if a worker's results could not be carried."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        until, pause = time.monotonic() + self.patience, 0.0
        while not self._try(self._all):
            if self._is_full or time.monotonic() >= until:
                once = "there is space" if self._is_full else "the store answers"
                message = (
                    f"not everything is in {self.remote.url} yet; it is safe in "
                    f"{self.mirror.layout.root}: run colabctl sync there once {once}"
                )
                if self.patience:
                    raise UserError(message)
                self._say(f"note: {message}")
                return
            pause = pause_after(pause)
            time.sleep(min(pause, max(0.0, until - time.monotonic())))

    def claims(self, sweep: SweepLayout) -> StoredClaims | None:
        """Return a sweep's log of claims, if the store refuses to create a file twice.

        From now on, the sweep is carried often; one that was declared a moment ago, as a whole.
        """
        if sweep.name not in self._warm:
            self._all_at = -math.inf
        self._warm[sweep.name] = time.monotonic()
        if self.remote.guard != "created":
            return None
        place = sweep.root.relative_to(self.mirror.layout.root).as_posix()
        return StoredClaims(self.mirror.store, f"{place}/claims/")

    def bring(self, name: str, stop: Callable[[], bool] = lambda: False) -> None:
        """Carry a file, or the files of a folder, here, as far as they are missing; see Stored."""
        said_at = time.monotonic()

        def moved(moved: Moved) -> None:
            nonlocal said_at
            if stop():
                raise StoppedError
            if time.monotonic() - said_at >= _SAID_EVERY:
                said_at = time.monotonic()
                self.tell(f"{name}: {moved.done:,} of {moved.total:,} files {moved.verb}")

        # A mirror for this alone: what others need is carried meanwhile.
        mirror = open_mirror(self.mirror.layout, self.remote, moved)
        try:
            carried = mirror.bring(name)
        except StoreError as error:
            if not (mirror.layout.root / name).exists():
                raise
            self._say(f"note: {error}; {name} is used as far as it is here")
            return
        if carried.down:
            self.tell(f"{name}: {len(carried.down):,} files carried here from {self.remote.url}")
        if carried.damaged:
            raise UserError(
                f"{carried.damaged[0]} in {self.remote.url} is not the file that was recorded; "
                "ask who changed it, and put the right one there: colabctl sync --data, where it is"
            )

    def check_guard(self, plan: Plan) -> None:
        """Raise UserError for a sweep whose lock does not reach the other mirrors."""
        if plan.consistency == "coherent" and not self.remote.is_origin:
            raise UserError(
                f"sweep {plan.sweep} was declared in one folder, before it was put into "
                f"{self.remote.url}, so only workers on that machine can run it; to run it "
                "from every mirror, declare it again: colabctl sweep FILE --replace"
            )

    def _first(self) -> None:
        check_same_project(self.mirror, self.remote)
        self._all()
        now = time.monotonic()
        sweeps = self.mirror.layout.sweeps
        if sweeps.is_dir():
            self._warm = {
                each.name: now for each in sweeps.iterdir() if _changed_within(each, _WARM)
            }

    def _all(self) -> None:
        self._note(self.mirror.sync(fresh=self._stop.is_set() or self._thread is None))
        self._all_at = time.monotonic()

    def _run(self) -> None:
        pause = _EVERY
        while not self._stop.wait(pause):
            began = time.monotonic()
            worked = self._try(self._round)
            took = time.monotonic() - began
            pause = max(_EVERY, _SHARE * took) if worked else pause_after(pause)

    def _round(self) -> None:
        now = time.monotonic()
        if now - self._all_at >= _ALL_EVERY:
            self._all()
        else:
            warm = [name for name, at in list(self._warm.items()) if now - at < _WARM]
            self._note(self.mirror.look(warm))

    def _note(self, carried: Carried) -> None:
        """Remember which sweeps have news, and tell what people should know."""
        now = time.monotonic()
        for name in (*carried.up, *carried.down):
            parts = name.split("/")
            if parts[0] == "sweeps" and len(parts) > 2:
                self._warm[parts[1]] = now
        for text in notes(carried):
            self._say(f"note: {text}")

    def _try(self, act: Callable[[], None]) -> bool:
        """Do something with the store; tell once if that fails, and once when it works again."""
        try:
            act()
        except StoreError as error:
            text, self._is_full = str(error), False
        except OSError as error:
            text, self._is_full = describe(error), fault_of(error) == "full"
            if self._is_full:
                text = f"{text}; {FREE_SPACE}"
        else:
            if self._silent_since is not None:
                seconds = time.monotonic() - self._silent_since
                self.tell(f"carrying works again, after {format_duration(seconds)}")
                self._silent_since = None
            return True
        if self._silent_since is None:
            self._silent_since = time.monotonic()
            self.tell(f"{text}; until then, everything stays in {self.mirror.layout.root}")
        return False

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.tell(text)


def notes(carried: Carried) -> list[str]:
    """Return a sentence for each thing that a person should look at."""
    said = [
        f"{name} was changed here and elsewhere; yours is now {copy}, the other is {name}"
        + ("; see colabctl notebook merge" if name.endswith(".ipynb") else "; compare the two")
        for name, copy in carried.conflicts.items()
    ]
    said += [
        f"{name} in the store is not the file that was recorded, so the one here stays as it is; "
        "ask who changed it"
        for name in carried.damaged
    ]
    return said


def _changed_within(folder: Path, seconds: float) -> bool:
    now = time.time()
    places = (folder, folder / "journal", *folder.glob("journal/*"))
    return any(each.is_dir() and now - each.stat().st_mtime < seconds for each in places)
