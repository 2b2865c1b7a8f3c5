"""Finds how much memory this process may use: the machine's, or the limit of its cgroup."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

_GROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def memory_here() -> int:
    """Return the bytes of memory that this process may use, 0 if that is not known."""
    limits = list(_limits(_OWN, _GROUPS))
    with suppress(OSError, ValueError, AttributeError):  # Windows has no sysconf
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min((each for each in limits if each > 0), default=0)


def _limits(own: Path, groups: Path) -> Iterator[int]:
    """Yield the limits of this process's cgroup and of those above it.

    Version 2 has one tree, with `max` for unlimited. Version 1 has a tree for memory,
    with a number beyond any memory. In a container, the tree may begin at its own group, of which
    /proc gives the path outside.
    """
    try:
        lines = own.read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            tree, name = groups, "memory.max"
        elif "memory" in controllers.split(","):
            tree, name = groups / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = PurePosixPath("/", path)
        for each in (group, *group.parents):
            with suppress(OSError, ValueError):  # max, or not there
                yield int((tree / str(each).lstrip("/") / name).read_text())
