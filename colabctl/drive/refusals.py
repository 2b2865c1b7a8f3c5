"""Says in one line why Google Drive refuses a request, and what to ask for and from whom."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from colabctl.errors import UserError

SIGN_IN = (
    "in Colab, run this in a cell: from google.colab import auth; auth.authenticate_user(). "
    "Elsewhere, run: gcloud auth login --enable-gdrive-access --update-adc"
)
_RATE_LIMITS = {"userRateLimitExceeded", "rateLimitExceeded", "RATE_LIMIT_EXCEEDED"}
_DISABLED = {"accessNotConfigured", "SERVICE_DISABLED"}
_ENABLE = "https://console.cloud.google.com/apis/library/drive.googleapis.com"
_LONGEST = 300  # characters of a server's own message


class DriveError(UserError):
    """Google Drive refused a request, or did not answer.

    Attributes:
        status: the HTTP status; 0 without an answer.
        reason: Drive's own word for it, such as insufficientFilePermissions.
        passing: whether the same request may succeed later.

    """

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", passing: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.passing = passing

    @property
    def local(self) -> bool:
        """Whether it concerns only the file or person of the request, so that others may work."""
        general = {*_DISABLED, "domainPolicy", "quotaProject", "scope", "sharingRateLimitExceeded"}
        return self.status in (400, 403, 404) and not self.passing and self.reason not in general


def signed_out(error: object) -> DriveError:
    """Return the error for credentials that Google does not accept."""
    return DriveError(
        f"Google does not accept this machine's credentials ({_short(str(error))}); sign in again: "
        f"{SIGN_IN}",
        status=401,
        reason="authError",
    )


def no_answer(error: object) -> DriveError:
    """Return the error for a connection that fails."""
    return DriveError(
        f"no answer from Google Drive ({_short(str(error) or type(error).__name__)}); check the "
        "connection, then run the command again: it is safe to repeat",
        passing=True,
    )


def refusal(status: int, content: bytes, what: str) -> DriveError:
    """Return the error for an answer with an HTTP status of 400 or more; `what` is its subject."""
    error = _error(content)
    message = _short(str(error.get("message") or f"HTTP status {status}"))
    reasons = [reason for reason in _reasons(error) if isinstance(reason, str)]
    if status == 401:
        return signed_out(message)
    if status == 429 or _RATE_LIMITS & {*reasons}:
        text = (
            f"Google Drive asks to slow down ({message}); wait some minutes, then run the command"
        )
        return DriveError(
            f"{text} again: it continues where it stopped",
            status=status,
            reason="rateLimitExceeded",
            passing=True,
        )
    if status >= 500:
        text = f"Google Drive's server fails ({message}); run the command again later: it is safe"
        return DriveError(f"{text} to repeat", status=status, reason="backendError", passing=True)
    reason, text = _permanent(status, message, reasons, what)
    return DriveError(text, status=status, reason=reason)


def _permanent(status: int, message: str, reasons: list[str], what: str) -> tuple[str, str]:
    first = reasons[0] if reasons else ""
    if "quota project" in message.casefold():
        return "quotaProject", (
            "these credentials have no Google Cloud project; run: gcloud auth application-default "
            "set-quota-project PROJECT, with a project of yours in which the Drive API is enabled"
        )
    if _DISABLED & {*reasons}:
        return "accessNotConfigured", (
            "the Google Drive API is not enabled in the Google Cloud project of these credentials; "
            f"ask the owner of that project to enable it: {_ENABLE}"
        )
    if "ACCESS_TOKEN_SCOPE_INSUFFICIENT" in reasons or "scope" in message.casefold():
        return "scope", f"you are signed in, but not for Google Drive; sign in again: {SIGN_IN}"
    if "domainPolicy" in reasons:
        return "domainPolicy", (
            "your organisation does not let programs use Google Drive; ask its administrator to "
            "allow the Drive API for your account"
        )
    if "sharingRateLimitExceeded" in reasons:
        return "sharingRateLimitExceeded", (
            "Google Drive sends no more invitations today; share with --no-email, or tomorrow"
        )
    if status == 404:
        return "notFound", (
            f"Google Drive has no {what} that your account can see; check the id, and ask its "
            "owner for access"
        )
    if status == 403 and "insufficientFilePermissions" in reasons:
        return first, f"your account may not do this with {what}; ask its owner ({message})"
    return first, f"Google Drive refuses this for {what}: {message}"


def _error(content: bytes) -> Mapping[str, Any]:
    """Return the part `error` of an answer; an empty one if there is none."""
    try:
        answer = json.loads(content)
    except ValueError:
        return {}
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, dict) else {}


def _reasons(error: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the reasons in both forms that Google's services use."""
    for key in ("errors", "details"):
        entries = error.get(key)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                yield entry.get("reason")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
