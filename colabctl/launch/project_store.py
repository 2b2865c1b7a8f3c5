"""The store by which a machine without the Drive reaches a project, and what it needs for it."""

from collections.abc import Sequence

from colabctl.errors import UserError
from colabctl.project.config import Config
from colabctl.project.notebooks.away import Away
from colabctl.project.notebooks.wheel import wheel
from colabctl.remote.record import remote_of
from colabctl.remote.store import Address, parse_url
from colabctl.remote.stores.opening import open_store

_NEEDED = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "gs": ("GOOGLE_SERVICE_ACCOUNT_KEY",),
    "az": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"),
}
_OPTIONAL = {"s3": ("AWS_SESSION_TOKEN", "AWS_REGION")}


def away(config: Config, member: str, seconds: int, where: str) -> Away:
    """Return what a worker of `member` needs on a machine at `where`, such as Kaggle.

    Raises UserError for a project without a store, and for a store that only this machine sees.
    """
    remote = remote_of(config.root)
    if remote is None:
        raise UserError(
            f"{where} cannot mount a Drive, and {config.name} has no store; put it into one first: "
            "colabctl remote add URL"
        )
    address = parse_url(remote.url)
    if address.kind == "folder":
        raise UserError(
            f"{where} cannot reach the store of {config.name}, the folder {address.path}; it takes "
            "a bucket or a remote of rclone"
        )
    secrets = dict.fromkeys((*_needed(address), *config.secrets))
    optional = dict.fromkeys((*_OPTIONAL.get(address.kind, ()), *config.all_secrets))
    return Away(
        project=config.name,
        member=member,
        url=remote.url,
        seconds=seconds,
        secrets=tuple(secrets),
        optional=tuple(name for name in optional if name not in secrets),
    )


def put_wheel(worker: Away, sweep: str) -> None:
    """Put the wheel that the worker installs into the store, unless it is there.

    Raises UserError if the sweep is not in the store, and StoreError if that does not answer.
    """
    store = open_store(parse_url(worker.url))
    if store.head(f"sweeps/{sweep}/plan.json") is None:
        raise UserError(f"sweep {sweep} is not in {worker.url} yet; carry it there: colabctl sync")
    own = wheel()
    name = f".colabctl/{own.name}"
    if store.head(name) is None:
        store.create(name, own.data)


def _needed(address: Address) -> Sequence[str]:
    if address.kind == "rclone" and not address.place.startswith(":"):
        return ("RCLONE_CONF",)  # the text of rclone.conf
    return _NEEDED.get(address.kind, ())
