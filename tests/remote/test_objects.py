"""Buckets of a real S3 server: refusals, missing credentials, a slow line, and a server that lies."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from obstore.store import S3Store

from colabctl.remote.probe import probe
from colabctl.remote.store import (
    ConflictError,
    CredentialsError,
    MissingStoreError,
    StoreError,
    UnreachableError,
    parse_url,
)
from colabctl.remote.stores import objects_client
from colabctl.remote.stores.objects import Objects
from colabctl.remote.stores.opening import open_store
from tests.remote.servers import CREDENTIALS, S3Server
from tests.remote.test_faults import refusal
from tests.servers.proxy import Proxy

Open = Callable[[], Objects]


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[Proxy]:
    with Proxy(s3.port) as proxy:
        yield proxy


@pytest.fixture
def opens(proxy: Proxy, bucket: str) -> Open:
    """Return a function that opens a bucket behind the proxy."""
    name = urlsplit(bucket).netloc
    url = f"s3://{name}/churn?endpoint=http://127.0.0.1:{proxy.port}"
    return lambda: Objects(parse_url(url))


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (301, "PermanentRedirect", StoreError, "is in another region; set AWS_REGION"),
        (400, "ExpiredToken", CredentialsError, "have expired"),
        (403, "AccessDenied", CredentialsError, "gives these credentials no right to use bucket"),
        (403, "RequestTimeTooSkewed", CredentialsError, "this machine's clock"),
        (403, "SignatureDoesNotMatch", CredentialsError, "refuses these credentials .Signature"),
        (404, "NoSuchBucket", MissingStoreError, "there is no bucket lab-.*; create it"),
        (409, "OperationAborted", ConflictError, "others change it too"),
        (503, "SlowDown", UnreachableError, "it is too busy"),
        (501, "NotImplemented", StoreError, "check the URL"),
    ],
)
def test_a_refusal_says_what_is_wrong(
    status: int, code: str, kind: type[StoreError], words: str, opens: Open, proxy: Proxy
) -> None:
    store = opens()
    proxy.refuse(status, 1000, refusal(code))
    with pytest.raises(StoreError, match=words) as raised:
        list(store.entries())
    assert type(raised.value) is kind
    proxy.refuse(status, 0)
    assert list(store.entries()) == []


def test_a_server_that_is_not_there_is_told_with_the_reason(s3: S3Server) -> None:
    with pytest.raises(UnreachableError, match=r"does not answer \(Connection refused\)"):
        list(open_store(parse_url("s3://lab/churn?endpoint=http://127.0.0.1:9")).entries())
    with pytest.raises(UnreachableError, match="no server of this name, or no network"):
        list(open_store(parse_url("s3://lab/churn?endpoint=http://no.such.invalid")).entries())
    url = f"s3://lab/churn?endpoint={s3.endpoint.replace('http', 'https')}"
    with pytest.raises(UnreachableError, match="it speaks http, not https"):
        list(open_store(parse_url(url)).entries())


def test_a_conflict_of_two_creates_is_tried_again(opens: Open, proxy: Proxy) -> None:
    store = opens()
    proxy.refuse(409, 2, refusal("ConditionalRequestConflict"))
    assert store.create("claims/1", b"ana")
    assert proxy.refused == 2
    assert not store.create("claims/1", b"ben")
    assert store.create("claims/1", b"ana"), "a try whose answer was lost"


@pytest.mark.parametrize(
    ("url", "environ", "words"),
    [
        ("s3://lab/x", {}, r"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in a profile"),
        ("s3://lab/x", {"AWS_ACCESS_KEY_ID": "a"}, "Missing SecretAccessKey"),
        ("s3://lab/x", {"AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID is empty"),
        ("s3://lab/x", {"AWS_SECRET_ACCESS_KEY": "a\n"}, "KEY begins or ends with a space"),
        ("s3://lab/x", {"AWS_PROFILE": "lab"}, "has the profile lab, which AWS_PROFILE names"),
        ("s3://lab/x", {"AWS_PROFILE": "signed"}, "profile signed has no keys of its own"),
        ("gs://lab/x", {"GOOGLE_APPLICATION_CREDENTIALS": "/none"}, "/none: No such file"),
        ("az://lab/x", {}, "give AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
def test_missing_credentials_are_named(
    url: str, environ: dict[str, str], words: str, without_credentials: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    config = without_credentials / ".aws/config"
    config.parent.mkdir()
    config.write_text("[profile signed]\nsso_session = lab\n")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CredentialsError, match=words):
        list(open_store(parse_url(url)).entries())


def test_a_profile_that_is_renewed_is_used_at_once(
    opens: Open, proxy: Proxy, without_credentials: Path
) -> None:
    profile = without_credentials / ".aws/credentials"
    profile.parent.mkdir()

    def write(key: str) -> None:
        lines = "".join(f"{name.lower()} = {key}\n" for name in CREDENTIALS)
        profile.write_text(f"[default]\n{lines}")

    write("old")
    store = opens()
    proxy.refuse(400, 1000, refusal("ExpiredToken"))
    with pytest.raises(CredentialsError, match="have expired"):
        store.get("x")
    write("new")
    with pytest.raises(CredentialsError):
        store.get("x")
    proxy.refuse(400, 0)
    store.put("x", b"one")
    client = store._clients.asking
    assert isinstance(client, S3Store)
    assert client.config["access_key_id"] == "new"


def test_a_large_file_on_a_slow_line_takes_longer_than_a_question_may(
    opens: Open, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects_client, "_ANSWER", "1s")
    store = opens()
    (tmp_path / "model.bin").write_bytes(b"x" * 1_000_000)
    store.upload(tmp_path, ["model.bin"], lambda _: None)
    proxy.delay = 0.2
    with pytest.raises(UnreachableError):
        store.get("model.bin")
    store.download(["model.bin"], tmp_path / "there", lambda _: None)
    assert (tmp_path / "there/model.bin").stat().st_size == 1_000_000


def test_a_server_that_takes_a_second_create_is_found_out_and_keeps_no_test_file(
    opens: Open, proxy: Proxy
) -> None:
    store = opens()
    assert probe(store).guard == "created"
    proxy.replaces = (b"if-none-match", b"x-none-match-")
    probed = probe(opens())
    assert (probed.guard, probed.lies) == ("eventual", True)
    assert list(store.entries()) == []
