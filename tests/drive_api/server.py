"""Serves the small Google Drive over HTTPS, behind a proxy that knows no other host.

The commands under test reach it by the variables `https_proxy` and `HTTPLIB2_CA_CERTS`, which Google's
client respects everywhere. So nothing in colabctl can send credentials to another address.
"""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.drive_api.certificates import HOSTS
from tests.drive_api.cloud import Cloud, RefusedError
from tests.drive_api.discovery import Call, NotDescribedError, checked, selected

CUT = "cut"
"""A fault: the connection breaks before the answer."""


@dataclass
class Fault:
    """What happens to calls of one name, so many times: an answer, or a broken connection.

    `answer` is a status and a body, CUT, or a function of the right answer. `after` calls go well.
    """

    name: str
    answer: tuple[int, Any] | str | Callable[[Any], Any]
    times: int = 1
    after: int = 0


def error(status: int, reason: str, message: str = "Refused.") -> tuple[int, Any]:
    """Return an error as Drive's API words it."""
    errors = [{"domain": "global", "reason": reason, "message": message}]
    return status, {"error": {"code": status, "message": message, "errors": errors}}


class Server:
    """A running server. `calls` are the requests in order; `violations` what no API describes."""

    def __init__(self, cloud: Cloud, certificate: Path) -> None:
        self.cloud = cloud
        self.calls: list[tuple[str, Call]] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.revoked: set[str] = set()
        self.lock = threading.Lock()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def proxy(self) -> str:
        """The address of the proxy."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def stop(self) -> None:
        """End the server."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def names(self) -> list[str]:
        """Return the names of the calls in order."""
        return [call.name for _, call in self.calls]

    def answer(self, verb: str, target: str, account: str, body: bytes) -> tuple[int, Any] | str:
        """Return the status and the answer to a request, or CUT."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        with self.lock:
            try:
                call = checked(verb, parts.path, query, body)
            except NotDescribedError as problem:
                self.violations.append(str(problem))
                return error(400, "badRequest", str(problem))
            self.calls.append((account, call))
            fault = self._fault(call.name)
            if fault is not None and not callable(fault):
                return fault
            status, answer = self._right_answer(call, account)
            return status, fault(answer) if fault else answer

    def _fault(self, name: str) -> tuple[int, Any] | str | Callable[[Any], Any] | None:
        for fault in self.faults:
            if fault.name != name or not fault.times:
                continue
            if fault.after:
                fault.after -= 1
                return None
            fault.times -= 1
            return fault.answer
        return None

    def _right_answer(self, call: Call, account: str) -> tuple[int, Any]:
        method = getattr(self.cloud, call.name.replace(".", "_"), None)
        if method is None:
            self.violations.append(f"the tests' Drive has no {call.name}")
            return error(501, "notImplemented")
        arguments = (call.body,) if call.name.endswith((".create", ".update")) else ()
        try:
            answer = method(account, call.parameters, *arguments)
        except RefusedError as problem:
            return error(problem.status, problem.reason, str(problem))
        if answer is None:
            return 204, None
        return 200, selected(answer, call.fields) if call.fields is not None else answer

    def token(self, body: bytes) -> tuple[int, Any]:
        """Return an access token for a refresh token, which is the account's address."""
        account = parse_qs(body.decode())["refresh_token"][0]
        if account in self.revoked:
            text = "Token has been expired or revoked."
            return 400, {"error": "invalid_grant", "error_description": text}
        return 200, {"access_token": f"for {account}", "expires_in": 3600, "token_type": "Bearer"}


def environ(server: Server, authorities: Path, credentials: Path | None) -> Mapping[str, str]:
    """Return the variables with which a command reaches the server."""
    variables = {
        "https_proxy": server.proxy,
        "HTTPLIB2_CA_CERTS": str(authorities),
        "REQUESTS_CA_BUNDLE": str(authorities),
        "NO_GCE_CHECK": "true",  # do not look for the credentials of a Google machine
    }
    if credentials:
        variables["GOOGLE_APPLICATION_CREDENTIALS"] = str(credentials)
    return variables


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """A client's connection: first to the proxy, then through TLS to a host of Google's."""

        protocol_version = "HTTP/1.1"
        host = ""

        def do_CONNECT(self) -> None:
            host = self.path.partition(":")[0]
            if host not in HOSTS:
                server.violations.append(f"a connection to {host}")
                self.send_error(502)
                return
            self.send_response(200)
            self.end_headers()
            self.host = host
            self.connection = server.context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.wfile = self.connection.makefile("wb")  # an answer is one segment
            self.close_connection = False

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer: tuple[int, Any] | str
            if self.host == HOSTS[1]:
                answer = server.token(body)
            else:
                account = self.headers.get("Authorization", "").removeprefix("Bearer for ")
                if "@" not in account:
                    answer = error(401, "authError", "Invalid Credentials")
                else:
                    answer = server.answer(self.command, self.path, account, body)
            if isinstance(answer, str):
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, content = answer
            text = content if isinstance(content, str) else json.dumps(content)
            data = b"" if content is None else text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - names of http.server

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            """Print nothing."""

    return Handler
