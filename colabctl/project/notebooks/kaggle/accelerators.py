"""The accelerators of Kaggle that a kernel can ask for, and how long a session with one may last.

Source: `kaggle kernels push --help` of version 2.2.5, and the page "Notebooks" of Kaggle's
documentation. The NVIDIA P100 and the TPU v3-8 are retired.
"""

from dataclasses import dataclass

from colabctl.errors import UserError, nearest


@dataclass(frozen=True)
class Accelerator:
    """An accelerator.

    Attributes:
        machine: Kaggle's name of it, as `--accelerator` takes it; "" without an accelerator.
        label: as Kaggle's editor shows it.
        quota: the weekly quota that it uses, GPU or TPU; "" if none.
        hours: the longest session.

    """

    machine: str
    label: str
    quota: str
    hours: float


ACCELERATORS = {
    "cpu": Accelerator("", "no accelerator", "", 12),
    "gpu-t4x2": Accelerator("NvidiaTeslaT4", "GPU T4 x2", "GPU", 12),
    "gpu-l4": Accelerator("NvidiaL4", "GPU L4", "GPU", 12),
    "tpu-v5e8": Accelerator("TpuV5E8", "TPU v5e-8", "TPU", 9),
    "tpu-v6e8": Accelerator("TpuV6E8", "TPU v6e-8", "TPU", 9),
}
"""By the names that `--accelerator` of colabctl takes."""

DEFAULT = "gpu-t4x2"


def find_accelerator(name: str) -> Accelerator:
    """Return an accelerator by its name, or by Kaggle's name; raise UserError if it is neither."""
    by_name = {**ACCELERATORS, **{each.machine: each for each in ACCELERATORS.values()}}
    by_fold = {key.casefold(): value for key, value in by_name.items() if key}
    accelerator = by_fold.get(name.casefold())
    if accelerator is not None:
        return accelerator
    close = nearest(name, by_fold, cutoff=0.4)
    guess = f"did you mean {_own(by_fold[close])}? " if close else ""
    raise UserError(
        f"--accelerator {name!r} is unknown; {guess}there are {', '.join(ACCELERATORS)}"
    )


def _own(accelerator: Accelerator) -> str:
    return next(name for name, each in ACCELERATORS.items() if each == accelerator)
