"""The settings of a function in a folder, for tests of the processes that call it."""

from pathlib import Path

from colabctl.run.settings import Settings


def function_settings(folder: Path) -> Settings:
    """Return the settings of `train` in the file train.py of a folder, where the log is as well."""
    return Settings(
        "train.py:train",
        "function",
        prunes=False,
        command=None,
        code=str(folder),
        root=str(folder),
        cwd=str(folder),
        log=str(folder / "log"),
        kill_after=30.0,
    )
