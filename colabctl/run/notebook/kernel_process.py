"""The process of a kernel: ipykernel's, but without a debugger, which nothing here connects to.

To import the debugger takes about as long as to import all the rest.
"""

import sys
from typing import Any


def main() -> None:
    """Run a kernel until its client ends it."""
    modules: dict[str, Any] = sys.modules
    modules["debugpy"] = None  # so that importing it fails
    from ipykernel.kernelapp import IPKernelApp  # noqa: PLC0415 - looks for the debugger

    kernel: Any = IPKernelApp.instance()
    kernel.initialize()
    del modules["debugpy"]  # the notebook may import it
    kernel.start()


if __name__ == "__main__":
    main()
