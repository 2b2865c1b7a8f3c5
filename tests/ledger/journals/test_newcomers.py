"""Workers of whom only the name has arrived count as live for a while."""

from pathlib import Path

from colabctl.ledger import Ledger, Plan, open_ledger

NOW = 1.7e9
START = {"member": "ana", "host": "h", "pid": 1, "jobs": 1, "lease": 600.0}


class Clock:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def ledger(folder: Path, clock: Clock) -> Ledger:
    folder.mkdir(exist_ok=True)
    plan = Plan(
        sweep="lr", total=8, kind="function", method="grid", consistency="eventual",
        heartbeat=60, lease=600, declared_by="ana", declared_at=NOW, metric="loss",
    )  # fmt: skip
    return open_ledger(folder, plan, clock)


def join(folder: Path, clock: Clock, name: str) -> Ledger:
    """Return the ledger of a worker that has read what was there before it started."""
    result = ledger(folder, clock)
    result.join(name)
    result.refresh()
    result.record([("start", START), *result.news()])
    return result


def test_an_announced_worker_is_a_newcomer_until_its_events_arrive(tmp_path: Path) -> None:
    clock = Clock()
    ben, ana = join(tmp_path, clock, "ben"), ledger(tmp_path, clock)
    ana.announce("ana")
    ben.refresh()
    assert ben.newcomers() == {"ana": NOW}
    ana.join("ana")
    ana.record([("start", START)])
    ben.refresh()
    assert ben.newcomers() == {}
    assert [worker.name for worker in ben.state.live_workers(NOW + 1)] == ["ben", "ana"]


def test_a_worker_without_a_task_to_claim_is_not_announced(tmp_path: Path) -> None:
    clock = Clock()
    ben = join(tmp_path, clock, "ben")
    ben.record([("claim", {"tasks": [[index, 1] for index in range(8)]})])
    ledger(tmp_path, clock).announce("ana")
    assert not (tmp_path / "ana").exists()


def test_a_name_without_events_counts_for_a_minute_only(tmp_path: Path) -> None:
    clock = Clock()
    ben = join(tmp_path, clock, "ben")
    (tmp_path / "ana").mkdir()
    ben.refresh()
    clock.now += 59
    ben.refresh()
    assert ben.newcomers() == {"ana": NOW}
    clock.now += 2
    ben.refresh()
    assert ben.newcomers() == {}


def test_a_worker_hears_of_a_newcomer_from_another_worker(tmp_path: Path) -> None:
    clock = Clock()
    seen_by_ben, seen_by_eve = tmp_path / "ben's", tmp_path / "eve's"
    eve = join(seen_by_eve, clock, "eve")
    seen_by_ben.mkdir()
    (seen_by_ben / "ana").mkdir()  # it has not arrived at eve's machine
    ben = join(seen_by_ben, clock, "ben")
    assert ben.newcomers() == {"ana": NOW}
    (seen_by_ben / "ben").rename(seen_by_eve / "ben")
    eve.refresh()
    assert eve.newcomers() == {"ana": NOW}
    assert eve.news() == [("heartbeat", {"workers": ["ben"]})]


def test_a_worker_does_not_count_itself_when_others_name_it(tmp_path: Path) -> None:
    clock = Clock()
    ana, ben = ledger(tmp_path, clock), ledger(tmp_path, clock)
    ana.announce("ana")
    ben.refresh()
    ben.join("ben")
    ben.record([("start", START), *ben.news()])
    ana.join("ana")
    ana.refresh()
    assert ana.newcomers() == {}


def test_workers_are_named_in_their_first_minute_only(tmp_path: Path) -> None:
    clock = Clock()
    ben = join(tmp_path, clock, "ben")
    join(tmp_path, clock, "ana")
    ben.refresh()
    assert ben.news() == [("heartbeat", {"workers": ["ana"]})]
    clock.now += 61
    assert ben.news() == []


def test_ten_thousand_made_up_names_count_as_few_workers(tmp_path: Path) -> None:
    clock = Clock()
    ben, eve = join(tmp_path, clock, "ben"), join(tmp_path, clock, "eve")
    eve.record([("heartbeat", {"workers": [f"worker-{n}" for n in range(10_000)]})])
    ben.refresh()
    assert len(ben.newcomers()) == 256


def test_names_that_are_not_text_are_damage(tmp_path: Path) -> None:
    clock = Clock()
    ben, eve = join(tmp_path, clock, "ben"), join(tmp_path, clock, "eve")
    eve.record([("heartbeat", {"workers": [["ana"]]})])
    ben.refresh()
    assert "workers are not a list of names" in ben.damage[0]
    assert ben.newcomers() == {}


def test_a_worker_names_only_those_whose_journals_are_here_and_reads_a_bounded_number(
    tmp_path: Path,
) -> None:
    clock = Clock()
    ben, eve = join(tmp_path, clock, "ben"), join(tmp_path, clock, "eve")
    eve.record([("heartbeat", {"workers": [f"invented-{n:05}" for n in range(10_000)]})])
    (tmp_path / "ana").mkdir()
    ben.refresh()
    assert len(ben.newcomers()) <= 256
    assert ben.news() == [("heartbeat", {"workers": ["ana", "eve"]})]
