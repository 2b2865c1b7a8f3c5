"""Ledger time."""

from hypothesis import given
from hypothesis import strategies as st

from colabctl.ledger.clock import Clock


def test_no_event_is_dated_before_one_that_was_read() -> None:
    clock = Clock(lambda: 1000.0)
    clock.observe(1300.0)
    assert clock.now() >= 1300.0


def test_time_passes_after_an_event_from_a_fast_clock() -> None:
    wall = [1000.0]
    clock = Clock(lambda: wall[0])
    clock.observe(1300.0)
    wall[0] += 50
    assert clock.now() == 1350.0


@given(st.lists(st.tuples(st.floats(1e9, 2e9), st.booleans())))
def test_ledger_time_never_runs_backwards(moves: list[tuple[float, bool]]) -> None:
    wall = [1e9]
    clock = Clock(lambda: wall[0])
    before = clock.now()
    for value, is_event in moves:
        if is_event:
            clock.observe(value)
        else:
            wall[0] = value  # a clock that is set, also backwards
        now = clock.now()
        assert now >= before
        assert not is_event or now >= round(value, 6)
        before = now
