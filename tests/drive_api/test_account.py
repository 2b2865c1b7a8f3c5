"""Credentials, refusals and retries: each ends in one line that says what to ask for."""

import json
from pathlib import Path
from typing import Any

import pytest

from colabctl.drive.refusals import DriveError
from tests.cli.conftest import refused
from tests.drive_api.conftest import ANA, Group
from tests.drive_api.discovery import NotDescribedError, checked
from tests.drive_api.server import CUT, Fault, error

LIST = ("share", "--list")


def test_without_credentials_it_says_how_to_sign_in(group: Group) -> None:
    said = group(*LIST, who=None)
    refused(
        said, "no credentials for Google Drive", "auth.authenticate_user()", "gcloud auth login"
    )


def test_a_file_of_credentials_that_cannot_be_used_is_named(group: Group, tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    said = group(*LIST, GOOGLE_APPLICATION_CREDENTIALS=str(missing))
    refused(said, f"GOOGLE_APPLICATION_CREDENTIALS={missing} cannot be used")
    missing.write_text("not JSON")
    said = group(*LIST, GOOGLE_APPLICATION_CREDENTIALS=str(missing))
    refused(said, f"GOOGLE_APPLICATION_CREDENTIALS={missing} cannot be used")


def test_credentials_that_were_revoked_are_renewed_by_signing_in(group: Group) -> None:
    group.server.revoked.add(ANA)
    refused(group(*LIST), "does not accept", "expired or revoked", "sign in again")


_QUOTA = "Your application is authenticating by using local Application Default Credentials. The drive.googleapis.com API requires a quota project, which is not set by default."
_DISABLED = {
    "error": {
        "code": 403,
        "message": "Google Drive API has not been used in project 12 before or it is disabled.",
        "status": "PERMISSION_DENIED",
        "details": [{"reason": "SERVICE_DISABLED", "domain": "googleapis.com"}],
    }
}


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (error(401, "authError"), ["sign in again"]),
        (error(403, "forbidden", _QUOTA), ["set-quota-project PROJECT"]),
        ((403, _DISABLED), ["not enabled", "ask the owner of that project"]),
        (error(403, "accessNotConfigured"), ["not enabled", "drive.googleapis.com"]),
        (error(403, "insufficientPermissions", "Insufficient authentication scopes."), ["sign in"]),
        (error(403, "insufficientFilePermissions"), ["your account may not", "ask its owner"]),
        (error(403, "domainPolicy"), ["your organisation", "ask its administrator"]),
        (error(404, "notFound"), ["that your account can see", "ask its owner for access"]),
        (error(400, "badRequest", "Odd."), ["Google Drive refuses this for churn: Odd."]),
        ((403, "<html>A proxy says no"), ["Google Drive refuses this for churn: HTTP status 403"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_each_refusal_is_one_line_with_what_to_ask_for(
    group: Group, answer: tuple[int, Any], parts: list[str]
) -> None:
    group.server.faults = [Fault("permissions.list", answer, times=9)]
    refused(group(*LIST), *parts)


def test_the_command_needs_the_client_only_when_it_is_used(group: Group, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/googleapiclient.py").write_text("raise ImportError('no client here')\n")
    path: dict[str, Any] = {"PYTHONPATH": str(tmp_path / "hidden")}
    refused(group(*LIST, **path), "pip install google-api-python-client")
    assert (
        group.run("verify", cwd=None, **path).code == 1
    )  # it asks for a manifest, not for the client
    assert group.run("protect", cwd=None, **path).code == 0


def test_help_loads_nothing_of_the_client(group: Group) -> None:
    names = "[n for n in sys.modules if n.startswith(('google', 'httplib2', 'colabctl.drive'))]"
    program = f"import sys; import colabctl.cli.app; print({names})"
    assert group.project.python(program).out == "[]\n"


@pytest.mark.parametrize(
    ("fault", "requests"),  # httplib2 itself repeats a request whose connection breaks
    [
        (CUT, 2),
        (error(429, "rateLimitExceeded"), 1),
        (error(403, "rateLimitExceeded"), 1),
        (error(502, "backend"), 1),
        ((200, "<html>Sign in to the hotel"), 1),
    ],
    ids=str,
)
def test_what_may_pass_is_tried_six_times_with_growing_waits(
    group: Group, drive: Any, waits: list[float], fault: Any, requests: int
) -> None:
    request = drive.api.files().get(fileId=group.folder.id, fields="id")
    group.server.faults = [Fault("files.get", fault, times=5 * requests)]
    assert drive.call(request, "churn") == {"id": group.folder.id}
    assert waits == [0.75, 1.5, 3.0, 6.0, 12.0]
    group.server.faults = [Fault("files.get", fault, times=6 * requests)]
    with pytest.raises(DriveError, match="again") as problem:
        drive.call(request, "churn")
    assert problem.value.passing


def test_what_cannot_pass_is_not_tried_again(group: Group, drive: Any, waits: list[float]) -> None:
    with pytest.raises(DriveError, match="that your account can see"):
        drive.call(drive.api.files().get(fileId="nothing-of-that-id"), "it")
    assert waits == []


def test_the_server_of_these_tests_refuses_what_google_does_not_describe() -> None:
    good = {"q": "'x' in parents", "fields": "files(id,permissions(role))", "pageSize": "5"}
    assert checked("GET", "/drive/v3/files", good, b"").name == "files.list"
    bad = [
        ("GET", "/drive/v3/files", {"query": "x"}, {}),
        ("GET", "/drive/v3/files", {"pageSize": "1001"}, {}),
        ("GET", "/drive/v3/files", {"supportsAllDrives": "yes"}, {}),
        ("GET", "/drive/v3/files", {"supportsTeamDrives": "true"}, {}),
        ("GET", "/drive/v3/files", {"fields": "files(sha256)"}, {}),
        ("GET", "/drive/v3/files", {"fields": "files(id"}, {}),
        ("PATCH", "/drive/v3/files/x", {}, {"contentRestrictions": {"readOnly": True}}),
        ("PATCH", "/drive/v3/files/x", {}, {"contentRestrictions": [{"readonly": True}]}),
        ("PATCH", "/drive/v3/files/x", {}, {"properties": {"a": 1}}),
        ("PATCH", "/drive/v3/files/x/permissions", {}, {"role": "reader"}),
        ("GET", "/drive/v3/files/x", {}, {"role": "reader"}),
    ]
    for verb, path, query, body in bad:
        data = json.dumps(body).encode() if body else b""
        with pytest.raises(NotDescribedError):
            checked(verb, path, query, data)
