"""Patches modules of google.colab and W&B in every process of a task.

The functions of google.colab ask the browser that shows the notebook, but a task has no browser.
userdata.get would wait ten seconds, drive.mount two minutes even if the Drive is mounted, and
authenticate_user forever. With the patches, they answer at once.

The patches of W&B are in wandb_patches.py, which is loaded when a process imports W&B.

This file is loaded on its own, into any Python 3 that a task starts, so it imports nothing from
colabctl.
"""

from __future__ import annotations  # for the oldest Python that a task may start

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

WANDB_PATCHES = "colabctl_wandb_patches"  # the name under which wandb_patches.py is loaded
_IN_WORKER = "in the worker's notebook, before the cell that runs `colabctl work`"


def change_modules() -> None:
    """Patch the modules that are already imported, and the others when they are imported."""
    for name, change in _CHANGES.items():
        after_import(name, change)


def after_import(name: str, change: Callable[[Any], None]) -> None:
    """Call `change` with a module after its import, or at once if it is already imported."""
    if name in sys.modules:
        change(sys.modules[name])
        return
    for finder in sys.meta_path:
        if isinstance(finder, _Finder):
            finder.changes[name] = change
            return
    sys.meta_path.insert(0, _Finder({name: change}))


class _Finder:
    """Hooks into modules that other finders find, without finding any itself."""

    def __init__(self, changes: dict[str, Callable[[Any], None]]) -> None:
        self.changes = changes

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "wandb":
            self.changes.update(_for_wandb())
        change = self.changes.get(name)
        if change is None:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    _follow(spec.loader, change)
                return spec
        return None


def _follow(loader: Any, change: Callable[[Any], None]) -> None:
    load = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        load(module)
        change(module)

    loader.exec_module = exec_module


# -- the patches ----------------------------------------------------------------------------


def _drive(module: Any) -> None:
    def mount(mountpoint: str = "/content/drive", *_: Any, **__: Any) -> None:
        """Check that a Drive is mounted there; a task cannot mount one."""
        if not _is_mounted(os.fspath(mountpoint)):
            raise RuntimeError(
                f"no Drive is mounted at {mountpoint}, and a task cannot mount one; "
                f"mount it {_IN_WORKER}"
            )
        print(f"Drive already mounted at {mountpoint}.")

    def flush_and_unmount(*_: Any, **__: Any) -> None:
        """Keep the Drive: the worker and its other tasks need it."""
        print("The Drive stays mounted: the worker needs it.")

    module.mount = mount
    module.flush_and_unmount = flush_and_unmount


def _userdata(module: Any) -> None:
    class SecretNotFoundError(module.SecretNotFoundError):  # type: ignore[misc]
        def __init__(self, text: str) -> None:
            Exception.__init__(self, text)

    def get(key: str) -> str:
        """Return a secret from the environment, where the worker put it."""
        try:
            return os.environ[key]
        except KeyError:
            raise SecretNotFoundError(
                f"secret {key} is not in the environment; add it to `secrets:` in "
                f"colabctl.yaml, or set os.environ[{key!r}] {_IN_WORKER}"
            ) from None

    module.get = get


def _auth(module: Any) -> None:
    def authenticate_user(*_: Any, **__: Any) -> None:
        """Check that there are credentials; a task cannot ask for them."""
        if not _has_credentials(os.environ):
            raise RuntimeError(
                f"a task cannot ask for your Google account; call auth.authenticate_user() "
                f"{_IN_WORKER}"
            )

    module.authenticate_user = authenticate_user


def _runtime(module: Any) -> None:
    def unassign(*_: Any, **__: Any) -> None:
        """Keep the machine: the worker and its other tasks run on it."""
        print("The machine keeps running: the worker needs it.")

    module.unassign = unassign


def _message(module: Any) -> None:
    """Refuse requests to the browser, which all other functions of google.colab rely on."""

    def refuse(*request: object, **_: object) -> NoReturn:
        name = request[0] if request else "this"
        raise RuntimeError(
            f"google.colab asks the browser for {name!r}, but a task has no browser; "
            f"do this {_IN_WORKER}"
        )

    module.blocking_request = refuse
    module.read_reply_from_input = refuse


def _for_wandb() -> Mapping[str, Callable[[Any], None]]:
    """Return the patches of W&B, from the file beside this one; nothing the second time."""
    if WANDB_PATCHES in sys.modules:
        return {}
    file = Path(__file__).with_name("wandb_patches.py")
    spec = spec_from_file_location(WANDB_PATCHES, file)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[WANDB_PATCHES] = patches = module_from_spec(spec)
    spec.loader.exec_module(patches)
    return dict.fromkeys(patches.CHANGES, patches.change)


_CHANGES: Mapping[str, Callable[[Any], None]] = {
    "google.colab._message": _message,
    "google.colab.auth": _auth,
    "google.colab.drive": _drive,
    "google.colab.runtime": _runtime,
    "google.colab.userdata": _userdata,
}


def _is_mounted(folder: str) -> bool:
    """Whether a folder is a mount point, or a link to a mounted Drive."""
    if os.path.ismount(folder):
        return True
    folder = os.path.realpath(folder)
    try:
        with Path("/proc/mounts").open(encoding="utf-8", errors="replace") as table:
            mounts = [line.split() for line in table]
    except OSError:
        return False
    return any(
        len(fields) > 2 and fields[2] == "fuse.drive" and os.path.realpath(fields[1]) == folder
        for fields in mounts
    )


def _has_credentials(environ: Mapping[str, str]) -> bool:
    """Whether there is a credentials file where Google's libraries look for one."""
    file = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    folder = environ.get("CLOUDSDK_CONFIG") or Path("~/.config/gcloud").expanduser()
    return Path(file or Path(folder, "application_default_credentials.json")).is_file()
