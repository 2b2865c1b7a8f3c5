"""Finds which tasks of a sweep fit one worker, and says why none does."""

from colabctl.ledger import able_of, capacity_of, described, needs_of, waiting_needs
from colabctl.needs import advice, most
from colabctl.work import machine
from colabctl.work.identity import Identity
from colabctl.work.open_sweep import OpenSweep

_MOST = 3  # kinds of needs that are named


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
        state, fits = self._ledger.state, self._ledger.fits
        now = self._ledger.clock.now()
        if not self._plan.needs:
            return state.claimable(now) > 0
        if self._open is None or self._open[0] != state.revision:
            self._open = state.revision, any(map(fits, state.open))
        return self._open[1] or any(map(fits, state.lapsed(now)))

    def unfit_for_good(self) -> str | None:
        """Return why this worker can claim no task, None if others may release one that fits."""
        state, fits = self._ledger.state, self._ledger.fits
        if any(fits(index) for held in state.held.values() for index in held):
            return None
        return self.unfit()

    def unfit(self) -> str | None:
        """Return why this worker can claim none of the tasks that are free; None if it can."""
        state, now = self._ledger.state, self._ledger.clock.now()
        if not self._plan.needs or self.can_claim():
            return None
        has, jobs = self._identity.has, self._identity.jobs
        here = machine.here()
        lacking = {
            need.lacking(has): (need, count)
            for need, count in waiting_needs(state, self._need_of, now).most_common()
        }
        counts = [f"{count:,} need {lack}" for lack, (_, count) in list(lacking.items())[:_MOST]]
        if len(counts) == 1:
            ((lack, (_, count)),) = lacking.items()
            tasks = "the task left needs" if count == 1 else f"the {count:,} tasks left need"
            text = f"{tasks} {lack}"
        else:
            text = f"of the tasks left, {', '.join(counts)}"
        whole = described(here, has)
        need = most(need for need, _ in lacking.values())
        fewer = (n for n in range(jobs - 1, 0, -1) if need.fits(capacity_of(self._plan, here, n)))
        if (number := next(fewer, None)) is not None:
            return f"{text}, and each of {jobs} tasks at a time has {whole} here; use -j {number}"
        return f"{text}, and this worker has {whole}; {advice(next(iter(lacking)))}"
