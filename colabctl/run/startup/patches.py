"""Patches modules of google.colab and W&B in every process of a task.

The functions of google.colab ask the browser that shows the notebook, but a task has no browser.
userdata.get would wait ten seconds, drive.mount two minutes even if the Drive is mounted, and
authenticate_user forever. With the patches, they answer at once.

Where google.colab is not installed, a notebook that needs it gets a stand-in. Its functions answer
in the same way.

The patches of W&B are in wandb_patches.py, which is loaded when a process imports W&B.

This file is loaded on its own, into any Python 3 that a task starts, so it imports nothing from
colabctl.
"""

from __future__ import annotations  # for the oldest Python that a task may start

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

WANDB_PATCHES = "colabctl_wandb_patches"  # the name under which wandb_patches.py is loaded
_COLAB = "google.colab"
_IN_WORKER = "in the worker's notebook, before the cell that runs `colabctl work`"


def change_modules() -> None:
    """Patch the modules that are already imported, and the others when they are imported."""
    for name, change in _CHANGES.items():
        after_import(name, change)
    if os.environ.get("COLABCTL_STAND_IN") == _COLAB:
        sys.meta_path.append(_StandIn())  # the last one, so a real google.colab wins


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


class _StandIn:
    """Finds google.colab where nothing else does."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        parent, part = name.rpartition(".")[::2]
        if name in ("google", _COLAB) or (parent == _COLAB and part in _STAND_INS):
            loader: Any = _StandIn()  # of this module's own, see _follow
            return ModuleSpec(name, loader, is_package=name in ("google", _COLAB))
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python create the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill a module with the functions that notebooks use."""
        name = module.__name__
        content = _STAND_INS.get(name.rpartition(".")[2], {}) if name != "google" else {}
        vars(module).update(content)
        module.__file__ = __file__
        if name == _COLAB:
            vars(module)["__getattr__"] = _submodule


def _submodule(name: str) -> ModuleType:
    """Import a part of the stand-in; the real package imports them all at once."""
    try:
        return import_module(f"{_COLAB}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(f"google.colab has no {name} on this machine") from error


# -- the patches ----------------------------------------------------------------------------


def _drive(module: Any) -> None:
    def mount(mountpoint: str = "/content/drive", *_: Any, **__: Any) -> None:
        """Check that a Drive is mounted there; a task cannot mount one."""
        if _stands_in(module):
            print("There is no Drive to mount: this machine is not in Colab.")
            return
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


def _files(module: Any) -> None:
    def download(filename: str, *_: Any, **__: Any) -> None:
        """Copy a file to the task's folder."""
        source, folder = Path(filename), os.environ.get("COLABCTL_FOLDER")
        if not source.is_file():
            raise FileNotFoundError(f"Cannot find file: {filename}")
        if folder is None:
            print(f"{filename} stays where it is: there is no browser to download it.")
            return
        target = Path(folder, source.name)
        if not target.exists() or not target.samefile(source):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        print(f"There is no browser to download it, so it was copied: {target}")

    def upload(*_: Any, **__: Any) -> NoReturn:
        """Refuse: there is no one to choose a file."""
        raise RuntimeError(
            "a task has no browser to upload a file from; put the file into the project, and read "
            "it from there"
        )

    module.download = download
    module.upload = module.upload_file = upload


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
            what = (
                "run: gcloud auth application-default login"
                if _stands_in(module)
                else f"call auth.authenticate_user() {_IN_WORKER}"
            )
            raise RuntimeError(f"a task cannot ask for your Google account; {what}")

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
    """Return the patches of W&B, from the file next to this one; nothing the second time."""
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
    "google.colab.files": _files,
    "google.colab.runtime": _runtime,
    "google.colab.userdata": _userdata,
}


# -- the stand-in ---------------------------------------------------------------------------


def _stands_in(module: Any) -> bool:
    return isinstance(getattr(module, "__loader__", None), _StandIn)


def _ignored(*_: Any, **__: Any) -> None:
    """Do nothing: there is no browser."""


@contextmanager
def _here(*_: Any, **__: Any) -> Iterator[None]:
    """Show the output where it is: there is no browser with another place for it."""
    yield


def _refused(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise RuntimeError(f"{what} needs a browser, but a task has none; remove it")

    return refuse


class _Grid:
    """A grid or tabs, which show their outputs one below the other."""

    output_to = staticmethod(_here)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass


def _show_image(image: Any) -> None:
    """Display an image of OpenCV, an array of height x width x channels, in the order BGR."""
    cv2, display = import_module("cv2"), import_module("IPython.display")
    display.display(display.Image(cv2.imencode(".png", image)[1].tobytes()))


def _data_table(frame: Any, *_: Any, **__: Any) -> Any:
    """Return a frame, which shows itself."""
    return frame


# The functions of each module of google.colab that are not patches of its own.
_STAND_INS: Mapping[str, Mapping[str, Any]] = {
    "_message": {},
    "auth": {},
    "data_table": {
        "DataTable": _data_table,
        "enable_dataframe_formatter": _ignored,
        "disable_dataframe_formatter": _ignored,
        "load_ipython_extension": _ignored,
    },
    "drive": {},
    "files": {"view": _ignored},
    "output": {
        "clear": _ignored,
        "disable_custom_widget_manager": _ignored,
        "enable_custom_widget_manager": _ignored,
        "eval_js": _refused("output.eval_js"),
        "no_vertical_scroll": _ignored,
        "redirect_to_element": _here,
        "register_callback": _ignored,
        "serve_kernel_port_as_iframe": _ignored,
        "serve_kernel_port_as_window": _ignored,
        "temporary": _here,
        "use_tags": _here,
    },
    "patches": {"cv2_imshow": _show_image, "cv_imshow": _show_image},
    "runtime": {},
    "sheets": {"InteractiveSheet": _refused("sheets.InteractiveSheet")},
    "userdata": {
        name: type(name, (Exception,), {})
        for name in ("SecretNotFoundError", "NotebookAccessError", "TimeoutException")
    },
    "widgets": {"Grid": _Grid, "TabBar": _Grid},
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
