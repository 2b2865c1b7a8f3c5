"""Stands in for Colab's package: what notebooks ask of the machine, and a note of each request.

$STAND_IN names a folder with the Drive that is to be mounted (`drive`), the secrets that the
notebook may read (`secrets.json`), and the notes (`calls`).
"""

import os
from pathlib import Path

place = Path(os.environ["STAND_IN"])


def note(call: str) -> None:
    """Note that something was asked for."""
    with (place / "calls").open("a") as calls:
        calls.write(f"{call}\n")
