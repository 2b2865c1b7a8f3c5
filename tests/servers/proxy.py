"""A TCP proxy in front of a real server, with faults on command."""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

_BLOCK = 65536


class Proxy:
    """Passes connections on to a server on this machine.

    Attributes:
        cut_after: bytes that a client may send on one connection before both ends are closed.
        delay: seconds before each block of an answer.
        replaces: bytes of requests, and what the server gets instead of them.
        cuts: how many connections were cut so.
        refused: how many requests were refused, see `refuse`.

    """

    def __init__(self, port: int) -> None:
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut_after: int | None = None
        self.delay = 0.0
        self.replaces = (b"", b"")
        self.cuts = 0
        self.refused = 0
        self._answers: list[bytes] = []
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def refuse(self, status: int, times: int, words: str = "refused by the test") -> None:
        """Answer the next requests with a status of HTTP; the server never sees them."""
        body = words.encode()
        head = f"HTTP/1.1 {status} Refused\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        self._answers = [head.encode() + b"\r\n" + body] * times
        self.cut()  # or clients would go on with the connections that they have

    @property
    def pending(self) -> int:
        """How many requests are still to be refused."""
        return len(self._answers)

    def cut(self) -> None:
        """Cut all connections."""
        _close(*self._open)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if self._answers:
            self.refused += 1
            self._answer(client, self._answers.pop())
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._server))
        except OSError:
            client.close()
            return
        self._open |= {client, server}
        threading.Thread(target=self._send, args=(client, server), daemon=True).start()
        with suppress(OSError):
            while block := server.recv(_BLOCK):
                if self.delay:
                    time.sleep(self.delay)
                client.sendall(block)
        _close(client, server)
        self._open -= {client, server}

    def _send(self, client: socket.socket, server: socket.socket) -> None:
        sent = 0
        with suppress(OSError):
            while block := client.recv(_BLOCK):
                if self.replaces[0]:
                    block = block.replace(*self.replaces)
                if self.cut_after is not None and sent + len(block) > self.cut_after:
                    server.sendall(block[: self.cut_after - sent])
                    self.cuts += 1
                    break
                server.sendall(block)
                sent += len(block)
        _close(client, server)

    def _answer(self, client: socket.socket, answer: bytes) -> None:
        with suppress(OSError), client:
            client.recv(_BLOCK)
            client.sendall(answer)
            client.shutdown(socket.SHUT_WR)
            while client.recv(_BLOCK):  # or the client would see a reset instead of the answer
                pass


def _close(*ends: socket.socket) -> None:
    for end in tuple(ends):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
