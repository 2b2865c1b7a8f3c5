"""What a worker ran on, as its start event says: Python, packages, accelerators, system."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

_LONGEST = 100  # characters of a name or a version
_MOST = 64  # accelerators or packages
_LARGEST_MEMORY = 1 << 53  # bytes; larger whole numbers are no floats


class Accelerator(NamedTuple):
    """One GPU, or one chip of a TPU; its memory in bytes, 0 if that is not known."""

    name: str
    memory: int = 0


class Machine(NamedTuple):
    """What a worker ran on; empty where its start event does not say.

    Attributes:
        python: the version of Python.
        system: the operating system.
        driver: the version of the GPUs' driver.
        accelerators: those that the worker's tasks can use.
        packages: names and versions of installed packages of note.
        memory: bytes of the machine's memory, 0 if that is not known.
        elsewhere: whether an engine runs the worker's tasks on other machines.

    """

    python: str = ""
    system: str = ""
    driver: str = ""
    accelerators: tuple[Accelerator, ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    memory: int = 0
    elsewhere: bool = False


def read_machine(body: Mapping[str, Any]) -> Machine:
    """Return what a start event says; anyone may have written it, so parts are cut or left out."""
    python, system, driver = (_text(body.get(part)) for part in ("python", "system", "driver"))
    listed, packages = body.get("accelerators"), body.get("packages")
    accelerators = (_accelerator(each) for each in listed[:_MOST]) if type(listed) is list else ()
    installed = list(packages.items())[:_MOST] if type(packages) is dict else []
    versions = ((_text(name), _text(version)) for name, version in installed)
    return _machine(
        python,
        system,
        driver,
        tuple(each for each in accelerators if each.name),
        tuple(pair for pair in versions if all(pair)),
        _bytes(body.get("memory")),
        body.get("elsewhere") is True,
    )


@lru_cache(256)
def _machine(*parts: Any) -> Machine:
    """Return the same value for the same parts, because most workers of a sweep are alike."""
    return Machine(*parts)


def _accelerator(value: Any) -> Accelerator:
    if type(value) is not dict:
        return Accelerator("")
    return Accelerator(_text(value.get("name")), _bytes(value.get("memory")))


def _bytes(value: Any) -> int:
    return value if type(value) is int and 0 < value <= _LARGEST_MEMORY else 0


def _text(value: Any) -> str:
    if type(value) is not str:
        return ""
    value = value[:_LONGEST]
    return value if value.isprintable() else ascii(value)[1:-1][:_LONGEST]
