"""Files of raw data with a date, for the tests of this folder."""

import os
from pathlib import Path

OLD = 1_500_000_000_123_456_789  # nanoseconds since 1970


def write(file: Path, text: str, mtime_ns: int = OLD) -> None:
    """Write a file, also one that is protected, and give it a date."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists():
        file.chmod(0o644)
    file.write_text(text)
    os.utime(file, ns=(mtime_ns, mtime_ns))
