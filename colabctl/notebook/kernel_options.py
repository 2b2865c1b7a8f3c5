"""The options of a notebook's kernels, from the sweep file to the kernel."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args

ShellErrors = Literal["raise", "ignore"]
Keep = Literal["failed", "all", "none"]


@dataclass(frozen=True)
class KernelOptions:
    """How kernels are used, and which executed notebooks are kept.

    Raises ValueError for a value that is not allowed.

    Attributes:
        fresh: whether each task gets a new kernel; otherwise the cells above the parameters cell
            run once for many tasks.
        kernel_tasks: number of tasks after which a kernel is replaced; 0 for never.
        shell_errors: what a failing `!command` does.
        keep: the tasks whose executed notebook is kept in the task's folder.
    """

    fresh: bool = False
    kernel_tasks: int = 0
    shell_errors: ShellErrors = "raise"
    keep: Keep = "failed"

    def __post_init__(self) -> None:
        valid = {
            "fresh": type(self.fresh) is bool,
            "kernel_tasks": type(self.kernel_tasks) is int and self.kernel_tasks >= 0,
            "shell_errors": self.shell_errors in get_args(ShellErrors),
            "keep": self.keep in get_args(Keep),
        }
        for name, is_valid in valid.items():
            if not is_valid:
                raise ValueError(f"kernels: {name} is {getattr(self, name)!r:.60}")

    @property
    def chosen(self) -> dict[str, Any]:
        """The options that differ from their defaults, by name."""
        values = ((field, getattr(self, field.name)) for field in fields(self))
        return {field.name: value for field, value in values if value != field.default}

    @classmethod
    def decode(cls, parts: Mapping[str, Any]) -> Self:
        """Return the options in a JSON object, ignoring keys of newer versions.

        Raises ValueError for a value that is not allowed.
        """
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in parts.items() if name in names})
