"""Run by Python at its start: prepares it for a task, then hands over to the real sitecustomize."""

import importlib.util
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - before all imports


def _hand_over() -> None:
    """Run the sitecustomize that this one hides, if there is one."""
    sys.path[:] = [place for place in sys.path if place != _here]
    this = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found] # noqa: F401, PLC0415 - the real one
    except ImportError:
        if this is not None:
            sys.modules["sitecustomize"] = this


def _look_beside_the_script() -> None:
    """Let a script find the modules beside it: PYTHONSAFEPATH keeps its folder out as well."""
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
except Exception as wrong:  # noqa: BLE001 - no program may fail to start because of this
    sys.stderr.write("colabctl could not prepare this Python: %s\n" % wrong)  # noqa: UP031 - for any Python 3
_hand_over()
if getattr(sys.flags, "safe_path", False):  # else Python does so itself
    _look_beside_the_script()
