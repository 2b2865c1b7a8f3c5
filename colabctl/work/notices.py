"""Sends a message when a sweep is finished, fails or has no workers: only once.

The worker that sees it says so in the ledger before it sends. On a coherent folder, a lock makes
sure that it is the only one. On an eventual folder, the worker that recorded the last outcome sends
if it is still alive.
"""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.parse import urlsplit
from urllib.request import Request

from colabctl.ledger import Plan, SweepState, TaskFiles, is_over
from colabctl.notify import Notify, Occasion, decode
from colabctl.version import VERSION
from colabctl.work.open_sweep import OpenSweep

_TIMEOUT = 10.0  # seconds for one request
_LONGEST = 1500  # characters; Discord takes 2,000

Text = Callable[[Occasion, Plan, SweepState, TaskFiles], str]
"""Returns the message about a sweep."""

_AFTER: Mapping[Occasion, str] = {
    "finished": "it is finished",
    "failing": "it is failing",
    "idle": "it has no workers",
}


class Notices:
    """The messages that one worker may send.

    Args:
        sweep: the sweep; its own `notify:` counts before that of the project.
        notify: that of the project, None for none.
        environ: holds the secret with the address.
        text: returns the message.
        tell: takes messages for the user.
        faults: the faults of addresses that the user knows of; new ones are added.

    """

    def __init__(
        self,
        sweep: OpenSweep,
        notify: Notify | None,
        environ: Mapping[str, str],
        text: Text,
        tell: Callable[[str], None],
        *,
        faults: set[str],
    ) -> None:
        self._sweep = sweep
        self._notify = decode(sweep.plan.notify) or notify
        self._url = environ.get(self._notify.secret, "") if self._notify else ""
        self._text = text
        self._tell = tell
        self._sending: list[threading.Thread] = []
        if self._notify and (fault := _fault(self._url)):
            if self._notify.secret not in faults:
                faults.add(self._notify.secret)
                self._tell(f"note: {self._notify.secret} {fault}, so no messages are sent")
            self._notify = None

    def look(self) -> None:
        """Send what is due while this worker works."""
        if self._notify is not None:
            self._send_due(partial(self._due, leaving=False, gave_up=False))

    def leave(self, *, gave_up: bool) -> None:
        """Send what is due as this worker ends, and wait for what is on its way."""
        if self._notify is not None:
            self._send_due(partial(self._due, leaving=True, gave_up=gave_up))
        for thread in self._sending:
            thread.join(2 * _TIMEOUT)

    def _send_due(self, due: Callable[[], Iterator[Occasion]]) -> None:
        ledger, is_coherent = self._sweep.ledger, self._sweep.plan.consistency == "coherent"
        if not any(due()):
            return
        if is_coherent:
            with self._sweep.lock():
                ledger.refresh()
                sent = list(due())  # unless another worker was faster
                self._record(sent)
        else:
            sent = [about for about in due() if self._is_first()]
            self._record(sent)
        for about in sent:
            sweep = self._sweep
            text = self._text(about, sweep.plan, ledger.state, sweep.tasks)[:_LONGEST]
            thread = threading.Thread(target=self._post, args=(about, text), daemon=True)
            thread.start()
            self._sending.append(thread)

    def _record(self, sent: list[Occasion]) -> None:
        ledger = self._sweep.ledger
        decisions = _decisions(ledger.state)
        ledger.record([("notice", {"about": about, "decisions": decisions}) for about in sent])

    def _due(self, *, leaving: bool, gave_up: bool) -> Iterator[Occasion]:
        """Yield what no worker has sent yet."""
        assert self._notify is not None
        state, on = self._sweep.ledger.state, self._notify.on
        is_finished = is_over(state, self._sweep.ledger.clock.now())
        earlier = state.notices.get("finished", ())
        if is_finished and "finished" in on and _decisions(state) not in earlier:
            yield "finished"
        fails = gave_up or state.counts["failed"] > 0
        if fails and "failing" in on and "failing" not in state.notices:
            yield "failing"
        if leaving and "idle" in on and not is_finished and self._is_last():
            yield "idle"

    def _is_last(self) -> bool:
        """Whether tasks are left for which this worker's end leaves no worker."""
        ledger = self._sweep.ledger
        state = ledger.state
        others = {worker.name for worker in state.live_workers(ledger.clock.now())} - {ledger.name}
        return state.order == "go" and not others and not ledger.newcomers()

    def _is_first(self) -> bool:
        """Whether this is the one of several workers that sends a message."""
        ledger = self._sweep.ledger
        state = ledger.state
        live = {worker.name for worker in state.live_workers(ledger.clock.now())} | {ledger.name}
        last = _last_writer(state)
        return ledger.name == (last if last in live else min(live))

    def _post(self, about: Occasion, text: str) -> None:
        try:
            post(self._url, text)
        except (OSError, HTTPException, ValueError) as error:
            self._tell(
                f"note: the message that {_AFTER[about]} could not be sent: {_reason(error)}"
            )


def post(url: str, text: str) -> None:
    """Send a text by one HTTP POST, in the form that the address takes.

    Slack's and Discord's webhooks and Telegram's bots take JSON; everything else, such as ntfy,
    takes plain text. Raises OSError (urllib.error.URLError), HTTPException or ValueError.
    """
    form, data = "text/plain; charset=utf-8", text.encode()
    if content := _json(url, text):
        form, data = "application/json", json.dumps(content).encode()
    headers = {"Content-Type": form, "User-Agent": f"colabctl/{VERSION}"}
    request = Request(url, data, headers)  # noqa: S310 - see _fault
    with urllib.request.build_opener(_Redirects).open(request, timeout=_TIMEOUT):
        pass


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Sends the message on where a server says so; other redirects would lose the text."""

    def redirect_request(  # noqa: PLR0917 - as urllib calls it
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the same request to the new address; None makes the answer an error."""
        del fp, msg, headers
        if code not in (307, 308) or urlsplit(newurl).scheme not in ("http", "https"):
            return None
        return Request(newurl, req.data, req.headers)  # noqa: S310 - see above


def _json(url: str, text: str) -> dict[str, object] | None:
    """Return the JSON that an address takes; None for plain text."""
    parts = urlsplit(url)
    if parts.path.startswith("/api/webhooks/"):  # Discord
        return {"content": text, "allowed_mentions": {"parse": []}}
    if parts.path.startswith(("/services/", "/workflows/", "/triggers/")):  # Slack
        import html  # noqa: PLC0415 - most workers never send this

        return {"text": html.escape(text, quote=False)}
    return {"text": text} if parts.path.endswith("/sendMessage") else None


def _fault(url: str) -> str | None:
    """Return what is wrong with an address, without showing it."""
    if not url:
        return "is not in the environment"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is not a web address"
    is_usable = parts.scheme in ("http", "https") and parts.hostname and url.isprintable()
    return None if is_usable and " " not in url else "is not a web address (https://...)"


def _reason(error: Exception) -> str:
    """Return why a request failed; the address is a secret, and some errors name it."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return (cause.strerror if isinstance(cause, OSError) else None) or type(cause).__name__


def _decisions(state: SweepState) -> int:
    """Return how many decisions could make a finished sweep continue.

    After each, the sweep may finish again. Dates do not tell: the clock of a writer may be wrong.
    """
    decided = map(state.log.event, state.log.heads)
    return sum(event.kind != "cancel" for event in decided) + state.orders.beyond_target


def _last_writer(state: SweepState) -> str:
    """Return the writer of the last outcome."""
    log = state.log
    numbers = state.columns.outcome_numbers()
    last = max(numbers, key=lambda number: (log.times[number], log.writers[number]), default=None)
    return "" if last is None else log.names[log.writers[last]]
