"""Real servers of stores, on this machine."""

import http.client
import logging
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key-of-a-test", "AWS_SECRET_ACCESS_KEY": "key-of-a-test"}
_PATIENCE = 30.0  # seconds for a server to start


@dataclass
class S3Server:
    """moto's S3 server on a loopback address; what it keeps outlives `stop` and `start`."""

    port: int = 0
    _server: Any = field(default=None, init=False)

    def start(self) -> None:
        """Start it, on the port that it had before."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        until = time.monotonic() + _PATIENCE
        while True:
            self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
            self._server.start()
            try:
                self.port = self._server.get_host_and_port()[1]
            except (OSError, AttributeError):
                assert time.monotonic() < until, "the server does not start"
            else:
                return

    def stop(self) -> None:
        """End it, so that the port refuses connections."""
        self._server.stop()

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def bucket(self, name: str) -> str:
        """Create a bucket; return its URL."""
        self._ask("PUT", f"/{name}")
        return f"s3://{name}/churn"

    def put(self, url: str, data: bytes) -> None:
        """Write an object without colabctl."""
        store, name = self._store(url)
        obstore.put(store, name, data)

    def empty(self, url: str) -> None:
        """Delete all objects below a URL without colabctl."""
        store, prefix = self._store(url)
        for some in obstore.list(store, prefix):
            for each in some:
                obstore.delete(store, each["path"])

    def _store(self, url: str) -> tuple[S3Store, str]:
        bucket, _, name = url.removeprefix("s3://").partition("/")
        return S3Store(bucket, endpoint=self.endpoint, client_options={"allow_http": True}), name

    def _ask(self, method: str, path: str) -> bytes:
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc)
        connection.request(method, path)
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status < 300, data
        return data
