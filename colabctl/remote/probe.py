"""Finds out whether a store refuses to create a file twice, by trying it."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from colabctl.remote.record import StoreGuard
from colabctl.remote.store import Store, StoreError

_TOGETHER = 4  # creates at the same time


class Probed(NamedTuple):
    """The guard that a store gets, why, and whether it only pretends to refuse."""

    guard: StoreGuard
    reason: str
    lies: bool = False


def probe(store: Store) -> Probed:
    """Return what guards claims in a store; raises StoreError if it does not answer.

    It leaves nothing behind.
    """
    if not store.may_refuse:
        return Probed("eventual", "this kind of store cannot refuse to create a file twice")
    first, second = (f".colabctl/probes/{os.urandom(8).hex()}" for _ in range(2))
    try:
        store.create(first, b"first")
        accepted = store.create(first, b"second") or store.get(first) != b"first"
        with ThreadPoolExecutor(_TOGETHER) as pool:
            data = [f"{number}".encode() for number in range(_TOGETHER)]
            created = list(pool.map(lambda each: store.create(second, each), data))
        alone = sum(created) == 1 and store.get(second) == data[created.index(True)]
    finally:
        for each in (first, second):
            with suppress(StoreError):
                store.delete(each)
    if accepted or not alone:
        return Probed(
            "eventual",
            "this store was asked to refuse a second file of one name, and took it all the same",
            lies=True,
        )
    return Probed("created", "this store refuses to create a file twice")
