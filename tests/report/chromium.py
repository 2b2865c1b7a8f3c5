"""Drives a real headless Chromium by its DevTools protocol, over two pipes and without a library."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.worker_notebooks.browser import browser

_READ = 1 << 20
_ALLOWED = ("file:", "data:", "blob:", "about:")
PATIENCE = 60_000  # milliseconds; what has not happened by then never will


@dataclass
class Tab:
    """One tab of the browser.

    Attributes:
        problems: what its console said, and errors of its scripts.
        requests: addresses that it asked for, other than its own file.

    """

    _browser: "_Pipe"
    _session: str
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the protocol; return its result."""
        return self._browser.send(method, params, self._session)

    def size(self, width: int, height: int = 900, *, phone: bool = False) -> None:
        """Set the size of the window in CSS pixels; a phone has fingers for a mouse."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=2 if phone else 1, mobile=phone)  # fmt: skip

    def prefer(self, scheme: str) -> None:
        """Prefer the "light" or the "dark" theme, as a system does."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def open(self, page: Path, address: str = "") -> None:
        """Open a file, and wait until its scripts have drawn what is in sight."""
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=page.as_uri() + address)
        self.until("document.documentElement?.dataset.ready === '1'")
        self.settle()

    def run(self, script: str) -> Any:
        """Return the value of an expression, or of a promise of it."""
        answer = self.send(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            allowUnsafeEvalBlockedByCSP=False,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true, looking at each frame that is drawn."""
        done = self.run(f"""new Promise((resolve) => {{
            const end = performance.now() + {PATIENCE};
            const look = () => ({condition}) ? resolve(true)
                : performance.now() > end ? resolve(false) : setTimeout(look, 10);
            look();
        }})""")
        assert done, f"{condition} did not happen"

    def settle(self) -> None:
        """Wait until two frames have been drawn."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def box(self, selector: str) -> dict[str, float]:
        """Return the box of the first such element, scrolled into sight."""
        self.run(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
        self.settle()
        found: dict[str, float] = self.run(
            f"document.querySelector({selector!r}).getBoundingClientRect().toJSON()"
        )
        return found

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 8) -> None:
        """Press the mouse at one place of the window, move it to another, and let it go."""
        self._mouse("mouseMoved", *start)
        self._mouse("mousePressed", *start)
        for step in range(1, steps + 1):
            x, y = (a + (b - a) * step / steps for a, b in zip(start, end, strict=True))
            self._mouse("mouseMoved", x, y, buttons=1)
        self._mouse("mouseReleased", *end)
        self.settle()

    def click(self, selector: str) -> None:
        """Click at the middle of the first such element."""
        box = self.box(selector)
        place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self._mouse("mousePressed", *place)
        self._mouse("mouseReleased", *place)
        self.settle()

    def type(self, text: str) -> None:
        """Type text into the element that has the focus."""
        self.send("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode={"Enter": 13, "Tab": 9}.get(key, 0))  # fmt: skip
        self.settle()

    def picture(self, file: Path, *, whole: bool = True) -> None:
        """Save a picture of the page, the whole of it or the part in sight."""
        answer = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))

    def _mouse(self, kind: str, x: float, y: float, buttons: int = 0) -> None:
        pressed = kind != "mouseMoved" or buttons
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, clickCount=int(bool(pressed)),
                  button="left" if pressed else "none", buttons=buttons)  # fmt: skip

    def note(self, method: str, params: dict[str, Any]) -> None:
        """Note what the protocol tells about the tab."""
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(str(details.get("exception", details).get("description", details)))
        elif method == "Runtime.consoleAPICalled":
            texts = (str(each.get("value", each.get("description"))) for each in params["args"])
            self.problems.append(f"{params['type']}: {' '.join(texts)}")
        elif method == "Log.entryAdded":
            self.problems.append(f"{params['entry']['source']}: {params['entry']['text']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    @property
    def foreign_requests(self) -> list[str]:
        """The requests for anything but files of this machine and data in the page."""
        return [url for url in self.requests if not url.startswith(_ALLOWED)]


class _Pipe:
    """The browser's pipes: JSON messages, each ended by a zero byte."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._rest = b""
        self._number = 0
        self.tabs: dict[str, Tab] = {}

    def send(self, method: str, params: dict[str, Any], session: str = "") -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        data = json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            if (tab := self.tabs.get(answer.get("sessionId", ""))) is not None:
                tab.note(answer["method"], answer["params"])

    def _next(self) -> dict[str, Any]:
        parts = [self._rest]
        while b"\0" not in parts[-1]:
            part = os.read(self._read, _READ)
            assert part, "the browser has ended"
            parts.append(part)
        message, _, self._rest = b"".join(parts).partition(b"\0")
        decoded: dict[str, Any] = json.loads(message)
        return decoded


@contextmanager
def chromium(place: Path) -> Iterator[Tab]:
    """Start the browser with its files in the folder `place`, without a network; yield a tab."""
    program = browser()
    assert program is not None
    profile = place / "profile"
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in (*os.pipe(), *os.pipe())]
    theirs_in, ours_out, ours_in, theirs_out = ends
    command = [
        program, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--no-first-run", "--disable-dev-shm-usage",
        "--hide-scrollbars", f"--user-data-dir={profile}", "--window-size=1280,900", "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(
        ["/bin/bash", "-c", f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}', *command],
        pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs_in)
    os.close(theirs_out)
    pipe = _Pipe(ours_out, ours_in)
    try:
        target = pipe.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = pipe.send("Target.attachToTarget", {"targetId": target, "flatten": True})
        tab = pipe.tabs[attached["sessionId"]] = Tab(pipe, attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.send(f"{domain}.enable")
        tab.size(1280)
        yield tab
    finally:
        with suppress(OSError, AssertionError):
            pipe.send("Browser.close", {})
        process.terminate()
        process.wait()
        os.close(ours_out)
        os.close(ours_in)
        shutil.rmtree(profile, ignore_errors=True)
