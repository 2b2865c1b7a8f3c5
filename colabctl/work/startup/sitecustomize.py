"""Run by Python at its start: prepares google.colab, then hands over to the real sitecustomize."""

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


def _prepare() -> None:
    spec = importlib.util.spec_from_file_location(
        "colabctl_colab",
        os.path.join(_here, "colab.py"),  # noqa: PTH118 - as above
    )
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.answer_without_browser()


try:
    _prepare()
except Exception as wrong:  # noqa: BLE001 - no program may fail to start because of this
    sys.stderr.write("colabctl could not prepare google.colab: %s\n" % wrong)  # noqa: UP031 - for any Python 3
_hand_over()
