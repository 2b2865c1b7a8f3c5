"""How many tasks a worker claims at a time."""

from colabctl.work.pacing import batch_size, pacing_for


def test_the_shares_of_several_workers_shrink_towards_the_end() -> None:
    assert [batch_size(0.01, left, 4, 10.0) for left in (800, 80, 8, 1)] == [100, 10, 1, 1]


def test_in_a_store_a_claim_is_worth_its_requests_even_at_the_end() -> None:
    least = pacing_for("created").least_batch
    assert [batch_size(0.01, left, 4, 4.0, least) for left in (800, 80, 8)] == [100, 25, 25]
    assert batch_size(1.0, 8, 4, 4.0, least) == 1  # long tasks are shared one by one
