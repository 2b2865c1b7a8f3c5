"""The connection to a Dask scheduler, through which tasks and messages go to its workers."""

import asyncio
import logging
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from distributed import Client, Future

from colabctl.engines.dask import host
from colabctl.engines.dask.brief import Handout, Host, Ran
from colabctl.errors import UserError
from colabctl.task import Assignment

ANSWER = 10.0  # seconds in which a scheduler has to answer
_NO_TLS = "a scheduler with TLS has an address such as dask://tls://HOST:PORT"
_TLS = "TLS needs certificates in Dask's own configuration, at distributed.comm.tls"
_IS_DASK = re.compile(r"distributed(\.|$)")


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
        except UserError as error:
            raise Unreachable(str(error)) from error
        except Exception as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error


def connect(address: str) -> Client:
    """Return a client of the scheduler at an address; raise UserError if it does not answer.

    Certificates and all else about the connection are those of Dask's own configuration.
    """
    for name in [each for each in logging.root.manager.loggerDict if _IS_DASK.match(each)]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # one line of ours says it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # versions.py compares versions
        try:
            asyncio.run(_check(address))
            return Client(address, timeout=ANSWER, set_as_default=False, name="colabctl")
        except Exception as error:  # noqa: BLE001 - whatever a wrong address or certificate raises
            raise UserError(
                f"the Dask scheduler at {address} cannot be reached: {_why(error)}; check that it "
                f"runs (dask scheduler), its address and port, and that this machine may reach it; "
                f"{_TLS if address.startswith('tls:') else _NO_TLS}"
            ) from None


async def _check(address: str) -> None:
    """Connect once; raise TimeoutError if that takes too long.

    Dask's own limit does not hold for a server that takes the connection and says nothing.
    """
    client = Client(
        address, timeout=ANSWER, set_as_default=False, asynchronous=True, name="colabctl"
    )
    try:
        async with asyncio.timeout(ANSWER):
            await client
    finally:
        await client.close(timeout=1.0)


def _why(error: BaseException) -> str:
    """Return what kept a scheduler from answering."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    first = causes[-1]
    if isinstance(first, TimeoutError | asyncio.CancelledError) or not str(first):
        return f"no answer within {ANSWER:g} s"
    return str(first)
