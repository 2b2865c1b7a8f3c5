"""Buckets and containers of S3, Google Cloud Storage and Azure, and servers that speak S3."""

import configparser
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colabctl.errors import UserError
from colabctl.remote.store import (
    Address,
    ConflictError,
    CredentialsError,
    Done,
    Entry,
    Level,
    MissingFileError,
    MissingStoreError,
    StoreError,
    UnreachableError,
)
from colabctl.remote.transfers import each_of

if TYPE_CHECKING:
    import obstore.store

_PAGE = 1000  # files that a request lists, the most of S3
_AT_ONCE = 16  # transfers
_PATIENCE = timedelta(seconds=8)  # for which obstore tries again by itself
_TRIES = 3
_TRIES_OF_CONFLICTS = 5
_INSTALL = "{url} needs the package obstore; install it: pip install 'colabctl-drive[store]'"
_CREDENTIALS = {
    "s3": "give credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in a profile of "
    "~/.aws/credentials (AWS_PROFILE)",
    "gs": "name the file of a service account in GOOGLE_APPLICATION_CREDENTIALS, or run "
    "gcloud auth application-default login",
    "az": "give AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or "
    "AZURE_STORAGE_SAS_TOKEN)",
}
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region")


class Objects:
    """A bucket or container, at the folder of a project."""

    may_refuse = True

    def __init__(self, address: Address, environ: Mapping[str, str] = os.environ) -> None:
        """Open it without asking it anything; raise UserError if obstore is missing."""
        self.url = address.url
        self._address = address
        self._store = _opened(address, environ)

    def entries(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """Yield the files below a prefix; see Store."""
        import obstore  # noqa: PLC0415 - an extra

        with self._asking(prefix):
            pages = obstore.list(
                self._store, prefix or None, offset=after or None, chunk_size=_PAGE
            )
            for page in pages:
                yield from map(_entry, page)

    def level(self, prefix: str) -> Level:
        """Return what is directly below a prefix; see Store."""
        import obstore  # noqa: PLC0415

        with self._asking(prefix):
            found = obstore.list_with_delimiter(self._store, prefix.rstrip("/") or None)
            folders = [str(each).rpartition("/")[2] for each in found["common_prefixes"]]
            return Level([_entry(each) for each in found["objects"]], sorted(folders))

    def get(self, name: str) -> bytes:
        """Return the content of a file."""
        import obstore  # noqa: PLC0415

        with self._asking(name):
            return bytes(obstore.get(self._store, name).bytes())

    def put(self, name: str, data: bytes) -> None:
        """Write a file."""
        import obstore  # noqa: PLC0415

        with self._asking(name):
            obstore.put(self._store, name, data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file if there is none; a 409 of S3 says nothing, so it is tried again."""
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415

        for _ in range(_TRIES_OF_CONFLICTS):
            with self._asking(name):
                try:
                    obstore.put(self._store, name, data, mode="create")
                except (AlreadyExistsError, FileExistsError) as error:
                    if _status(error) == 409:  # ConditionalRequestConflict
                        continue
                else:
                    return True
            return self.get(name) == data  # an earlier try of ours, whose answer was lost
        raise ConflictError(f"{self.url}: others write {name} at the same time; try again")

    def head(self, name: str) -> Entry | None:
        """Return the entry of a file."""
        import obstore  # noqa: PLC0415

        try:
            with self._asking(name):
                return _entry(obstore.head(self._store, name))
        except MissingFileError:
            return None

    def delete(self, name: str) -> None:
        """Remove a file."""
        import obstore  # noqa: PLC0415

        with self._asking(name):
            obstore.delete(self._store, name)

    def upload(self, folder: Path, names: Sequence[str], done: Done) -> None:
        """Copy files from a folder; an object appears when it is whole."""
        import obstore  # noqa: PLC0415

        def upload(name: str) -> None:
            try:
                with self._asking(name):
                    obstore.put(self._store, name, folder / name)
            except MissingFileError:
                return  # it has gone here
            done(name)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            each_of(pool, upload, names)

    def download(self, names: Sequence[str], folder: Path, done: Done) -> None:
        """Copy files to a folder."""
        import obstore  # noqa: PLC0415

        def download(name: str) -> None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with self._asking(name):
                    chunks = iter(obstore.get(self._store, name))
                    first = next(chunks, b"")
            except MissingFileError:
                return
            with path.open("wb") as file:
                chunk: Any = first
                while chunk:
                    file.write(chunk)
                    with self._asking(name):
                        chunk = next(chunks, b"")
            done(name)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            each_of(pool, download, names)

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        """Raise what goes wrong as a StoreError."""
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise self._fault(error, name) from None

    def _fault(self, error: Exception, name: str) -> StoreError:
        text, status = str(error), _status(error)
        code = _CODE.search(text)
        said = (code[1] if code else "") or (f"status {status}" if status else _first_line(text))
        if said in ("NoSuchBucket", "ContainerNotFound") or "bucket does not exist" in text:
            return MissingStoreError(
                f"{self.url}: there is no {self._noun} {self._address.place}; create it, or check "
                "the name"
            )
        if isinstance(error, FileNotFoundError):
            return MissingFileError(f"{self.url} has no file {name}")
        if status in (401, 403) or _lacks_credentials(text):
            return CredentialsError(
                f"{self.url} refuses these credentials ({said}); {_CREDENTIALS[self._address.kind]}"
                if status
                else f"{self.url}: no credentials; {_CREDENTIALS[self._address.kind]}"
            )
        if status is not None and status != 429 and status < 500:
            return StoreError(f"{self.url} refuses {name or 'a list'} ({said}); check the URL")
        return UnreachableError(
            f"{self.url} does not answer ({said}); check the network and the address, then try "
            "again"
        )

    @property
    def _noun(self) -> str:
        return "container" if self._address.kind == "az" else "bucket"


def _entry(found: Any) -> Entry:
    changed = found.get("last_modified")
    token = found.get("e_tag") or (changed.isoformat() if changed else "")
    return Entry(found["path"], found["size"], token)


def _status(error: Exception) -> int | None:
    match = _STATUS.search(str(error))
    return int(match[1]) if match else None


def _first_line(text: str) -> str:
    line = text.partition("\n")[0].strip().rstrip(":- ")
    return line.rpartition(" - ")[2][:120]


def _lacks_credentials(text: str) -> bool:
    return any(
        sign in text
        for sign in ("169.254.169.254", "metadata.google.internal", "Missing credentials",
                     "No credentials", "not found in credentials")
    )  # fmt: skip


def _opened(address: Address, environ: Mapping[str, str]) -> "obstore.store.ObjectStore":
    try:
        from obstore import store  # noqa: PLC0415
    except ImportError:
        raise UserError(_INSTALL.format(url=address.url)) from None
    retry: Any = {"max_retries": _TRIES, "retry_timeout": _PATIENCE}
    client: Any = {"timeout": "60s", "connect_timeout": "5s"}
    place, prefix = address.place, address.path or None
    try:
        if address.kind == "gs":
            return store.GCSStore(place, prefix=prefix, retry_config=retry, client_options=client)
        if address.kind == "az":
            return store.AzureStore(
                container_name=place, prefix=prefix, retry_config=retry, client_options=client
            )
        config = _s3_config(environ)
        endpoint = address.endpoint or environ.get("AWS_ENDPOINT_URL", "")
        if endpoint:
            config["endpoint"] = endpoint
            if endpoint.startswith("http://"):
                client["allow_http"] = True
        more: Any = config
        return store.S3Store(
            place, prefix=prefix, retry_config=retry, client_options=client, **more
        )
    except (OSError, ValueError) as error:
        raise _unopened(address, error) from None
    except Exception as error:
        from obstore.exceptions import BaseError  # noqa: PLC0415

        if isinstance(error, BaseError):
            raise _unopened(address, error) from None
        raise


def _unopened(address: Address, error: Exception) -> CredentialsError:
    said = _first_line(str(error))
    return CredentialsError(
        f"{address.url} cannot be opened ({said}); {_CREDENTIALS[address.kind]}"
    )


def _s3_config(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a profile says, unless the environment gives credentials; and the region."""
    config: dict[str, str] = {}
    if "AWS_ACCESS_KEY_ID" not in environ and "AWS_WEB_IDENTITY_TOKEN_FILE" not in environ:
        profile = environ.get("AWS_PROFILE", "default")
        home = Path(environ.get("HOME", "~")).expanduser() / ".aws"
        files = (
            (Path(environ.get("AWS_SHARED_CREDENTIALS_FILE", home / "credentials")), profile),
            (
                Path(environ.get("AWS_CONFIG_FILE", home / "config")),
                profile if profile == "default" else f"profile {profile}",
            ),
        )
        for file, section in files:
            parser = configparser.ConfigParser(interpolation=None)
            try:
                parser.read(file, encoding="utf-8")
            except (configparser.Error, OSError, UnicodeDecodeError) as error:
                raise UserError(f"{file} cannot be read ({_first_line(str(error))})") from None
            if parser.has_section(section):
                found = parser[section]
                config |= {key: found[key] for key in _KEYS if key in found}
    config = {key.removeprefix("aws_"): value for key, value in config.items()}
    if "access_key_id" not in config and not any(
        each in environ
        for each in ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE",
                     "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    ):  # fmt: skip
        config["imdsv1_fallback"] = "false"
    if "region" not in config and not {"AWS_REGION", "AWS_DEFAULT_REGION"} & environ.keys():
        config["region"] = "us-east-1"
    return config
