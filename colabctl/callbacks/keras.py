"""A Keras callback that saves a model after each epoch, and continues from the newest save."""

from typing import Any

from colabctl.callbacks.random_states import random_states, set_random_states
from colabctl.errors import UserError
from colabctl.task import Task


def keras_callback(task: Task, *, every: int = 1) -> Any:
    """Return a callback for `model.fit(..., callbacks=[keras_callback(task)])`.

    It saves the weights, the optimizer, the seeds of layers, the number of the epoch, and the
    random generators of Python, NumPy and torch. `fit` then skips the epochs that are done, as with
    Keras's own BackupAndRestore. With `epochs=10 * task.rounds`, `colabctl retry --continue` trains
    longer.

    Args:
        task: The task.
        every: Save after that many epochs, and after the last.

    Raises:
        UserError: Keras 3 is not installed; or later, the model is not the one that was saved.

    """
    try:
        import keras  # noqa: PLC0415 - only where it is used
    except ImportError:
        raise UserError("keras_callback needs Keras 3: pip install keras") from None

    class Saves(keras.callbacks.Callback):  # type: ignore[misc]
        """Saves after an epoch, and restores before the first."""

        def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras names it
            resumed = task.resume()
            if resumed is not None:
                # As BackupAndRestore does; all backends of Keras 3 read it after this call.
                self.model._initial_epoch = _restore(self.model, resumed.state)  # noqa: SLF001

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - as above
            done = epoch + 1
            if done % every == 0 or done == self.params.get("epochs"):
                task.save(_state(self.model, done), step=epoch)

    return Saves()


def _variables(model: Any) -> dict[str, list[Any]]:
    optimizer = model.optimizer
    return {
        "model": list(model.variables),
        "optimizer": list(optimizer.variables) if optimizer is not None else [],
    }


def _state(model: Any, done: int) -> dict[str, Any]:
    from keras import ops  # noqa: PLC0415 - as above

    arrays = {
        name: [ops.convert_to_numpy(variable) for variable in variables]
        for name, variables in _variables(model).items()
    }
    return {"epochs": done, **arrays, "random": random_states()}


def _restore(model: Any, state: Any) -> int:
    """Set a model to a saved state, and return the number of epochs that are done."""
    if not model.built:
        raise UserError(
            "keras_callback: the model has no weights yet; give its first layer an input shape, or "
            "call it on a batch before fit()"
        )
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if not isinstance(state, dict) or "model" not in state:
        raise UserError("keras_callback: what was saved is not of keras_callback")
    for name, variables in _variables(model).items():
        shapes = [tuple(variable.shape) for variable in variables]
        if shapes != [tuple(array.shape) for array in state[name]]:
            raise UserError(
                f"keras_callback: the {name} has other variables than the one that was saved; "
                "build the same one"
            )
        for variable, array in zip(variables, state[name], strict=True):
            variable.assign(array)
    set_random_states(state.get("random", {}))
    return int(state["epochs"])
