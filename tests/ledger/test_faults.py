"""A folder that fails in the middle of a claim: outcomes stay due until they are written."""

import errno
import random
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from colabctl.ledger import Plan
from colabctl.ledger.opening import open_ledger


@pytest.mark.parametrize("consistency", ["coherent", "eventual"])
def test_outcomes_recorded_with_a_claim_are_not_lost_if_the_journals_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, consistency: Any
) -> None:
    plan = Plan(
        sweep="s", total=3, kind="loop", method="grid", consistency=consistency, heartbeat=10.0,
        lease=60.0, declared_by="ana", declared_at=0.0,
    )  # fmt: skip
    (tmp_path / "journal").mkdir()
    ledger = open_ledger(tmp_path / "journal", plan)
    ledger.join("ana-vm-1")

    def claim(*outcomes: tuple[str, dict[str, Any]]) -> None:
        ledger.claim(lambda _: 1, lock=nullcontext(), rng=random.Random(0), outcomes=outcomes)

    claim()
    [task] = ledger.state.held["ana-vm-1"]
    done = {"task": task, "attempt": 1, "seconds": 1.0, "metrics": {"y": 1}}

    def fails(**_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(ledger._journals, "new_events", fails)
        with pytest.raises(OSError, match="Input/output error"):
            claim(("done", done))
    claim()
    reader = open_ledger(tmp_path / "journal", plan)
    reader.refresh()
    assert reader.state.counts["done"] == 1
