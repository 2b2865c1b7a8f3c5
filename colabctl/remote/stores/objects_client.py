"""Opens buckets and containers with the package obstore, and finds the credentials for it."""

import configparser
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from colabctl.errors import UserError
from colabctl.remote.store import Address, CredentialsError
from colabctl.remote.stores.objects_errors import CREDENTIALS, first_line

if TYPE_CHECKING:
    import obstore.store

_PATIENCE = timedelta(seconds=8)  # for which obstore tries again by itself
_TRIES = 3
_CONNECT = "5s"
_ANSWER = "30s"  # for a question, such as a list
_PART = "10m"  # for 5 MB of an upload, or without a byte of a download: some lines are slow
_FILE = "7d"  # for a whole file
_INSTALL = "{url} needs the package obstore; install it: pip install -U 'colabctl-drive[store]'"
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region")
# Settings of a profile whose keys another program has to fetch.
_FETCHED = ("sso_session", "sso_start_url", "credential_process", "role_arn", "login_session")
_VARIABLES = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS",),
    "az": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN"),
}


class Clients(NamedTuple):
    """One for questions and small files, which are answered soon, and one for files of any size."""

    asking: "obstore.store.ObjectStore"
    carrying: "obstore.store.ObjectStore"


def clients(address: Address, environ: Mapping[str, str]) -> Clients:
    """Open a bucket without asking it anything.

    Raises UserError if obstore is missing, CredentialsError if credentials are missing or damaged.
    """
    try:
        from obstore import store  # noqa: PLC0415 - an extra
        from obstore.exceptions import BaseError  # noqa: PLC0415
    except ImportError:
        raise UserError(_INSTALL.format(url=address.url)) from None
    for name in _VARIABLES[address.kind]:
        value = environ.get(name, "-")
        if not value.strip() or value != value.strip():
            fault = "begins or ends with a space or a new line" if value.strip() else "is empty"
            raise CredentialsError(
                f"{address.url} cannot be opened: {name} {fault}; {CREDENTIALS[address.kind]}"
            )
    kind: Any = {"s3": store.S3Store, "gs": store.GCSStore, "az": store.AzureStore}[address.kind]
    config = _s3_config(address, environ) if address.kind == "s3" else {}
    retry: Any = {"max_retries": _TRIES, "retry_timeout": _PATIENCE}
    client = {"connect_timeout": _CONNECT}
    if config.get("endpoint", "").startswith("http://"):
        client["allow_http"] = "true"
    same = {"prefix": address.path or None, "retry_config": retry, **config}
    soon, long = {"timeout": _ANSWER}, {"timeout": _FILE, "read_timeout": _PART}
    try:
        return Clients(
            kind(address.place, client_options={**client, **soon}, **same),
            kind(address.place, client_options={**client, **long}, **same),
        )
    except (BaseError, OSError, ValueError) as error:
        raise CredentialsError(
            f"{address.url} cannot be opened ({first_line(str(error))}); "
            f"{CREDENTIALS[address.kind]}"
        ) from None


def _s3_config(address: Address, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a profile says, unless the environment gives credentials; region and endpoint."""
    # LocalBucket and some others cannot remove several files with one request.
    config = {"disable_bulk_delete": "true"}
    if "AWS_ACCESS_KEY_ID" not in environ and "AWS_WEB_IDENTITY_TOKEN_FILE" not in environ:
        config |= _profile(address, environ)
    if "access_key_id" not in config and not any(
        each in environ
        for each in ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE",
                     "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    ):  # fmt: skip
        config["imdsv1_fallback"] = "false"
    if "region" not in config and not {"AWS_REGION", "AWS_DEFAULT_REGION"} & environ.keys():
        config["region"] = "us-east-1"
    endpoint = address.endpoint or environ.get("AWS_ENDPOINT_URL", "")
    return config | ({"endpoint": endpoint} if endpoint else {})


def _profile(address: Address, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the keys and the region of the chosen profile; raise UserError if it has no keys."""
    profile = environ.get("AWS_PROFILE", "default")
    home = Path(environ.get("HOME", "~")).expanduser() / ".aws"
    files = (
        (Path(environ.get("AWS_SHARED_CREDENTIALS_FILE", home / "credentials")), profile),
        (
            Path(environ.get("AWS_CONFIG_FILE", home / "config")),
            profile if profile == "default" else f"profile {profile}",
        ),
    )
    values: dict[str, str] = {}
    for file, section in files:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file} cannot be read ({first_line(str(error))})") from None
        if parser.has_section(section):
            values |= parser[section]
    if not values and "AWS_PROFILE" in environ:
        raise CredentialsError(
            f"{address.url}: no file in {home} has the profile {profile}, which AWS_PROFILE names; "
            f"{CREDENTIALS['s3']}"
        )
    if "aws_access_key_id" not in values and any(each in values for each in _FETCHED):
        raise CredentialsError(
            f"{address.url}: the profile {profile} has no keys of its own; fetch them with: "
            f'eval "$(aws configure export-credentials --profile {profile} --format env)"'
        )
    return {key.removeprefix("aws_"): values[key] for key in _KEYS if key in values}
