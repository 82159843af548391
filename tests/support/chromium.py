"""A Chromium without a window, driven over the DevTools protocol: what a page does in a real browser.

    with Chromium() as browser:
        page = browser.open(path.as_uri(), PHONE)
        page.evaluate("document.title")
        page.screenshot()                         # octets of a PNG

The protocol runs over two pipes (`--remote-debugging-pipe`): objects of JSON with a zero octet behind each. No port is
opened, and the browser ends with the test.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from base64 import b64decode
from types import TracebackType
from typing import Any, NamedTuple, Self

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",  # which root, as in a container, needs
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
TIMEOUT_S = 60.0


class Screen(NamedTuple):
    """What a page is shown on: CSS pixels, device pixels for each, whether it is a phone."""

    width: int
    height: int
    scale: float = 1.0
    mobile: bool = False


DESKTOP = Screen(1280, 800)
PHONE = Screen(390, 844, 2.0, mobile=True)


def chromium() -> str:
    """The path of the browser. Where there is none, the test is skipped; if INTEROP_REQUIRE lists it, it fails."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is not None:
        return path
    if "chromium" in os.environ.get("INTEROP_REQUIRE", "").replace(" ", "").split(","):
        raise AssertionError("chromium is not installed")
    pytest.skip("chromium is not installed")


class Chromium:
    """A browser with a new profile."""

    def __init__(self, path: str = "") -> None:
        path = path or chromium()
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        reads, self._write = _pipe()
        self._read, writes = _pipe()
        actions = [
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, reads, 3),
            (os.POSIX_SPAWN_DUP2, writes, 4),
        ]
        arguments = [path, *FLAGS, f"--user-data-dir={self._profile.name}"]
        self._pid = os.posix_spawn(path, arguments, os.environ, file_actions=actions)
        os.close(reads)
        os.close(writes)
        self._buffer = bytearray()
        self._calls = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser, and take its profile away."""
        try:
            self.call("Browser.close")
        except (OSError, AssertionError):
            os.kill(self._pid, signal.SIGKILL)
        os.close(self._write)
        while os.read(self._read, 1 << 16):  # its end is the browser's
            pass
        os.close(self._read)
        os.waitpid(self._pid, 0)
        self._profile.cleanup()

    def open(self, url: str, screen: Screen = DESKTOP, *, dark: bool = False, script: bool = True) -> Page:
        """A page that has been loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        page.call("Page.enable")
        page.call("Network.enable")
        page.call("Emulation.setScriptExecutionDisabled", value=not script)
        page.show_on(screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", features=[scheme])
        page.call("Page.navigate", url=url)
        page.wait_for("Page.loadEventFired")
        return page

    def call(self, method: str, session: str = "", **parameters: Any) -> Any:
        """The result of a command. Raises AssertionError where the browser refuses it."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters} | (
            {"sessionId": session} if session else {}
        )
        octets = json.dumps(message).encode() + b"\0"
        while octets:
            octets = octets[os.write(self._write, octets) :]
        while True:
            answer = self.next_message()
            if answer.get("id") == self._calls:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def next_message(self) -> dict[str, Any]:
        """What the browser says next. Raises AssertionError when it says nothing, or has ended."""
        deadline = time.monotonic() + TIMEOUT_S
        while (end := self._buffer.find(b"\0")) < 0:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser says nothing"
            octets = os.read(self._read, 1 << 20)
            assert octets, "the browser has ended"
            self._buffer += octets
        message: dict[str, Any] = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        return message


class Page:
    """A page in a tab."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **parameters: Any) -> Any:
        """The result of a command for this page."""
        return self._browser.call(method, self._session, **parameters)

    def wait_for(self, event: str) -> None:
        """Until this event of the page has come, now or before; each is taken once."""
        events = self._browser.events
        while True:
            for number, message in enumerate(events):
                if message.get("method") == event and message.get("sessionId") == self._session:
                    del events[number]
                    return
            events.append(self._browser.next_message())

    def requests(self) -> list[str]:
        """The URLs that the page has asked for so far."""
        return [
            message["params"]["request"]["url"]
            for message in self._browser.events
            if message.get("method") == "Network.requestWillBeSent" and message.get("sessionId") == self._session
        ]

    def show_on(self, screen: Screen) -> None:
        """Lay it out for this screen."""
        width, height, scale, mobile = screen
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, as JSON has it. Raises AssertionError where it throws."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """A key goes down and up; `code` is its number."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def screenshot(self) -> bytes:
        """What is on the screen, as a PNG."""
        return b64decode(self.call("Page.captureScreenshot", format="png")["data"])


def _pipe() -> tuple[int, int]:
    """A pipe whose numbers are in nobody's way: 3 and 4 are the browser's."""
    ends = []
    for end in os.pipe():
        ends.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10))
        os.close(end)
    return ends[0], ends[1]
