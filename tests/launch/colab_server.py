"""Gives sessions as Colab does: each is a kernel of a real Jupyter server on this machine.

Run by the Python that has Google's command line; its schemas say what the answers hold. Prints its
port. Allows two sessions, the limit of a plan; notes what it was asked in a file.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from colab_cli.client import PostAssignmentResponse
from colab_cli.consumption import CcuInfo

NOTES = Path(sys.argv[1])
PYTHON = sys.argv[2]  # of the sessions
LIMIT = 2
TOKEN = uuid.uuid4().hex
given: dict[str, Any] = {}


def free_port() -> int:
    """Return a port that no one uses now."""
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


def jupyter(port: int) -> "subprocess.Popen[bytes]":
    """Start Jupyter's server and wait until it answers."""
    options = (f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}", "--no-browser",
               "--allow-root", f"--ServerApp.root_dir={NOTES.parent}")  # fmt: skip
    specs = NOTES.parent / "specs" / "kernels" / "python3"
    specs.mkdir(parents=True)
    command = [PYTHON, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python"}
    (specs / "kernel.json").write_text(json.dumps(spec))

    state = NOTES.parent / "state"
    environ = {
        **os.environ,
        "XDG_STATE_HOME": str(state),
        "JUPYTER_PATH": str(specs.parents[1]),
        "JUPYTER_PREFER_ENV_PATH": "0",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *options],
        env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={TOKEN}").close()
        except OSError:
            time.sleep(0.1)
        else:
            return server
    raise SystemExit("Jupyter's server has not started")


class Handler(BaseHTTPRequestHandler):
    """Answers Google's command line."""

    def do_GET(self) -> None:
        """Give a token for a POST, or the balance."""
        url = urlsplit(self.path)
        if url.path == "/tun/m/ccu-info":
            info = {"currentBalance": 42.5, "consumptionRateHourly": 1.8, "assignmentsCount": 0}
            CcuInfo.model_validate(info)
            self.answer(info)
        elif url.path == "/tun/m/assign":
            self.answer({"acc": "NONE", "nbh": "n", "token": "t", "variant": "DEFAULT"})
        elif url.path == "/tun/m/assignments":
            self.answer({"assignments": [
                {"accelerator": "T4", "endpoint": each, "variant": 1, "machineShape": 0,
                 "runtimeProxyInfo": PROXY} for each in given
            ]})  # fmt: skip
        elif url.path.startswith("/tun/m/unassign/"):
            self.answer({"token": "t"})
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """Give a session, or take one back."""
        url = urlsplit(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if url.path.startswith("/tun/m/unassign/"):
            given.pop(url.path.rpartition("/")[2], None)
            self.note("unassign")
            self.answer({})
        elif len(given) >= LIMIT:
            self.send_error(412)
        else:
            query = parse_qs(url.query)
            endpoint = uuid.uuid4().hex
            given[endpoint] = query
            self.note(f"assign {query.get('accelerator', ['NONE'])[0]}")
            session = {"accelerator": query.get("accelerator", ["NONE"])[0], "endpoint": endpoint,
                       "runtimeProxyInfo": PROXY, "variant": 1}  # fmt: skip
            PostAssignmentResponse.model_validate(session)
            self.answer(session)

    def note(self, text: str) -> None:
        """Note what was asked."""
        with NOTES.open("a") as file:
            file.write(f"{text}\n")

    def answer(self, content: Any) -> None:
        """Answer with JSON, as Google does."""
        data = (")]}'\n" + json.dumps(content)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: object) -> None:
        """Stay silent."""


port = free_port()
PROXY = {"token": TOKEN, "tokenExpiresInSeconds": 3600, "url": f"http://127.0.0.1:{port}"}
process = jupyter(port)
try:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # until the test ends
finally:
    process.terminate()
    process.wait()
