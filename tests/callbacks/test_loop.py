"""`epochs` with torch: a stopped training goes on exactly as if it had not been stopped."""

import random
from pathlib import Path
from typing import Any

import pytest

from colabctl.callbacks import epochs
from colabctl.errors import UserError
from tests.callbacks.attempts import attempt

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[frameworks]'")


def train(task: Any, count: int, stop_in: int | None = None) -> tuple[list[int], Any, list[float]]:
    """Train a small model with dropout; stop in an epoch, before it is saved."""
    torch.manual_seed(0)
    random.seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    ran: list[int] = []
    losses: list[float] = []
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "losses": losses}
    for epoch in epochs(task, count, **parts):
        ran.append(epoch)
        loss = model(torch.randn(8, 3)).square().mean() * (1 + random.random())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(float(loss.detach()))
        if epoch == stop_in:
            break
    return ran, model.state_dict(), losses


def test_a_stopped_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    _, whole, losses = train(attempt(tmp_path / "whole", 1), 6)
    first, _, _ = train(attempt(tmp_path / "parts", 1), 6, stop_in=3)
    second, resumed, all_losses = train(attempt(tmp_path / "parts", 2), 6)
    assert (first, second) == ([0, 1, 2, 3], [3, 4, 5])  # only the one that was not saved
    assert all_losses == losses
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_finished_training_goes_on_for_as_many_epochs_in_its_next_round(tmp_path: Path) -> None:
    train(attempt(tmp_path, 1), 3)
    assert train(attempt(tmp_path, 2), 3)[0] == []
    assert train(attempt(tmp_path, 3, rounds=2), 3)[0] == [3, 4, 5]


def test_another_model_than_the_saved_one_is_named(tmp_path: Path) -> None:
    for _ in epochs(attempt(tmp_path, 1), 1, model=torch.nn.Linear(2, 1)):
        pass
    with pytest.raises(UserError, match="model does not fit what was saved"):
        list(epochs(attempt(tmp_path, 2), 2, model=torch.nn.Linear(3, 1)))
    with pytest.raises(UserError, match="optimizer was not saved"):
        list(epochs(attempt(tmp_path, 2), 2, model=torch.nn.Linear(2, 1), optimizer={}))
    with pytest.raises(UserError, match="rate is a float without state_dict"):
        list(epochs(attempt(tmp_path, 2), 2, rate=0.1))
