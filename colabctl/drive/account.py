"""Sends requests to Google Drive with this machine's credentials, and repeats what may pass."""

import os
import random
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from typing import Any, TypeVar

from colabctl.drive.refusals import SIGN_IN, DriveError, no_answer, refusal, signed_out
from colabctl.errors import UserError

SCOPE = "https://www.googleapis.com/auth/drive"
_TRIES = 6
_AT_ONCE = 8  # requests; Drive allows an account about 200 a second

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Pace:
    """How to wait between tries: functions that sleep for seconds, and return a number 0 to 1."""

    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random

    def wait(self, failures: int) -> None:
        """Wait 0.5 to 1 s after the first failure, twice as long after each further one."""
        self.sleep((0.5 + self.random() / 2) * 2 ** (failures - 1))


class Drive:
    """Google Drive as one account sees it; its functions can be called from several threads."""

    def __init__(self, credentials: Any, pace: Pace = Pace()) -> None:
        self._credentials = credentials
        self._pace = pace
        self._local = threading.local()  # httplib2's connections belong to one thread

    @cached_property
    def api(self) -> Any:
        """The client of Drive's API, version 3, built from the description that it ships."""
        from googleapiclient.discovery import build  # noqa: PLC0415 - of the extra `drive`

        return build("drive", "v3", http=self._http(), cache_discovery=False, static_discovery=True)

    @cached_property
    def _user(self) -> dict[str, str]:
        fields = "user(emailAddress,permissionId)"
        answer = self.call(self.api.about().get(fields=fields), "account")
        return dict(answer.get("user", {}))

    @property
    def address(self) -> str:
        """The account's address."""
        return self._user.get("emailAddress", "an unknown account")

    @property
    def grant_id(self) -> str:
        """The id that the account has in every list of permissions."""
        return self._user.get("permissionId", "")

    def call(self, request: Any, what: str) -> Any:
        """Send a request and return the answer; `what` names its subject in an error.

        What may pass is tried six times within about half a minute: rate limits, errors of the
        server, connections that break. Raises DriveError.
        """
        failures = 0
        while True:
            try:
                return self._send(request, what)
            except DriveError as error:
                failures += 1
                if not error.passing or failures == _TRIES:
                    raise
            self._pace.wait(failures)

    def pages(self, method: Any, key: str, what: str, **arguments: Any) -> Iterator[Any]:
        """Yield the entries `key` of all pages of a listing.

        Raises DriveError, also if a listing names a page twice, which would never end.
        """
        token = None
        seen: set[str] = set()
        while True:
            answer = self.call(method(pageToken=token, **arguments), what)
            if answer.get("incompleteSearch"):
                raise DriveError(f"Google Drive lists {what} only in part; try again later")
            yield from answer.get(key, ())
            token = answer.get("nextPageToken")
            if not token:
                return
            if token in seen:
                raise DriveError(f"Google Drive's list of {what} repeats itself; try again later")
            seen.add(token)

    def each(
        self, change: Callable[[_Item], object], items: Sequence[_Item]
    ) -> Iterator[tuple[_Item, DriveError | None]]:
        """Call `change` for each item, eight at once; yield each item and why it was refused.

        Raises DriveError for a refusal that does not concern only its item. Those that have not
        been started by then are left out.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            calls = {pool.submit(change, item): item for item in items}
            try:
                for call in as_completed(calls):
                    error = call.exception()
                    if error and not (isinstance(error, DriveError) and error.local):
                        raise error
                    yield calls[call], error if isinstance(error, DriveError) else None
            finally:
                pool.shutdown(cancel_futures=True)

    def _send(self, request: Any, what: str) -> Any:
        from google.auth.exceptions import RefreshError, TransportError  # noqa: PLC0415 - extra
        from googleapiclient.errors import HttpError  # noqa: PLC0415 - extra
        from httplib2 import HttpLib2Error  # noqa: PLC0415 - extra

        try:
            answer = request.execute(http=self._http())
        except HttpError as error:
            raise refusal(int(error.resp.status), error.content, what) from None
        except RefreshError as error:
            raise signed_out(error.args[0] if error.args else error) from None
        except (TransportError, HttpLib2Error, HTTPException, OSError, ValueError) as error:
            raise no_answer(error) from None
        if isinstance(answer, str) and answer:  # a page of the network, such as one to sign in to
            raise no_answer("what answered is not Google Drive")
        return answer

    def _http(self) -> Any:
        from google_auth_httplib2 import AuthorizedHttp  # noqa: PLC0415 - extra
        from googleapiclient.http import build_http  # noqa: PLC0415 - extra

        if not hasattr(self._local, "http"):
            self._local.http = AuthorizedHttp(self._credentials, http=build_http())
        return self._local.http


def connect(pace: Pace = Pace()) -> Drive:
    """Return Google Drive for the account of this machine's default credentials.

    They are those of Colab's authenticate_user(), of gcloud, or of the file that the variable
    GOOGLE_APPLICATION_CREDENTIALS names. Raises UserError if there are none, or no client.
    """
    with warnings.catch_warnings():
        # Of an old Python, and of a missing quota project: the server says whether that matters.
        warnings.simplefilter("ignore")
        return Drive(_credentials(), pace)


def _credentials() -> Any:
    try:
        import google.auth  # noqa: PLC0415 - of the extra `drive`
        import googleapiclient.discovery  # noqa: F401, PLC0415 - of the extra `drive`
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - extra
    except ImportError as error:
        raise UserError(
            f"Google Drive's API needs its client ({error}); run: pip install "
            "google-api-python-client (or install colabctl with the extra drive)"
        ) from None
    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except (GoogleAuthError, OSError, ValueError) as error:
        path = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
        if path:
            raise UserError(
                f"GOOGLE_APPLICATION_CREDENTIALS={path} cannot be used ({error}); name a file "
                "with credentials, or unset the variable"
            ) from None
        raise UserError(f"this machine has no credentials for Google Drive; {SIGN_IN}") from None
    return credentials
