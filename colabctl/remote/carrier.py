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
from colabctl.remote.mirror import LARGEST_EDITED, Mirror
from colabctl.remote.record import Remote, remote_of
from colabctl.remote.store import StoreError
from colabctl.sharedfs.faults import FREE_SPACE, describe, fault_of, pause_after
from colabctl.sharedfs.mounts import Guard
from colabctl.sizes import format_size
from colabctl.stage.copying import StoppedError

UPLOAD = 600.0
"""Seconds for which a worker that ends tries to carry its results."""
_SHORTLY = 30.0  # the same after a signal, for who sent it may soon end the worker by force

_SLOW = 5.0  # seconds of silence before a line says what is waited for
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
        self._is_lasting = False  # what failed last will fail again
        self._said: set[str] = set()
        self._warm: dict[str, float] = {}
        self._all_at = 0.0

    def begin(self) -> None:
        """Carry both ways once, then start to do so in the background.

        Raises UserError if the store holds another project. If it does not answer, the command
        continues with what is here.
        """
        slow = threading.Timer(_SLOW, self.tell, [f"waiting for {self.remote.url}"])
        slow.daemon = True
        slow.start()
        try:
            self._try(self._first)
        finally:
            slow.cancel()
        self._thread = threading.Thread(target=self._run, daemon=True, name="carrier")
        self._thread.start()

    def hurry(self) -> None:
        """Let `end` try only shortly, because this process may soon be ended by force."""
        self.patience = min(self.patience, _SHORTLY)

    def end(self) -> None:
        """Carry what is left; raise UserError if a worker's results could not be carried."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        try:
            is_carried = self._carry_until(time.monotonic() + self.patience)
        except KeyboardInterrupt:
            self._say(f"note: {self._left()}")
            raise
        if not is_carried and self.patience:
            raise UserError(self._left())
        if not is_carried:
            self._say(f"note: {self._left()}")

    def _carry_until(self, last: float) -> bool:
        """Try to carry everything until a moment of the monotonic clock; return whether it is."""
        pause = 0.0
        while not self._try(self._all):
            left = last - time.monotonic()
            if self._is_lasting or left <= 0:
                return False
            if not pause:
                self.tell(
                    f"waiting up to {format_duration(left)} for {self.remote.url}, to carry the "
                    "last results there; Ctrl-C ends this, and keeps them here"
                )
            pause = pause_after(pause)
            time.sleep(min(pause, left))
        return True

    def _left(self) -> str:
        once = "that is fixed" if self._is_lasting else "the store answers"
        return (
            f"not everything is in {self.remote.url} yet; it is safe in "
            f"{self.mirror.layout.root}: run colabctl sync there once {once}"
        )

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
            self.tell(f"{name}: {_files(len(carried.down))} carried here from {self.remote.url}")
        if carried.damaged:
            raise UserError(
                f"{carried.damaged[0]} in {self.remote.url} is not the file that was recorded; "
                "ask who changed it, and put the right one there: colabctl sync --data, where it is"
            )

    def check_guard(self, plan: Plan) -> None:
        """Raise UserError for a sweep whose claims cannot be guarded from this mirror."""
        if plan.consistency == "coherent" and not self.remote.is_origin:
            raise UserError(
                f"sweep {plan.sweep} was declared in one folder, before it was put into "
                f"{self.remote.url}, so only workers on that machine can run it; to run it "
                "from every mirror, declare it again: colabctl sweep FILE --replace"
            )
        if plan.consistency == "created" and self.remote.guard != "created":
            raise UserError(
                f"the claims of sweep {plan.sweep} are a log in the project's store, and through "
                f"{self.remote.url} they cannot be guarded ({self.remote.reason}); work in a "
                "mirror by the URL that colabctl remote shows where the sweep was declared, or "
                "declare it again from here: colabctl sweep FILE --replace"
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
            text, self._is_lasting = str(error), not error.passes
        except OSError as error:
            text, fault = describe(error), fault_of(error)
            self._is_lasting = fault != "passing"
            if fault == "full":
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
    said += [
        f"{name} is larger than {format_size(LARGEST_EDITED)}, so it does not travel by itself; "
        f"to carry it: colabctl sync --data {name}"
        for name in carried.large
    ]
    return said


def _changed_within(folder: Path, seconds: float) -> bool:
    now = time.time()
    places = (folder, folder / "journal", *folder.glob("journal/*"))
    return any(each.is_dir() and now - each.stat().st_mtime < seconds for each in places)


def _files(number: int) -> str:
    return f"{number:,} file" + "s" * (number != 1)
