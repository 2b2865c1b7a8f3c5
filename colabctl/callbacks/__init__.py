"""Saves and resumes training by itself: in a plain loop, in Keras and in Lightning.

Each saves after an epoch with `task.save` and continues from `task.resume`.
"""

from colabctl.callbacks.keras import keras_callback
from colabctl.callbacks.lightning import lightning_callback
from colabctl.callbacks.loop import epochs

__all__ = ["epochs", "keras_callback", "lightning_callback"]
