"""Servers and clients as processes: how each way of going wrong is told, and that none is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from interop.peers import process
from interop.peers.process import StartFailed, environment, run, serving
from tests.interop.programs import GOOD_SERVER, python
from tests.support.modules import grpcio


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_server_runs_for_the_length_of_the_block() -> None:
    with serving(python(GOOD_SERVER)) as server:
        process_id = int(server.address)
        assert is_running(process_id)
    assert server.problem is None
    assert not is_running(process_id)


def test_a_server_ends_when_the_block_raises() -> None:
    with pytest.raises(KeyboardInterrupt), serving(python(GOOD_SERVER)) as server:
        raise KeyboardInterrupt
    assert not is_running(int(server.address))


@pytest.mark.parametrize(
    ("program", "reason", "stderr"),
    [
        ("import sys; sys.exit('no such flag')", "ended before its LISTENING line, exit status 1", "no such flag"),
        ("import os; os.kill(os.getpid(), 9)", "ended before its LISTENING line, SIGKILL", ""),
        ("print('hello')", "its first line is 'hello', not LISTENING host:port", ""),
    ],
)
def test_a_server_that_does_not_start(program: str, reason: str, stderr: str) -> None:
    with pytest.raises(StartFailed) as raised, serving(python(program)):
        pass
    assert str(raised.value) == reason
    assert raised.value.stderr == stderr


def test_a_server_that_keeps_silent() -> None:
    with pytest.raises(StartFailed) as raised, serving(python("import sys; sys.stdin.read()"), timeout_s=0.2):
        pass
    assert str(raised.value) == "no LISTENING line within 0.2 s"


def test_a_program_that_is_not_there() -> None:
    reason = "cannot start ./no-such-program: No such file or directory"
    with pytest.raises(StartFailed) as raised, serving(["./no-such-program"]):
        pass
    assert str(raised.value) == reason
    assert run(["./no-such-program"], timeout_s=5).problem == reason


def test_a_first_line_that_comes_in_pieces() -> None:
    """The line is read until its end, not until the first octets."""
    program = GOOD_SERVER.replace('print(f"LISTENING {os.getpid()}", flush=True)', "os.write(1, b'LISTENING 127.')")
    program = program.replace("sys.stdin.read()", "os.write(1, b'0.0.1:80\\n'); sys.stdin.read()")
    with serving(python(program)) as server:
        assert server.address == "127.0.0.1:80"


def test_a_server_that_dies_on_its_own() -> None:
    program = "import sys; print('LISTENING x:1', flush=True); sys.stderr.write('out of luck'); sys.exit(3)"
    with serving(python(program)) as server:
        # The process is a child of this one: its end can be awaited without taking its exit status.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    assert server.problem == "ended on its own, exit status 3"
    assert server.stderr == "out of luck"


def test_a_server_that_does_not_stop_cleanly() -> None:
    with serving(python(GOOD_SERVER.replace("sys.exit(0)", "sys.exit(4)"))) as server:
        pass
    assert server.problem == "did not stop cleanly on SIGTERM: exit status 4"


def test_a_server_that_does_not_stop_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "END_TIMEOUT_S", 0.2)
    program = GOOD_SERVER.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN") + "signal.pause()"
    with serving(python(program)) as server:
        pass
    assert server.problem == "was still running 0.2 s after SIGTERM"
    assert not is_running(int(server.address))


def test_what_a_client_prints() -> None:
    done = run(python("import sys; print('out'); sys.stderr.write('err'); sys.exit(5)"), timeout_s=30)
    assert (done.exit_status, done.stdout, done.stderr, done.problem) == (5, "out\n", "err", None)


def test_a_client_that_hangs() -> None:
    done = run(["sh", "-c", "echo begun; exec sleep 60"], timeout_s=1)
    assert done.problem == "was still running after 1 s"
    assert done.stdout == "begun\n"


def test_a_client_that_a_signal_ends() -> None:
    assert run(python("import os; os.kill(os.getpid(), 15)"), timeout_s=30).problem == "ended by SIGTERM"


def test_only_the_last_lines_of_standard_error_are_kept() -> None:
    done = run(python("import sys; sys.stderr.write(''.join(f'{n}\\n' for n in range(100)))"), timeout_s=30)
    assert done.stderr.split() == [str(number) for number in range(100 - process.STDERR_LINES_MAX, 100)]


def test_output_can_go_to_a_file(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+b") as file:
        done = run(python("print('kept')"), timeout_s=30, stdout=file)
        assert (file.seek(0), file.read(), done.stdout) == (0, b"kept\n", "")


def test_peers_can_import_interop_and_meet_no_proxy() -> None:
    done = run(python("import interop, os; print(os.environ['no_proxy'])"), timeout_s=30)
    assert (done.stdout, done.stderr) == ("127.0.0.1\n", "")
    assert environment()["PYTHONPATH"].split(os.pathsep)[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_process_is_made_does_not_lose_it(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[subprocess.Popen[bytes]] = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            made.append(self)
            signal.raise_signal(number)

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Popen)
    before = signal.signal(number, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), serving(python(GOOD_SERVER)):
            pytest.fail("the signal was lost")
        assert signal.getsignal(number) is interrupt
    finally:
        signal.signal(number, before)
    assert len(made) == 1
    assert made[0].returncode is not None, "it has ended and was waited for"


def test_a_server_can_be_started_in_any_thread() -> None:
    def serve() -> str | None:
        with serving(python(GOOD_SERVER)) as server:
            pass
        return server.problem

    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(serve).result(30) is None


@pytest.mark.parametrize("peer", ["plait", "grpcio"])
@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "end of standard input"])
def test_a_python_peer_stops_when_told(peer: str, how: str) -> None:
    if peer == "grpcio":
        grpcio()
    with subprocess.Popen(
        [sys.executable, "-m", f"interop.peers.{peer}.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().startswith(b"LISTENING 127.0.0.1:")
            if how in ("SIGTERM", "SIGINT"):
                server.send_signal(signal.Signals[how])
                # Standard input stays open: the signal alone must be enough.
                exit_status = server.wait(30)
                _, stderr = server.communicate()
            else:
                _, stderr = server.communicate(timeout=30)
                exit_status = server.returncode
            assert (exit_status, stderr) == (0, b"")
        finally:
            server.kill()


@pytest.mark.parametrize("peer", ["plait", "grpcio"])
def test_a_port_in_use_is_told(peer: str) -> None:
    if peer == "grpcio":
        grpcio()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run([sys.executable, "-m", f"interop.peers.{peer}.server", "--port", str(port)], timeout_s=30)
    assert done.exit_status == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
