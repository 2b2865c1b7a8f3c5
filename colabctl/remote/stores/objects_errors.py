"""Says what an error of the package obstore means, and what to do next."""

import re

from colabctl.remote.store import (
    Address,
    ConflictError,
    CredentialsError,
    MissingFileError,
    MissingStoreError,
    StoreError,
    UnreachableError,
)

CREDENTIALS = {
    "s3": "give credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in a profile of "
    "~/.aws/credentials (AWS_PROFILE)",
    "gs": "name the file of a service account in GOOGLE_APPLICATION_CREDENTIALS, or run "
    "gcloud auth application-default login",
    "az": "give AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or "
    "AZURE_STORAGE_SAS_TOKEN)",
}
# Without credentials, obstore asks the machine's cloud for some. It says so, or names that server.
_NO_CREDENTIALS = re.compile(
    r"/latest/api/token|/latest/meta-data|computeMetadata|/metadata/identity"
    r"|Missing credentials|No credentials|not found in credentials"
)
_PREFIX = re.compile(r"^Generic \w+ error: ")
_LONGEST = 250  # characters of obstore's own words in a message
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_PASSING = (409, 429, 500, 502, 503, 504)
_REGION = re.compile(r"<Region>([\w-]+)</Region>")
_NO_STORE = ("NoSuchBucket", "ContainerNotFound")
_EXPIRED = ("ExpiredToken", "TokenRefreshRequired")  # S3 sends them with status 400
_WRONG = ("InvalidToken", "AuthorizationHeaderMalformed")  # with status 400 too
_NO_RIGHT = ("AccessDenied", "AllAccessDisabled", "AuthorizationPermissionMismatch",
             "AuthorizationFailure", "InsufficientAccountPermissions")  # fmt: skip
_CLOCK = ("RequestTimeTooSkewed", "Request date header too old")
# Why there was no answer, in the details that obstore adds: what to look for, and how to say it.
_REASONS = (
    (re.compile(r'"dns error"'), "there is no server of this name, or no network"),
    (re.compile(r"InvalidCertificate\(\s*(\w+)"), "its certificate is not valid: {}"),
    (re.compile(r"InvalidContentType"), "it speaks http, not https"),
    (re.compile(r"kind: TimedOut|TimedOut\b"), "it took too long"),
    (re.compile(r'message: "([^"]{1,80})"'), "{}"),
    (re.compile(r"IncompleteMessage|body error"), "the connection broke"),
)


def status_of(error: Exception) -> int | None:
    """Return the status of HTTP with which a store refused something."""
    match = _STATUS.search(str(error))
    return int(match[1]) if match else None


def meaning(error: Exception, address: Address, name: str) -> StoreError:
    """Return the error to raise, for one of a call that was about the file `name`, or a list ("").

    What the server says is shortened; it holds no credentials.
    """
    text, status = str(error), status_of(error)
    code = _CODE.search(text)
    said = code[1] if code else f"status {status}" if status else _reason(text)
    url = address.url
    noun = f"{'container' if address.kind == 'az' else 'bucket'} {address.place}"
    region = _REGION.search(text)
    if said in _NO_STORE or "bucket does not exist" in text:
        return MissingStoreError(f"{url}: there is no {noun}; create it, or check the name")
    if isinstance(error, FileNotFoundError):
        return MissingFileError(f"{url} has no file {name}")
    if region or status == 301 or "redirect without LOCATION" in text:
        where = f"={region[1]}" if region else " to that region"
        return StoreError(f"{url}: {noun} is in another region; set AWS_REGION{where}")
    refused = _refused(text, status, said, noun)
    if refused:
        advice = CREDENTIALS.get(address.kind, "")
        return CredentialsError(f"{url} {refused.format(advice=advice)}")
    if status in _PASSING or said == "RequestTimeout":
        why = "others change it too" if status == 409 else "it is too busy, or fails"
        kind = ConflictError if status == 409 else UnreachableError
        return kind(f"{url}: {why} ({said})")
    if status is not None:
        return StoreError(f"{url} refuses {name or 'a list'} ({said}); check the URL")
    if "invalid list response" in text:
        return StoreError(f"{url} does not answer as {address.kind} does; check the address")
    return UnreachableError(f"{url} does not answer ({said}); check the network and the address")


def _refused(text: str, status: int | None, said: str, noun: str) -> str:
    """Return what is wrong with the credentials, or with the clock that signs; "" if nothing is."""
    if _NO_CREDENTIALS.search(text):
        return "needs credentials, and there are none here; {advice}"
    if any(each in text for each in _CLOCK):
        return f"does not accept the time of this machine's clock ({said}); set the clock"
    if said in _EXPIRED:
        return f"refuses these credentials, which have expired ({said}); {{advice}}"
    if said in _NO_RIGHT:
        return (
            f"gives these credentials no right to use {noun} ({said}); check the name, or ask its "
            "owner for the right to list, read and write files"
        )
    if status in (401, 403) or said in _WRONG:
        return f"refuses these credentials ({said}); {{advice}}"
    return ""


def first_line(text: str) -> str:
    """Return what an error says, on one short line."""
    line = _PREFIX.sub("", text.partition("\n")[0].strip().rstrip(":- "))
    return line.rpartition(" - ")[2][:_LONGEST]


def _reason(text: str) -> str:
    for pattern, words in _REASONS:
        if match := pattern.search(text):
            return words.format(*match.groups())
    return first_line(text)
