"""What a worker in a mirror needs of the project's store."""

from collections.abc import Callable
from typing import Protocol

from colabctl.ledger import ClaimsStore
from colabctl.project.layout import SweepLayout


def _never() -> bool:
    return False


class Stored(Protocol):
    """The project's store, while this process carries files between it and the mirror."""

    def claims(self, sweep: SweepLayout) -> ClaimsStore | None:
        """Return a sweep's log of claims in the store, if it has one."""

    def bring(self, name: str, stop: Callable[[], bool] = _never) -> None:
        """Carry a file, or the files of a folder, here, as far as they are missing.

        Raises UserError if the store has another file than is recorded, or does not answer and
        nothing is here; OSError if the disk fails; StoppedError after `stop` has returned True.
        """


class NoStore:
    """A project without a store."""

    def claims(self, sweep: SweepLayout) -> None:
        """Return None: there is no log of claims."""

    def bring(self, name: str, stop: Callable[[], bool] = _never) -> None:
        """Do nothing: what is here is all there is."""


NO_STORE = NoStore()
