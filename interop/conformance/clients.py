"""Clients that can be told a URL: a program that is started for each request, or a function of a test-suite.

    Program(["curl", "-sS", "--http2-prior-knowledge", "{url}"])
    Function(lambda url: httpx.get(url).content)

Both make an `Attempt`, which tells what the client's user is told: of a program, by its exit status and its output; of
a function, by what it returns or raises. `bench` is where they are tested.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from interop.conformance.exchange import UNSEEN, Answer, ClientResult
from interop.conformance.sockets import Unreachable
from interop.peers.process import environment

OUTPUT_MAX: Final = 1 << 26
URL: Final = "{url}"
AUTHORITY_FILE: Final = "{ca}"


class Attempt:
    """One request of a client's user. `done` is set when he has been told how it went: `result`."""

    def __init__(self, on_done: Callable[[], None]) -> None:
        self.done = threading.Event()
        self.result = ClientResult()
        self.crashed = ""
        self._on_done = on_done

    def tell(self, result: ClientResult) -> None:
        """It is over."""
        self.result = result
        self.done.set()
        self._on_done()

    def stop(self) -> None:
        """End it, as far as that can be done."""


class Client(Protocol):
    """Whom is tested: something that makes a request when it is told a URL."""

    @property
    def leaves(self) -> bool:
        """Whether it makes one request, and is gone then."""

    @property
    def keeps_state(self) -> bool:
        """Whether something of it outlives a request, so that a case could break it."""

    def can_send(self, content: bytes | None, head: bool = False) -> bool:
        """Whether it can make a GET (None), a POST of some content, or a HEAD."""

    def start(
        self, url: str, content: bytes | None, authority: Path | None, on_done: Callable[[], None], head: bool = False
    ) -> Attempt:
        """Have it begin a request. Raises OSError when it cannot be started."""


class Program:
    """A command line; `{url}` in it is the URL, `{ca}` the file with the certificate of the authority, with TLS.

    With `shows_content` false its output is something else than the content, and only its exit status counts.
    Raises ValueError where nothing would tell it the URL.
    """

    leaves = True
    keeps_state = False

    def __init__(self, command: Sequence[str], *, shows_content: bool = True) -> None:
        if not command:
            raise ValueError("no command is given; it comes after --")
        if not any(URL in word for word in command):
            raise ValueError(f"the command has no {URL}: nothing would tell {command[0]} where to connect")
        self.command = tuple(command)
        self.shows_content = shows_content

    def can_send(self, content: bytes | None, head: bool = False) -> bool:
        """Whether the request is a GET."""
        return content is None and not head

    def start(
        self, url: str, content: bytes | None, authority: Path | None, on_done: Callable[[], None], head: bool = False
    ) -> Attempt:
        """Start the program. Raises OSError."""
        words = [word.replace(URL, url).replace(AUTHORITY_FILE, str(authority or "")) for word in self.command]
        return _RequestAttempt(words, self.shows_content, on_done)


class ProgramAttempt(Attempt):
    """A process, in a group of its own so that what it starts ends with it. What it tells, `result_of` says."""

    def __init__(self, words: list[str], on_done: Callable[[], None]) -> None:
        super().__init__(on_done)
        self._stopped = False
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the thread that waits for the end
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._errors,
                env=environment(),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._output.close()
            self._errors.close()
            raise Unreachable(f"cannot start {words[0]}: {getattr(error, 'strerror', None) or error}")
        threading.Thread(target=self._wait, daemon=True, name="conformance-client").start()

    def _wait(self) -> None:
        status = self._process.wait()
        with self._output as output, self._errors as errors:
            output.seek(0)
            content = output.read(OUTPUT_MAX)
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - 4096))
            lines = errors.read().decode(errors="replace").split("\n")
        if self._stopped:
            self._on_done()  # it has told nobody anything
            return
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if status < 0:
            self.crashed = f"it was ended by {signal.Signals(-status).name}"
        self.tell(self.result_of(status, content, last))

    def result_of(self, status: int, output: bytes, complaint: str) -> ClientResult:
        """What the end of the process tells: its exit status, its output, the last line of its standard error."""
        raise NotImplementedError

    def stop(self) -> None:
        """Kill it, and what it has started."""
        if self.done.is_set():
            return
        self._stopped = True
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()


class _RequestAttempt(ProgramAttempt):
    """A process that makes a request: with 0 it has shown the content."""

    def __init__(self, words: list[str], shows_content: bool, on_done: Callable[[], None]) -> None:
        self._shows_content = shows_content
        super().__init__(words, on_done)

    def result_of(self, status: int, output: bytes, complaint: str) -> ClientResult:
        """By its exit status."""
        if status == 0:
            return ClientResult(True, Answer(0, output) if self._shows_content else UNSEEN)
        return ClientResult(True, error=f"exit status {status}{f': {complaint[:200]}' if complaint else ''}")


Fetched = bytes | Answer
"""What a function returns: the content, or status and content."""


class Function:
    """A client of a test-suite: `fetch(url)` makes a GET, `post(url, content)` a POST, `head(url)` a HEAD.

    Each returns what came and raises what went wrong, from a thread of its own. `reuses`: whether it makes its next
    request on the connection that it has. What `fetch` is to trust with TLS, `Bench.authority` tells.
    """

    keeps_state = True

    def __init__(
        self,
        fetch: Callable[[str], Fetched],
        *,
        post: Callable[[str, bytes], Fetched] | None = None,
        head: Callable[[str], Fetched] | None = None,
        reuses: bool = False,
    ) -> None:
        self._fetch = fetch
        self._post = post
        self._head = head
        self.leaves = not reuses

    def can_send(self, content: bytes | None, head: bool = False) -> bool:
        """Whether there is a function for it."""
        return self._head is not None if head else content is None or self._post is not None

    def start(
        self, url: str, content: bytes | None, authority: Path | None, on_done: Callable[[], None], head: bool = False
    ) -> Attempt:
        """Call the function, in a thread."""
        post = self._post
        if content is None or post is None:
            fetch = self._head if head and self._head is not None else self._fetch
            return _FunctionAttempt(lambda: fetch(url), on_done)
        return _FunctionAttempt(lambda: post(url, content), on_done)


class _FunctionAttempt(Attempt):
    def __init__(self, call: Callable[[], Fetched], on_done: Callable[[], None]) -> None:
        super().__init__(on_done)
        self._call = call
        threading.Thread(target=self._run, daemon=True, name="conformance-client").start()

    def _run(self) -> None:
        try:
            fetched = self._call()
        except Exception as error:  # whatever it is: it is what the user of the client is told
            self.tell(ClientResult(True, error=f"{type(error).__name__}: {error}"))
        else:
            self.tell(ClientResult(True, fetched if isinstance(fetched, Answer) else Answer(0, bytes(fetched))))
