"""The rclone program, started once for a process and called over its remote control."""

import base64
import http.client
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from colabctl.remote.store import StoreError, UnreachableError

# The oldest that was tried. Before 1.63, a file on SFTP, FTP and SMB was seen during its upload.
OLDEST = (1, 65)
INSTALL = "run: pip install -U 'colabctl-drive[rclone]'"
_FLAGS = ("--contimeout", "10s", "--timeout", "60s", "--low-level-retries", "3",
          "--log-level", "NOTICE", "--ask-password=false")  # fmt: skip
# The user's other RCLONE_ variables stay: they may hold remotes and passwords.
_OURS = ("RCLONE_RC", "RCLONE_LOG", "RCLONE_USE_JSON_LOG", "RCLONE_SYSLOG", "RCLONE_QUIET",
         "RCLONE_VERBOSE", "RCLONE_DRY_RUN", "RCLONE_INTERACTIVE")  # fmt: skip
_SERVING = re.compile(r"Serving remote control on http://127\.0\.0\.1:(\d+)/")
_PATIENCE = 5.0  # seconds, for its end
_LONGEST = 300  # characters of rclone's own words in a message


class AnswerError(Exception):
    """What rclone says went wrong, in one line without credentials."""


class Rclone:
    """A running rclone. It ends with this process, however this process ends."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self._said: deque[str] = deque(maxlen=1)
        self._password = secrets.token_urlsafe(24)
        self._folder = tempfile.TemporaryDirectory(prefix="colabctl-rclone-")

    @property
    def scratch(self) -> Path:
        """A folder that only this user can enter."""
        return Path(self._folder.name)

    def call(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Call a command of the remote control; raise AnswerError if it fails."""
        for last in (False, True):
            port = self._running()
            try:
                status, answer = self._post(port, command, arguments)
            except (OSError, http.client.HTTPException) as error:
                if last:  # rclone was killed twice
                    raise UnreachableError(
                        f"rclone stopped while it ran {command}: {error}; run the command again"
                    ) from error
                continue
            if status == http.client.OK:
                return answer
            raise AnswerError(_one_line(str(answer.get("error", f"rclone answered {status}"))))
        raise AssertionError  # the loop has returned or raised

    def _post(
        self, port: int, command: str, arguments: Mapping[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        login = base64.b64encode(f"colabctl:{self._password}".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
        try:
            connection.request("POST", f"/{command}", json.dumps(arguments), headers)
            answer = connection.getresponse()
            parsed = json.loads(answer.read())
        except ValueError as error:
            raise http.client.HTTPException(f"an answer that is not JSON: {error}") from error
        finally:
            connection.close()
        return answer.status, parsed if isinstance(parsed, dict) else {}

    def _running(self) -> int:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process, self._port = self._started()
                weakref.finalize(self, _end, self._process)
                try:
                    self._check_version()
                except (
                    OSError,
                    http.client.HTTPException,
                ) as error:  # such as a locked configuration
                    self._process.wait(_PATIENCE)
                    raise self._no_start() from error
            return self._port

    def _started(self) -> "tuple[subprocess.Popen[str], int]":
        environ = {k: v for k, v in self._environ.items() if not k.startswith(_OURS)}
        environ |= {"RCLONE_RC_USER": "colabctl", "RCLONE_RC_PASS": self._password}
        # `rclone rcat` waits for the end of its input, which comes when this process ends, even
        # if it is killed; `rclone rcd` would never end. Its own session keeps Ctrl-C from it:
        # after Ctrl-C, a worker still uploads what it has.
        process = subprocess.Popen(  # noqa: S603 - the user's rclone, without a shell
            [_program(self._environ), "rcat", ":memory:open/until-the-end", "--rc", "--rc-addr",
             "127.0.0.1:0", *_FLAGS],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace", env=environ, start_new_session=True,
        )  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            serving = _SERVING.search(line)
            if serving:
                arguments = (process.stderr, self._said)
                threading.Thread(target=_drain, args=arguments, daemon=True).start()
                return process, int(serving[1])
            self._said.append(line)
        process.wait()
        raise self._no_start()

    def _no_start(self) -> StoreError:
        said = _one_line(self._said[-1]) if self._said else "it says nothing"
        return StoreError(f"rclone does not start: {said}; try: rclone config show")

    def _check_version(self) -> None:
        _, version = self._post(self._port, "core/version", {})
        numbers = tuple(int(part) for part in version.get("decomposed", ()))
        if numbers[:2] < OLDEST:
            raise StoreError(
                f"rclone {'.'.join(map(str, numbers))} is too old; colabctl needs "
                f"{OLDEST[0]}.{OLDEST[1]} or newer; {INSTALL}"
            )


def _program(environ: Mapping[str, str]) -> str:
    """Return the rclone next to this Python, which the extra installs, or the one on the PATH."""
    beside = str(Path(sys.executable).parent)
    path = shutil.which("rclone", path=os.pathsep.join((beside, environ.get("PATH", ""))))
    if path is None:
        raise StoreError(f"rclone is not installed, and this store needs it; {INSTALL}")
    return path


def _drain(stream: IO[str], said: deque[str]) -> None:
    """Read what rclone logs, which would otherwise fill the pipe and stop it."""
    with stream, suppress(ValueError):
        said.extend(stream)


def _end(process: "subprocess.Popen[str]") -> None:
    """End rclone by the end of its input."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _one_line(text: str) -> str:
    """Return rclone's words on one short line, without names and passwords in URLs."""
    words = " ".join(re.sub(r"//[^/@\s]+@", "//…@", text).split())
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
