"""Opens the journals of a sweep and its ledger: the plan's consistency gives their kind."""

import time
from collections.abc import Callable
from pathlib import Path

from colabctl.ledger.journals.appended import AppendedJournals
from colabctl.ledger.journals.journal import Journals
from colabctl.ledger.journals.logged import LoggedJournals
from colabctl.ledger.journals.numbered import Find, NumberedJournals
from colabctl.ledger.journals.shared_log import ClaimsStore, SharedLog
from colabctl.ledger.ledger import Ledger
from colabctl.ledger.plan import Plan
from colabctl.ledger.state.cache import Cache
from colabctl.sharedfs.mounts import Anchor


def open_ledger(
    folder: Path,
    plan: Plan,
    wall: Callable[[], float] = time.time,
    cache: Cache | None = None,
    find: Find | None = None,
    *,
    store: ClaimsStore | None = None,
) -> Ledger:
    """Return the ledger of the journals that `open_journals` opens.

    A worker of a sweep whose claims are in a `store` needs that; readers do not.
    """
    journals = open_journals(folder, plan, find)
    shared = None
    if store is not None and isinstance(journals, LoggedJournals):
        shared = SharedLog(store, journals)
    return Ledger(journals, plan, wall, cache, shared)


def open_journals(folder: Path, plan: Plan, find: Find | None = None) -> Journals:
    """Return the journals in `folder`; the plan's consistency gives their kind.

    On an eventual folder, `find` returns all folders with journals of this sweep.
    """
    if plan.consistency == "coherent":
        return AppendedJournals(folder, plan.total)
    check_mount = Anchor(folder.parent).check
    if plan.consistency == "created":
        claims = folder.parent / "claims"
        return LoggedJournals(claims, folder, plan.total, check_mount, find)
    return NumberedJournals(folder, plan.total, check_mount, find, plan.heartbeat)
