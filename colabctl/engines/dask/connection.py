"""The connection to a Dask scheduler, through which tasks and messages go to its workers."""

import logging
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from distributed import Client, Future

from colabctl.engines.dask import host
from colabctl.engines.dask.brief import Handout, Host, Ran
from colabctl.errors import UserError
from colabctl.task import Assignment

ANSWER = 10.0  # seconds in which a scheduler has to answer


class Unreachable(Exception):  # noqa: N818 - it is caught here, and no error of the user
    """A Dask worker, or the scheduler, is gone."""


class Connection:
    """A client of a Dask cluster, for one visit of one worker."""

    def __init__(self, client: Client, token: str) -> None:
        self.client = client
        self.token = token

    def is_alive(self) -> bool:
        """Whether the scheduler is still there, as far as Dask has noticed."""
        return bool(self.client.status == "running")

    def key(self, first: Assignment, number: int) -> str:
        """Return a name for a handout, as Dask's own pages show it."""
        return f"{first.sweep}-{first.task}-{first.attempt}-{number}-{self.token[-6:]}"

    def submit(self, address: str, number: int, there: Host, handout: Handout) -> "Future[Ran]":
        """Let a Dask worker, and no other, run a handout."""
        return self.client.submit(
            host.run,
            self.token,
            number,
            handout,
            key=handout.key,
            pure=False,
            retries=0,
            workers=[address],
            allow_other_workers=False,
            resources={"GPU": 1} if there.gpus else None,
        )

    def cast(self, address: str, function: Callable[..., Any], *parts: Any, **named: Any) -> None:
        """Send a message to a Dask worker, and do not wait for it."""

        async def send() -> None:
            with suppress(Exception):  # who is gone gets no message
                await self.client.run(
                    function, self.token, *parts, workers=[address], on_error="ignore", **named
                )

        with suppress(RuntimeError):  # the loop has ended
            assert self.client.loop is not None
            self.client.loop.add_callback(send)

    def call(self, address: str, function: Callable[..., Any], *parts: Any, **named: Any) -> Any:
        """Call a function in a Dask worker; raise Unreachable if that comes to nothing."""
        return self.ask(address, function, self.token, *parts, **named)

    def ask(self, address: str, function: Callable[..., Any], *parts: Any, **named: Any) -> Any:
        """Do the same for a function that does not belong to this visit."""
        try:
            return self.client.run(function, *parts, workers=[address], **named)[address]
        except Exception as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    def ask_all(self, function: Callable[..., Any], *parts: Any) -> Mapping[str, Any]:
        """Call a function in all Dask workers; the result of one may be its exception."""
        answers: Mapping[str, Any] = self.client.run(function, *parts, on_error="return")
        return answers


def connect(address: str, **more: Any) -> Client:
    """Return a client of the scheduler at an address; raise UserError if it does not answer."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # one line of ours says it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # versions.py compares versions
        try:
            return Client(address, timeout=ANSWER, set_as_default=False, name="colabctl", **more)
        except (OSError, TimeoutError, ValueError, RuntimeError, TypeError) as error:
            detail = f" ({error})" if isinstance(error, ValueError | TypeError) else ""
            raise UserError(
                f"the Dask scheduler at {address} did not answer within {ANSWER:g} s{detail}; "
                "check that it runs (dask scheduler), its address and port, and that this machine "
                "may reach it; a scheduler with TLS has an address tls://HOST:PORT"
            ) from None
