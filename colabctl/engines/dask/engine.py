"""Makes the engine for `--on dask`: a scheduler by its address or its file, or a local cluster."""

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import dask
from distributed import Client, LocalCluster

from colabctl.engines.dask.cluster import DaskCarrier
from colabctl.engines.dask.connection import connect
from colabctl.errors import UserError

_OPTIONS = ("scheduler-file", "jobs")


def engine(address: str, options: Mapping[str, str]) -> DaskCarrier:
    """Return the carrier for `dask://ADDRESS`, or for `dask` with the options of its own.

    `scheduler-file` is the file that `dask scheduler --scheduler-file` writes. `jobs` is the number
    of tasks at a time; a local cluster has as many workers. Raises UserError.
    """
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown:
        raise UserError(
            f"--on dask: unknown option {unknown[0]!r:.60}; there are {', '.join(_OPTIONS)}"
        )
    most = int(options["jobs"]) if options.get("jobs", "").isdecimal() else None
    file = options.get("scheduler-file")
    if file and address:
        raise UserError(
            f"--on dask://{address} and --scheduler-file both name a scheduler; leave one out"
        )
    if file:
        return _at(_address_in(Path(file)), most)
    if address:
        return _at(_checked(address), most)
    return DaskCarrier(partial(_local, most), "this machine", most)


def _at(address: str, most: int | None) -> DaskCarrier:
    return DaskCarrier(partial(_remote, address), address, most)


@contextmanager
def _remote(address: str) -> Iterator[Client]:
    client = connect(address)
    try:
        yield client
    finally:
        client.close(timeout=5)


@contextmanager
def _local(jobs: int | None) -> Iterator[Client]:
    workers = jobs or os.cpu_count() or 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a port for a dashboard, which no one needs
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        )
    with cluster:
        client = connect(cluster.scheduler_address)
        try:
            yield client
        finally:
            client.close(timeout=5)


def _checked(address: str) -> str:
    """Return an address with its protocol; raise UserError for one that cannot be one."""
    protocol, _, rest = address.rpartition("://")
    name, _, port = rest.rstrip("/").rpartition(":")
    if not name or not port.isdecimal() or protocol not in ("", "tcp", "tls", "ws", "wss", "ucx"):
        raise UserError(
            f"--on dask://{address}: this is not an address; write dask://HOST:PORT, such as "
            "dask://10.0.0.5:8786, or dask://tls://HOST:PORT for a scheduler with TLS"
        )
    protocol = protocol or dask.config.get("distributed.comm.default-scheme")
    return f"{protocol}://{rest.rstrip('/')}"


def _address_in(file: Path) -> str:
    """Return the address in a scheduler file; raise UserError if there is none."""
    try:
        parts = json.loads(file.read_text(encoding="utf-8"))
        address = parts["address"]
    except OSError as error:
        raise UserError(
            f"--scheduler-file {file}: {error.strerror}; it is what dask scheduler "
            "--scheduler-file writes"
        ) from None
    except (ValueError, KeyError, TypeError):
        address = None
    if not isinstance(address, str):
        raise UserError(f"--scheduler-file {file}: this is not a file of a Dask scheduler")
    return _checked(address)
