"""The callback for Keras, with the real library on torch."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from colabctl.callbacks import keras_callback
from colabctl.errors import UserError
from tests.callbacks.attempts import attempt

pytest.importorskip("torch", reason="needs torch: pip install -e '.[frameworks]'")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="needs Keras: pip install -e '.[frameworks]'")
np = pytest.importorskip("numpy")


class Stop(Exception):  # noqa: N818
    """The machine goes."""


def train(
    task: Any, count: int, stop_in: int | None = None, units: int = 4
) -> tuple[list[int], Any]:
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(units),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer="adam", loss="mse")
    ran: list[int] = []

    def begin(epoch: int, logs: Any) -> None:
        ran.append(epoch)

    def end(epoch: int, logs: Any) -> None:
        if epoch == stop_in:
            raise Stop

    watch = keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=end)
    with suppress(Stop):
        model.fit(
            x, y, epochs=count, batch_size=8, verbose=0, callbacks=[watch, keras_callback(task)]
        )
    return ran, model


def test_a_stopped_training_ends_with_the_same_weights_and_optimizer(tmp_path: Path) -> None:
    _, whole = train(attempt(tmp_path / "whole", 1), 5)
    first, _ = train(attempt(tmp_path / "parts", 1), 5, stop_in=2)
    second, resumed = train(attempt(tmp_path / "parts", 2), 5)
    assert (first, second) == ([0, 1, 2], [2, 3, 4])
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(whole.optimizer.variables, resumed.optimizer.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))


def test_another_model_than_the_saved_one_is_refused(tmp_path: Path) -> None:
    train(attempt(tmp_path, 1), 1)
    with pytest.raises(UserError, match="the model has other variables"):
        train(attempt(tmp_path, 2), 2, units=5)
