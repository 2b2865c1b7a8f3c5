"""A Lightning callback that saves a checkpoint after each epoch, and finds the newest one."""

import importlib
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from colabctl.callbacks.random_states import random_states, set_random_states
from colabctl.errors import UserError
from colabctl.task import Task


def lightning_callback(task: Task, *, every: int = 1) -> Any:
    """Return a callback for Lightning's Trainer, with the checkpoint to continue from.

    For example:

        saves = lightning_callback(task)
        trainer = Trainer(max_epochs=10 * task.rounds, callbacks=[saves])
        trainer.fit(model, data, ckpt_path=saves.checkpoint)

    It saves Lightning's own checkpoint, with optimizers, schedulers and loops, and the random
    generators of Python, NumPy and torch.

    Args:
        task: The task.
        every: Save after that many epochs, and after the last.

    Raises:
        UserError: Lightning is not installed, or the newest checkpoint holds other objects than
            tensors and plain values. Loading those could run another person's code.

    """
    library: Any = None
    for name in ("lightning.pytorch", "pytorch_lightning"):  # the latter is its earlier name
        with suppress(ImportError):
            library = library or importlib.import_module(name)
    if library is None:
        raise UserError("lightning_callback needs Lightning: pip install lightning")
    folder = tempfile.TemporaryDirectory(prefix="colabctl-lightning-")
    local = _local_copy(task, Path(folder.name))

    class Saves(library.Callback):  # type: ignore[misc]
        """Saves after an epoch; `checkpoint` is the path for ckpt_path, or None."""

        def __init__(self) -> None:
            self.checkpoint = None if local is None else str(local)
            self._folder = folder  # it is removed with this callback

        def state_dict(self) -> dict[str, Any]:
            return random_states()

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            # Lightning shuffles the data of the first epoch soon after this, before on_train_start.
            set_random_states(state_dict)

        def on_train_epoch_end(self, trainer: Any, _: Any) -> None:
            done = trainer.current_epoch + 1
            if done % every and done != trainer.max_epochs:
                return
            path = Path(folder.name, "save.ckpt")
            trainer.save_checkpoint(path)
            if trainer.is_global_zero:
                task.save(path, step=trainer.current_epoch)

    return Saves()


def _local_copy(task: Task, folder: Path) -> Path | None:
    """Return a copy of the newest checkpoint on this machine's disk, where no one changes it.

    Lightning loads it with a full unpickler. That is safe after torch has loaded the same bytes
    with `weights_only=True`, because both run the same instructions.
    """
    import torch  # noqa: PLC0415 - as above

    resumed = task.resume()
    if resumed is None:
        return None
    if not isinstance(resumed.state, Path):
        raise UserError(f"lightning_callback: {resumed.file} is not of lightning_callback")
    local = folder / "resume.ckpt"
    shutil.copyfile(resumed.state, local)
    try:
        torch.load(local, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(
            f"lightning_callback: {resumed.file} holds more than tensors and plain values, and "
            "loading it could run another person's code; keep such objects out of hyper-parameters "
            "and callbacks"
        ) from error
    return local
