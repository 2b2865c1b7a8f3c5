"""A loop over epochs that continues where an earlier attempt has stopped."""

from collections.abc import Iterator
from typing import Any

from colabctl.callbacks.random_states import random_states, set_random_states
from colabctl.errors import UserError
from colabctl.task import Task


def epochs(task: Task, count: int, *, every: int = 1, **parts: Any) -> Iterator[int]:
    """Yield the epochs that are left, from 0, and save after each.

    For example:

        for epoch in epochs(task, 10, model=model, optimizer=optimizer):
            loss = train_one_epoch(model, optimizer)
            if task.report(step=epoch, loss=loss):
                break

    Before the first epoch, the parts are set to what the newest save holds. So are the random
    generators of Python, NumPy and torch.

    Args:
        task: The task.
        count: Epochs in all. `colabctl retry --continue` adds as many again.
        every: Save after that many epochs, and after the last.
        **parts: What to save, by name: anything with state_dict() and load_state_dict(), such as
            a model, an optimizer or a scheduler, and lists or dictionaries of plain values.

    Raises:
        UserError: A part cannot be saved, or does not fit what was saved.

    """
    for name, part in parts.items():
        if not (hasattr(part, "state_dict") or isinstance(part, list | dict)):
            raise UserError(
                f"epochs(): {name} is a {type(part).__qualname__} without state_dict(); give a "
                "model, an optimizer, a scheduler, a list or a dictionary"
            )
    if every < 1:
        raise UserError(f"epochs(): every={every} is not a number of epochs from 1")
    total, first = count * task.rounds, 0
    resumed = task.resume()
    if resumed is not None:
        first = _load(resumed.state, parts)
    for epoch in range(first, total):
        yield epoch
        if (epoch + 1) % every == 0 or epoch + 1 == total:
            task.save(_state(parts, epoch + 1), step=epoch)


def _state(parts: dict[str, Any], done: int) -> dict[str, Any]:
    states = {
        name: part.state_dict() if hasattr(part, "state_dict") else part
        for name, part in parts.items()
    }
    return {"epochs": done, "parts": states, "random": random_states()}


def _load(state: Any, parts: dict[str, Any]) -> int:
    """Set the parts to a saved state, and return the number of epochs that are done."""
    if not isinstance(state, dict) or not isinstance(state.get("parts"), dict):
        raise UserError("epochs(): what was saved is not of epochs(); use task.resume() yourself")
    saved = state["parts"]
    for name in parts.keys() ^ saved.keys():
        where = "was saved and is missing here" if name in saved else "was not saved"
        raise UserError(f"epochs(): {name} {where}; give the same parts as before")
    for name, part in parts.items():
        try:
            if isinstance(part, dict):
                part.clear()
                part.update(saved[name])
            elif isinstance(part, list):
                part[:] = saved[name]
            else:
                part.load_state_dict(saved[name])
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            first = str(error).strip().partition("\n")[0]
            raise UserError(
                f"epochs(): {name} does not fit what was saved: {first:.200}"
            ) from error
    set_random_states(state.get("random", {}))
    return int(state["epochs"])
