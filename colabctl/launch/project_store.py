"""The store by which a machine without the Drive reaches a project, and what it needs for it."""

from collections.abc import Sequence

from colabctl.errors import UserError
from colabctl.project.config import Config
from colabctl.project.notebooks.away import Away
from colabctl.remote.store import Address, parse_url

_NEEDED = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "gs": ("GOOGLE_SERVICE_ACCOUNT_KEY",),
    "az": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"),
}
_OPTIONAL = {"s3": ("AWS_SESSION_TOKEN", "AWS_REGION")}


def away(config: Config, url: str | None, member: str, seconds: int, where: str) -> Away:
    """Return what a worker of `member` needs on a machine at `where`, such as Kaggle.

    Raises UserError for a project without a store, and for a store that only this machine sees.
    """
    if url is None:
        raise UserError(
            f"{where} cannot mount a Drive, and project {config.name} has no store; give it one "
            "first: colabctl remote add URL"
        )
    address = parse_url(url)
    if address.kind == "folder":
        raise UserError(
            f"the project's store is the folder {address.path}, which {where} cannot reach; use a "
            "bucket: colabctl remote add s3://BUCKET/PATH"
        )
    secrets = dict.fromkeys((*_needed(address), *config.secrets))
    optional = dict.fromkeys((*_OPTIONAL.get(address.kind, ()), *config.all_secrets))
    return Away(
        project=config.name,
        member=member,
        url=url,
        seconds=seconds,
        secrets=tuple(secrets),
        optional=tuple(name for name in optional if name not in secrets),
    )


def _needed(address: Address) -> Sequence[str]:
    return _NEEDED.get(address.kind, ())
