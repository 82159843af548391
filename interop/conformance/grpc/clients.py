"""Clients that can be told where to call: a program that is started for each call, or a function of a test-suite.

    Program(["./call", "{target}"])
    Function(lambda target, deadline_s: (code, text, size))

**The contract of a program.** It makes one UnaryCall of `grpc.testing.TestService`, with an empty SimpleRequest and in
plaintext (with `--tls`, trusting `{ca}`), to `{target}`, which is `HOST:PORT`; it does not retry by itself more than
its library does. Then it writes to its standard output

    reply SIZE                  the octets in the payload of the reply; may be left out, and is then not compared
    status CODE [MESSAGE]       the status, as a number or a name, and its message, percent-encoded as in grpc-message

and ends. What else it writes does not matter, nor does its exit status. With `{timeout}` it is told a deadline, in
seconds, which it must set.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from grpc_core.status import CODES
from interop.conformance.clients import AUTHORITY_FILE, Attempt, ProgramAttempt
from interop.conformance.exchange import ClientResult
from interop.conformance.grpc.calls import decode_text
from interop.conformance.grpc.tester import CallResult, told

TARGET: Final = "{target}"
TIMEOUT: Final = "{timeout}"
DEADLINE_S: Final = 60.0
"""The deadline of a call whose case names none: far away."""

_NUMBERS: Final = {code.name: code.value[0] for code in CODES}


def read_output(output: bytes) -> CallResult | None:
    """What a program has told; None where there is no line with a status."""
    code, text, size = -1, None, None
    for line in output.decode("utf-8", "replace").splitlines():
        word, _, rest = line.partition(" ")
        if word == "reply" and rest.strip().isdigit():
            size = int(rest)
        elif word == "status":
            name, space, message = rest.partition(" ")
            number = _NUMBERS.get(name.upper().replace("CANCELED", "CANCELLED"), -1)
            code = int(name) if name.isascii() and name.lstrip("-").isdigit() else number
            text = decode_text(message.encode()) if space else None
    return told(code, text, size) if code >= 0 else None


class Program:
    """A command line that makes a call. Raises ValueError where nothing would tell it the target."""

    leaves = True
    keeps_state = False

    def __init__(self, command: Sequence[str]) -> None:
        if not command:
            raise ValueError("no command is given; it comes after --")
        if not any(TARGET in word for word in command):
            raise ValueError(f"the command has no {TARGET}: nothing would tell {command[0]} where to connect")
        self.command = tuple(command)
        self.takes_deadlines = any(TIMEOUT in word for word in command)

    def can_send(self, content: bytes | None, head: bool = False) -> bool:
        """Whether it can make a call with a deadline, or without."""
        return content is None or self.takes_deadlines

    def start(
        self, url: str, content: bytes | None, authority: Path | None, on_done: Callable[[], None], head: bool = False
    ) -> Attempt:
        """Start the program. Raises OSError."""
        values = {TARGET: url, TIMEOUT: _deadline(content), AUTHORITY_FILE: str(authority or "")}
        words = []
        for word in self.command:
            for name, value in values.items():
                word = word.replace(name, value)
            words.append(word)
        return _CallAttempt(words, on_done)


def _deadline(content: bytes | None) -> str:
    return f"{DEADLINE_S:g}" if content is None else content.decode()


class _CallAttempt(ProgramAttempt):
    """A process that prints how its call ended."""

    def result_of(self, status: int, output: bytes, complaint: str) -> ClientResult:
        """By its output; without a line with a status, it has crashed."""
        result = read_output(output)
        if result is None:
            self.crashed = self.crashed or f"it printed no status; exit status {status}: {complaint[:200]}"
            return CallResult(True, error=self.crashed)
        return result


Ended = tuple[int, str | None, int | None]
"""What a function returns: the status, its message or None, the octets in the reply's payload or None."""


class Function:
    """A client of a test-suite: `call(target, deadline_s)` makes a UnaryCall and returns how it ended.

    It is called in a thread of its own; what it raises is a crash. What it is to trust with TLS, `Bench.authority`
    tells.
    """

    leaves = True
    keeps_state = True
    takes_deadlines = True

    def __init__(self, call: Callable[[str, float], Ended]) -> None:
        self._call = call

    def can_send(self, content: bytes | None, head: bool = False) -> bool:
        """Always."""
        return True

    def start(
        self, url: str, content: bytes | None, authority: Path | None, on_done: Callable[[], None], head: bool = False
    ) -> Attempt:
        """Call the function, in a thread."""
        return _FunctionAttempt(self._call, url, float(_deadline(content)), on_done)


class _FunctionAttempt(Attempt):
    def __init__(
        self, call: Callable[[str, float], Ended], target: str, deadline_s: float, on_done: Callable[[], None]
    ) -> None:
        super().__init__(on_done)
        threading.Thread(
            target=self._run, args=(call, target, deadline_s), daemon=True, name="conformance-call"
        ).start()

    def _run(self, call: Callable[[str, float], Ended], target: str, deadline_s: float) -> None:
        try:
            result = told(*call(target, deadline_s))
        except Exception as error:  # its user is told no status
            self.crashed = f"{type(error).__name__}: {error}"
            result = CallResult(True, error=self.crashed)
        self.tell(result)
