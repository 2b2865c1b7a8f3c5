"""Prepares a task's Python when it starts, then runs the sitecustomize that this one hides."""

import importlib.util
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - before all imports


def _hand_over() -> None:
    """Run the sitecustomize that this one hides, if there is one."""
    sys.path[:] = [path for path in sys.path if path != _here]
    this = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found] # noqa: F401, PLC0415 - the real one
    except ImportError:
        if this is not None:
            sys.modules["sitecustomize"] = this


def _add_script_folder() -> None:
    """Let a script import the modules next to it: PYTHONSAFEPATH also excludes its folder."""
    script = os.path.realpath(sys.argv[0]) if sys.argv[0] else ""
    if os.path.isfile(script):  # noqa: PTH113 - as above
        sys.path.insert(0, os.path.dirname(script))  # noqa: PTH120 - as above


def _prepare() -> None:
    spec = importlib.util.spec_from_file_location(
        "colabctl_patches",
        os.path.join(_here, "patches.py"),  # noqa: PTH118 - as above
    )
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.change_modules()


try:
    _prepare()
except Exception as error:  # noqa: BLE001 - no program may fail to start because of this
    sys.stderr.write("colabctl could not prepare this Python: %s\n" % error)  # noqa: UP031 - for any Python 3
_hand_over()
if getattr(sys.flags, "safe_path", False):  # otherwise Python does this itself
    _add_script_folder()
