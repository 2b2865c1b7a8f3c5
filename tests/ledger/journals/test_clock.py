"""Ledger time."""

from hypothesis import given
from hypothesis import strategies as st

from colabctl.ledger.journals.clock import MAX_LEAD, Clock


def test_no_event_is_dated_before_one_that_was_read() -> None:
    clock = Clock(lambda: 1000.0)
    assert [clock.observe(t) for t in (1200.0, 1300.0, 1100.0)] == [200.0, 100.0, 0.0]
    assert clock.now() >= 1300.0


def test_time_passes_after_an_event_from_a_fast_clock() -> None:
    wall = [1000.0]
    clock = Clock(lambda: wall[0])
    clock.observe(1300.0)
    wall[0] += 50
    assert clock.now() == 1350.0


@given(st.lists(st.floats(1e9, 4.1e9)))
def test_no_other_clock_moves_this_one_by_more_than_an_hour(times: list[float]) -> None:
    clock = Clock(lambda: 2e9)
    moved = sum(clock.observe(t) for t in times)
    assert 2e9 <= clock.now() <= 2e9 + MAX_LEAD
    assert abs(clock.now() - 2e9 - moved) < 1e-5
    believed = [t for t in times if t <= 2e9 + MAX_LEAD]
    assert all(clock.now() >= t - 1e-5 for t in believed)
