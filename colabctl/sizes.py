"""Reads and writes sizes such as 500MB or 1.5GB."""

import re

from colabctl.errors import UserError

_DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_LARGEST = 1 << 60  # bytes


def parse_size(text: str | float, name: str = "size") -> int:
    """Return a size such as "500MB", "1.5 GB", "2GiB" or a number of bytes, in bytes.

    Raises UserError, which starts with `name`, for any other text.
    """
    match = _SIZE.fullmatch(str(text).strip())
    if match is not None and not isinstance(text, bool):
        number, unit, binary = match.groups()
        factor = (_BINARY if binary else _DECIMAL).get(unit.lower())
        if factor is not None and float(number) * factor <= _LARGEST:
            return int(float(number) * factor)
    raise UserError(f"{name}: {text!r} is not a size; write 500MB, 1GB or 1.5GB")


def format_size(size: float) -> str:
    """Return a number of bytes as text, such as "12 bytes", "340 kB" or "1.5 GB"."""
    for unit, name in _UNITS:
        if size >= unit:
            number = size / unit
            return f"{number:.1f} {name}" if number < 100 else f"{number:,.0f} {name}"
    return f"{size:.0f} byte{'s' * (size != 1)}"


def format_part(part: float, whole: float) -> str:
    """Return how much of a number of bytes is done, both in one unit, such as "1.2 of 3.4 GB"."""
    unit, name = next(((unit, name) for unit, name in _UNITS if whole >= unit), (1, "bytes"))
    digits = 0 if unit == 1 else 1
    return f"{part / unit:.{digits}f} of {whole / unit:.{digits}f} {name}"
