"""Writes numbers of bytes for people."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def size_text(size: int) -> str:
    """Return a number of bytes in powers of 1000, such as "3.4 GB"."""
    return f"{_number(size, _power(size))} {_UNITS[_power(size)]}"


def part_text(part: int, whole: int) -> str:
    """Return how much of a number of bytes is done, such as "1.2 of 3.4 GB"."""
    return f"{_number(part, _power(whole))} of {size_text(whole)}"


def _power(size: int) -> int:
    power = 0
    while size >= 1000 ** (power + 1) and power < len(_UNITS) - 1:
        power += 1
    return power


def _number(size: int, power: int) -> str:
    return f"{size / 1000**power:.1f}" if power else str(size)
