"""The callback for Lightning, with the real library."""

from pathlib import Path
from typing import Any

import pytest

from colabctl.callbacks import lightning_callback
from colabctl.errors import UserError
from tests.callbacks.attempts import attempt

torch = pytest.importorskip("torch", reason="needs torch: pip install -e '.[frameworks]'")
lightning: Any = pytest.importorskip(
    "lightning.pytorch", reason="needs Lightning: pip install -e '.[frameworks]'"
)


class Stop(Exception):  # noqa: N818
    """The machine goes."""


def train(task: Any, count: int, folder: Path, stop_in: int | None = None) -> tuple[list[int], Any]:
    lightning.seed_everything(1, verbose=False)
    ran: list[int] = []

    class Model(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.save_hyperparameters({"units": 4})
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(3, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1)
            )

        def training_step(self, batch: Any, _: int) -> Any:
            return self.layers(batch[0]).square().mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=0.05)

        def on_train_epoch_start(self) -> None:
            if self.current_epoch == stop_in:
                raise Stop
            ran.append(self.current_epoch)

    data = torch.utils.data.TensorDataset(torch.arange(48.0).reshape(16, 3) / 48)
    saves = lightning_callback(task)
    trainer = lightning.Trainer(
        max_epochs=count, callbacks=[saves], default_root_dir=folder, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        accelerator="cpu",
    )  # fmt: skip
    model = Model()
    try:
        loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=True)
        trainer.fit(model, loader, ckpt_path=saves.checkpoint)
    except Stop:
        pass
    return ran, model.state_dict()


@pytest.mark.filterwarnings("ignore")
def test_a_stopped_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    _, whole = train(attempt(tmp_path / "whole", 1), 4, tmp_path)
    first, _ = train(attempt(tmp_path / "parts", 1), 4, tmp_path, stop_in=2)
    second, resumed = train(attempt(tmp_path / "parts", 2), 4, tmp_path)
    assert (first, second) == ([0, 1], [2, 3])
    for name in whole:
        torch.testing.assert_close(whole[name], resumed[name], rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_that_could_run_code_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.ckpt"
    torch.save({"state_dict": {}, "callbacks": {"f": print}}, file)
    attempt(tmp_path, 1).save(file, step=1)
    with pytest.raises(UserError, match="could run another person's code"):
        lightning_callback(attempt(tmp_path, 2))
