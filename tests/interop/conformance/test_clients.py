"""Programs and functions as clients: what they tell, and how they end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from interop.conformance.clients import Attempt, Client, Function, Program
from interop.conformance.exchange import UNSEEN, Answer, ClientResult
from interop.conformance.sockets import Unreachable

URL = "http://127.0.0.1:1/"


def attempt(client: Client, content: bytes | None = None) -> Attempt:
    """A request of a client, to its end."""
    rung = threading.Event()
    started = client.start(URL, content, Path("/authority.pem"), rung.set)
    assert started.done.wait(20)
    assert rung.wait(20)
    return started


def python(code: str) -> Program:
    return Program([sys.executable, "-c", code, "{url}", "{ca}"])


def test_a_program_tells_by_its_exit_status_and_its_output() -> None:
    assert attempt(python("import sys; print(*sys.argv[1:], end='')")).result == ClientResult(
        True, Answer(0, f"{URL} /authority.pem".encode())
    )
    failed = attempt(python("import sys; print('part'); sys.exit('first\\nthe last line\\n')")).result
    assert failed == ClientResult(True, error="exit status 1: the last line")
    assert attempt(python("import sys; sys.exit(7)")).result.error == "exit status 7"
    silent = Program([sys.executable, "-c", "print('something else')", "{url}"], shows_content=False)
    assert attempt(silent).result.answer is UNSEEN


def test_a_program_that_dies_by_a_signal_has_crashed() -> None:
    died = attempt(python("import os; os.abort()"))
    assert died.crashed == "it was ended by SIGABRT"
    assert died.result.answer is None


def test_a_program_is_ended_with_what_it_has_started() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    rung = threading.Event()
    started = python(code).start(URL, None, None, rung.set)
    started.stop()
    assert rung.wait(20)
    assert not started.done.is_set(), "it has told nobody anything"
    assert started.crashed == ""
    started.stop()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ([], "no command is given; it comes after --"),
        (["curl", "http://localhost"], "the command has no {url}: nothing would tell curl where to connect"),
    ],
)
def test_a_command_that_cannot_work_is_refused(command: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match="^" + reason.replace("{", r"\{")):
        Program(command)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(Unreachable, match=r"^cannot start no-such-client: No such file or directory$"):
        attempt(Program(["no-such-client", "{url}"]))


def raising(url: str) -> bytes:
    raise TimeoutError(f"no answer from {url}")


@pytest.mark.parametrize(
    ("fetch", "told"),
    [
        (lambda url: url.encode(), ClientResult(True, Answer(0, URL.encode()))),
        (lambda url: Answer(204, b""), ClientResult(True, Answer(204, b""))),
        (raising, ClientResult(True, error=f"TimeoutError: no answer from {URL}")),
    ],
)
def test_a_function_tells_by_what_it_returns_or_raises(fetch: Callable[[str], bytes], told: ClientResult) -> None:
    client = Function(fetch)
    assert (client.leaves, client.keeps_state, client.can_send(None), client.can_send(b"")) == (True, True, True, False)
    assert attempt(client).result == told


def test_a_function_for_content() -> None:
    client = Function(raising, post=lambda url, content: content * 2, reuses=True)
    assert (client.leaves, client.can_send(b"")) == (False, True)
    assert attempt(client, b"ab").result.answer == Answer(0, b"abab")
