"""Finds which tasks of a sweep fit one worker, and says why none does."""

from collections import Counter
from itertools import chain

from colabctl.ledger import Machine, able_of, capacity_of, gpu_name, needs_of
from colabctl.needs import Need, advice, most, needed
from colabctl.work.identity import Identity, machine_here
from colabctl.work.open_sweep import OpenSweep


class Fitting:
    """Says which tasks fit a worker, and lets its ledger claim no others."""

    def __init__(self, sweep: OpenSweep, identity: Identity) -> None:
        self._plan, self._ledger, self._identity = sweep.plan, sweep.ledger, identity
        self._open: tuple[int, bool] | None = None  # whether an open task fits, by revision
        if sweep.plan.needs:
            self._need_of = need_of = needs_of(sweep.plan, sweep.tasks)
            ledger, own = sweep.ledger, identity.has
            ledger.able = able_of(sweep.plan, ledger.state, need_of, identity.name, own)
            ledger.fits = lambda index: need_of(index).fits(own)

    def can_claim(self) -> bool:
        """Whether any task that can be claimed fits."""
        return self._ledger.state.claimable(self._ledger.clock.now()) > 0 and self._fits_some()

    def _fits_some(self) -> bool:
        """Whether any task fits that no one runs, of a search that has not ended."""
        state, fits = self._ledger.state, self._ledger.fits
        if not self._plan.needs:
            return True
        if self._open is None or self._open[0] != state.revision:
            free = state.open if state.room > 0 else state.ends.restarts
            self._open = state.revision, any(fits(i) for i in free if i in state.open)
        lapsed = state.lapsed(self._ledger.clock.now())
        return self._open[1] or any(fits(i) for i in lapsed if not state.ends.is_parked(i))

    def unfit_for_good(self) -> str | None:
        """Return why this worker can claim no task, None if others may release one that fits."""
        state, fits = self._ledger.state, self._ledger.fits
        held = (index for indices in state.held.values() for index in indices)
        if any(fits(index) and not state.ends.is_parked(index) for index in held):
            return None
        return self.unfit()

    def unfit(self) -> str | None:
        """Return why no task that is left and can be claimed fits this worker; None if one does."""
        state = self._ledger.state
        if self._fits_some():
            return None
        has, jobs, here = self._identity.has, self._identity.jobs, machine_here()
        lacking: Counter[Need] = Counter()
        for index in chain(state.open, *state.held.values()):
            lack = self._need_of(index).lacking(has)
            lacking[lack] += bool(lack)
        lacking = +lacking
        if not lacking:
            return None
        text, all_of_them = needed(lacking), most(lacking)
        there = has.of(all_of_them, gpu_name(here))
        fewer = (n for n in range(jobs - 1, 0, -1) if self._fits(all_of_them, here, n))
        if (number := next(fewer, None)) is not None:
            return f"{text}, and each of {jobs} tasks at a time has {there} here; use -j {number}"
        return f"{text}, and this worker has {there}; {advice(lacking.most_common(1)[0][0])}"

    def _fits(self, need: Need, here: Machine, jobs: int) -> bool:
        return need.fits(capacity_of(self._plan, here, jobs))
