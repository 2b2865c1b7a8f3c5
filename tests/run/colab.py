"""A machine that has google.colab, or a stand-in for it, as far as Python can tell."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_STANDIN = str(Path(__file__).with_name("standin"))


@contextmanager
def colab_here() -> Iterator[None]:
    """Let this process and those it starts find a google.colab to which no browser listens."""
    others = sys.modules.pop("google", None)  # other parts of it are other packages
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(_STANDIN)
        patch.setenv("PYTHONPATH", _STANDIN, prepend=os.pathsep)
        patch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        yield
    sys.modules.pop("google", None)
    if others is not None:
        sys.modules["google"] = others
