"""Opens the store that an address names."""

import os

from colabctl.remote.store import Address, Store


def open_store(address: Address) -> Store:
    """Return the store at an address, which is not asked anything yet.

    Raises UserError if what the kind of store needs is not installed.
    """
    if address.kind == "folder":
        from colabctl.remote.stores.folder import Folder  # noqa: PLC0415 - only what is used

        return Folder(address)
    if address.kind == "rclone":
        from colabctl.remote.stores.rclone import RcloneStore  # noqa: PLC0415

        return RcloneStore(address, os.environ)
    from colabctl.remote.stores.objects import Objects  # noqa: PLC0415

    return Objects(address)
