"""URLs of stores, as people write them."""

from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.remote.store import Address, parse_url


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("s3://lab/churn", Address("s3", "lab", "churn")),
        ("s3://lab", Address("s3", "lab", "")),
        ("S3://lab//a/b/", Address("s3", "lab", "a/b")),
        (
            "s3://lab/churn?endpoint=http://127.0.0.1:9000/",
            Address("s3", "lab", "churn", "http://127.0.0.1:9000"),
        ),
        ("gs://lab/churn", Address("gs", "lab", "churn")),
        ("az://lab/churn", Address("az", "lab", "churn")),
        ("rclone:lab:a/b", Address("rclone", "lab", "a/b")),
        ("rclone:lab:", Address("rclone", "lab", "")),
        (
            "rclone::webdav,url='http://127.0.0.1:8080/':a b",
            Address("rclone", ":webdav,url='http://127.0.0.1:8080/'", "a b"),
        ),
        ("/srv/projects/churn", Address("folder", "", "/srv/projects/churn")),
        ("file:///srv/churn", Address("folder", "", "/srv/churn")),
    ],
)
def test_a_url_names_a_place(url: str, address: Address) -> None:
    assert parse_url(url) == address
    assert parse_url(address.url) == address


def test_a_folder_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_url("../shared").path == str(tmp_path.parent / "shared")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "is empty"),
        ("ftp://host/x", "is not the URL of a store"),
        ("https://drive.google.com/x", "is not the URL of a store"),
        ("s3:///churn", "names no bucket"),
        ("s3://lab/../x", "leave out"),
        ("s3://lab/x?region=eu", "only [?]endpoint=URL"),
        ("s3://AKIA:secret@lab/x", "holds a name or password"),
        ("gs://lab/x?endpoint=http://h", "speaks S3"),
        ("rclone:lab", "names no remote and path"),
        ("rclone::webdav,url='http://h',pass=hunter2:x", "holds pass"),
    ],
)
def test_a_url_that_is_none_is_refused(url: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as error:
        parse_url(url)
    assert "secret" not in str(error.value).replace("password", "")
    assert "hunter2" not in str(error.value)
