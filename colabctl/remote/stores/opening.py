"""Opens the store that an address names."""

from colabctl.errors import UserError
from colabctl.remote.store import Address, Store


def open_store(address: Address) -> Store:
    """Return the store at an address, which is not asked anything yet.

    Raises UserError if what the kind of store needs is not installed.
    """
    if address.kind == "folder":
        from colabctl.remote.stores.folder import Folder  # noqa: PLC0415 - only what is used

        return Folder(address)
    if address.kind == "rclone":
        raise UserError(f"{address.url}: stores by rclone are not in this version")
    from colabctl.remote.stores.objects import Objects  # noqa: PLC0415

    return Objects(address)
