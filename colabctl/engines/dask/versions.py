"""Compares the versions of Python and colabctl here and in the workers of a Dask cluster."""

import platform
from importlib.metadata import version
from typing import Any

from colabctl.engines.dask.connection import Connection, Unreachable
from colabctl.errors import UserError
from colabctl.version import VERSION

_DISTRIBUTION = "colabctl-drive"
_MOST = 3  # workers that are named


def check_all(connection: Connection, where: str) -> None:
    """Raise UserError if all of the cluster's workers differ from this machine, or lack colabctl.

    While others fit, those that differ are left out later, with a note.
    """
    try:
        addresses = list(connection.client.nthreads())
    except Exception as error:
        raise UserError(
            f"the Dask scheduler at {where} does not answer any more ({type(error).__name__}); "
            "start it again"
        ) from error
    faults = {}
    for address in addresses:
        try:
            faults[address] = fault_of(connection, address)
        except Unreachable as error:
            faults[address] = str(error)
    if addresses and all(faults.values()):
        shown = "\n".join(f"{each}: {faults[each]}" for each in addresses[:_MOST])
        more = f"\nand {len(addresses) - _MOST} more" if len(addresses) > _MOST else ""
        raise UserError(f"no worker of the Dask cluster at {where} can run tasks:\n{shown}{more}")


def fault_of(connection: Connection, address: str) -> str:
    """Return why a Dask worker cannot run tasks, with what to do; "" if it can.

    It asks by functions that every Python has: those of colabctl could be missing or other ones.
    """
    python = connection.ask(address, platform.python_version)
    here = platform.python_version()
    if _minor(python) != _minor(here):
        return (
            f"it runs Python {python}, and this machine {here}; use the same Python on both sides, "
            "as Dask needs that too"
        )
    there = _colabctl(connection, address)
    wheel = "the wheel is in the project's folder .colabctl"
    if there is None:
        return f"colabctl is not installed there; install version {VERSION} ({wheel})"
    if there != VERSION:
        return f"it has colabctl {there}, and this machine {VERSION}; install the same ({wheel})"
    return ""


def _colabctl(connection: Connection, address: str) -> str | None:
    """Return the version of colabctl that is installed in a Dask worker, None if there is none."""
    answers: Any = connection.client.run(
        version, _DISTRIBUTION, workers=[address], on_error="return"
    )
    answer = answers.get(address)
    return answer if isinstance(answer, str) else None


def _minor(python: str) -> list[str]:
    return python.split(".")[:2]
