"""python -m http2: what a user sees, good and bad, through processes as a user starts them."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from http2.__main__ import main
from http2.frames import build_frame, build_ping
from tests.support.tls import TlsFiles

COMMAND = [sys.executable, "-W", "error", "-m", "http2"]
PATIENCE_S = 60


def run(*arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
    """(exit code, standard output, standard error) of a command."""
    done = subprocess.run([*COMMAND, *arguments], input=stdin, capture_output=True, timeout=PATIENCE_S, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


class Serving:
    """A server that runs in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "serve", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        self.address = self.first_line.removeprefix("LISTENING ").strip()

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """Send a signal; (exit code, rest of standard output, standard error)."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[Serving]:
    """A server that must end cleanly and must have said nothing else."""
    server = Serving(*arguments)
    try:
        yield server
        assert server.stop() == (0, "", ""), "a clean end"
    finally:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="module")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 MiB in a directory of its own."""
    path = tmp_path_factory.mktemp("root") / "big"
    path.write_bytes(b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(10 * 2**20 // 32)))
    return path


# -- serve and get -----------------------------------------------------------------------------------------------------


def test_serve_says_where_it_listens_and_ends_cleanly(big_file: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        server = Serving("--root", str(big_file.parent))
        host, _, port = server.address.rpartition(":")
        assert server.first_line == f"LISTENING {host}:{port}\n"
        assert host == "127.0.0.1"
        assert int(port) > 0
        assert server.stop(number) == (0, "", "")


def test_get_writes_the_content_to_standard_output() -> None:
    with serving() as server:
        assert run("get", f"http://{server.address}/bytes/3") == (0, b"\0\1\2", "")
        code, out, err = run("get", "-i", f"http://{server.address}/bytes/3")
        head = b"HTTP/2 200\ncontent-type: application/octet-stream\ncontent-length: 3\n\n"
        assert (code, out, err) == (0, head + b"\0\1\2", "")


@pytest.mark.parametrize("over_tls", [False, True])
def test_ten_mebibytes_come_and_go_intact(big_file: Path, over_tls: bool, tls_files: TlsFiles, tmp_path: Path) -> None:
    digest = hashlib.sha256(big_file.read_bytes()).digest()
    cert, key = str(tls_files.cert), str(tls_files.key)
    serve_tls = ["--tls-cert", cert, "--tls-key", key] if over_tls else []
    get_tls = ["--cacert", cert] if over_tls else []
    scheme = "https" if over_tls else "http"
    with serving("--root", str(big_file.parent), *serve_tls) as server:
        got = tmp_path / "got"
        assert run("get", *get_tls, "-o", str(got), f"{scheme}://{server.address}/big") == (0, b"", "")
        assert hashlib.sha256(got.read_bytes()).digest() == digest
        url = f"{scheme}://{server.address}/echo"
        assert run("get", *get_tls, "-o", str(got), "-d", f"@{big_file}", url) == (0, b"", "")
        assert hashlib.sha256(got.read_bytes()).digest() == digest


def test_get_sends_what_it_is_told() -> None:
    with serving() as server:
        echo = f"http://{server.address}/echo"
        code, out, err = run("get", "-i", "-d", "data", "-H", "Content-Type: text/x", "-H", "x-empty:", echo)
        assert (code, out, err) == (0, b"HTTP/2 200\ncontent-type: text/x\n\ndata", "")
        assert run("get", "-X", "PUT", "-d", "", echo) == (0, b"", "")
        assert run("get", "-X", "HEAD", f"http://{server.address}/bytes/5") == (0, b"", "")


def test_verbose_shows_the_frames_of_both_sides() -> None:
    server = Serving("--verbose")
    code, out, err = run("get", "-v", f"http://{server.address}/bytes/1?a b%20c")
    assert (code, out) == (0, b"\0")
    _, rest, frames = server.stop()
    assert rest == ""
    for seen in (err, frames):
        assert "client  preface" in seen
        assert "            :path: /bytes/1?a%20b%20c\n" in seen
        assert "server  HEADERS        stream 1  END_HEADERS" in seen
        assert "server  DATA           stream 1  END_STREAM  1 octet\n            00\n" in seen


def test_a_status_of_an_error_is_exit_code_1() -> None:
    with serving() as server:
        assert run("get", f"http://{server.address}/missing") == (1, b"", "")
        assert run("get", "-d", "x", f"http://{server.address}/bytes/1") == (1, b"", "")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    with serving() as server:
        getting = subprocess.Popen(
            [*COMMAND, "get", f"http://{server.address}/bytes/5000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert getting.stdout is not None
        assert getting.stderr is not None
        assert getting.stdout.read(4) == b"\0\1\2\3"
        getting.stdout.close()
        assert getting.wait(PATIENCE_S) == 0
        assert getting.stderr.read() == b""
        getting.stderr.close()


def test_serve_lets_a_download_finish_when_it_is_stopped() -> None:
    server = Serving()
    with subprocess.Popen([*COMMAND, "get", f"http://{server.address}/drip/40"], stdout=subprocess.PIPE) as getting:
        assert getting.stdout is not None
        assert getting.stdout.read(1) == b".", "the download has begun"
        assert server.stop() == (0, "", "")
        assert getting.stdout.read() == b"." * 39
    assert getting.returncode == 0


def test_get_can_be_interrupted() -> None:
    with serving() as server:
        command = [*COMMAND, "get", f"http://{server.address}/drip/9999"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as getting:
            assert getting.stdout is not None
            assert getting.stderr is not None
            assert getting.stdout.read(1) == b"."
            getting.send_signal(signal.SIGINT)
            assert getting.wait(PATIENCE_S) == 130
            assert getting.stderr.read() == b""


def test_a_second_signal_does_not_wait_for_downloads() -> None:
    server = Serving()
    command = [*COMMAND, "get", "-v", f"http://{server.address}/drip/9999"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as getting:
        assert getting.stderr is not None
        for line in getting.stderr:
            if line.startswith("server  DATA"):
                break
        server.process.send_signal(signal.SIGINT)
        for line in getting.stderr:
            if line.startswith("server  GOAWAY"):
                break
        assert server.stop() == (0, "", "")
        last_line = getting.stderr.readlines()[-1]
    assert getting.returncode == 3
    one_line(last_line, "http2 get: the content ended after ")


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def one_line(text: str, start: str) -> None:
    """Whether this is one line on standard error, and no traceback."""
    assert text.startswith(start), text
    assert text.count("\n") == 1, text
    assert text.endswith("\n"), text


def test_serve_names_what_it_cannot_use(tmp_path: Path, tls_files: TlsFiles) -> None:
    missing = str(tmp_path / "missing")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = [
            (["--port", port], f"http2 serve: cannot listen on 127.0.0.1:{port}: "),
            (["--host", "256.0.0.1"], "http2 serve: cannot listen on 256.0.0.1:0: "),
            (["--host", "a..b"], "http2 serve: cannot listen on a..b:0: "),
            (["--root", missing], f"http2 serve: {missing}: No such file or directory"),
            (["--root", str(tls_files.cert)], f"http2 serve: {tls_files.cert}: Not a directory"),
            (["--tls-cert", missing], f"http2 serve: {missing}: No such file or directory"),
            (["--tls-cert", str(tls_files.cert), "--tls-key", missing], f"http2 serve: {missing}: No such file"),
            (["--tls-cert", str(tls_files.key)], "http2 serve: "),
            (["--tls-key", str(tls_files.key)], "http2 serve: --tls-key needs --tls-cert"),
            (["--port", "65536"], "http2 serve: argument --port: '65536' is no port"),
            (["--port", "http"], "http2 serve: argument --port: 'http' is no port"),
            (["--what"], "http2: unrecognized arguments: --what"),
        ]
        for arguments, start in cases:
            code, out, err = run("serve", *arguments)
            assert (code, out) == (2, b""), arguments
            one_line(err, start)


def test_get_names_what_it_cannot_use(tmp_path: Path, tls_files: TlsFiles) -> None:
    missing = str(tmp_path / "missing")
    cases = [
        (["ftp://localhost/"], "http2 get: 'ftp://localhost/' is not a URL"),
        (["localhost"], "http2 get: 'localhost' is not a URL"),
        (["http://localhost:http/"], "http2 get: Port could not be cast"),
        (["http://me@localhost/"], "http2 get: a URL with a user name"),
        (["-H", "no colon", "http://localhost/"], "http2 get: -H 'no colon': 'name: value' is required"),
        (["-d", f"@{missing}", "http://localhost/"], f"http2 get: {missing}: No such file or directory"),
        (["-o", f"{missing}/x", "http://localhost/"], f"http2 get: {missing}/x: No such file or directory"),
        (["--cacert", missing, "https://localhost/"], f"http2 get: {missing}: No such file or directory"),
        (["--timeout", "0", "http://localhost/"], "http2 get: argument --timeout: '0' is no time"),
        (["--timeout", "soon", "http://localhost/"], "http2 get: argument --timeout: "),
        ([], "http2 get: the following arguments are required: URL"),
    ]
    for arguments, start in cases:
        code, out, err = run("get", *arguments)
        assert (code, out) == (2, b""), arguments
        one_line(err, start)


def test_get_says_why_there_was_no_response(tls_files: TlsFiles) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        unused = f"127.0.0.1:{sock.getsockname()[1]}"
        code, out, err = run("get", f"http://{unused}/")
        assert (code, out) == (3, b"")
        one_line(err, f"http2 get: cannot connect to {unused}: Connection refused")
    with serving() as plain, serving("--tls-cert", str(tls_files.cert), "--tls-key", str(tls_files.key)) as secure:
        cases = [
            ([f"https://{plain.address}/"], f"http2 get: the TLS handshake with {plain.address} failed: "),
            ([f"http://{secure.address}/"], f"http2 get: {secure.address} "),
            ([f"https://{secure.address}/"], f"http2 get: the certificate of {secure.address} is not accepted: "),
            (
                ["--timeout", "0.2", f"http://{plain.address}/drip/9999"],
                f"http2 get: no complete response from http://{plain.address} within 0.2 s",
            ),
        ]
        for arguments, start in cases:
            code, _, err = run("get", *arguments)
            assert code == 3, arguments
            one_line(err, start)
        code, _, err = run("get", "-H", "Connection: close", f"http://{plain.address}/")
        assert code == 2
        one_line(err, "http2 get: connection-specific field")
        assert run("get", "--insecure", f"https://{secure.address}/bytes/2") == (0, b"\0\1", "")


def test_get_recognises_an_http_1_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with subprocess.Popen([*COMMAND, "get", f"http://{address}/"], stderr=subprocess.PIPE, text=True) as getting:
            sock, _ = listener.accept()
            with sock:
                sock.recv(24)
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                _, err = getting.communicate(timeout=PATIENCE_S)
        assert getting.returncode == 3
        one_line(err, f"http2 get: {address} does not speak HTTP/2, it answered b'HTTP/1.1 400 ")


# -- explain -----------------------------------------------------------------------------------------------------------

Explain = Callable[..., tuple[int, str, str]]


@pytest.fixture
def explain(capsys: pytest.CaptureFixture[str]) -> Explain:
    """Runs the command in this process."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["explain", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_explain_shows_frames_given_in_hexadecimal(explain: Explain, tmp_path: Path) -> None:
    ping = build_ping(b"abcdefgh")
    lines = "client  PING           connection  8 octets\n            'abcdefgh'\n"
    for text in (ping.hex(), ping.hex(" "), ping.hex(":"), "0x" + ping.hex().upper()):
        assert explain(text) == (0, lines, "")
    assert explain(ping.hex()[:18], ping.hex()[18:]) == (0, lines, "")
    assert explain("--role", "server", ping.hex()) == (0, lines.replace("client", "server"), "")
    for content in (ping, ping.hex().encode(), ping.hex("\n").encode()):
        (tmp_path / "octets").write_bytes(content)
        assert explain(f"@{tmp_path / 'octets'}") == (0, lines, "")
    assert run("explain", "-", stdin=ping) == (0, lines.encode(), "")


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("xyz", 2, "'xyz' is not hexadecimal; give pairs of digits, @FILE or -"),
        ("abc", 2, "'abc' is not hexadecimal; give pairs of digits, @FILE or -"),
        ("é", 2, "'é' is not hexadecimal; give pairs of digits, @FILE or -"),
        ("", 2, "there are no octets to explain"),
        ("@/nowhere/at/all", 2, "/nowhere/at/all: No such file or directory"),
        ("00", 3, "a frame is cut short: 1 of the 9 octets of its header"),
        (b"GET / HTTP/1.1".hex(), 3, "this is not HTTP/2: it begins with b'GET / HTTP/1.1'"),
    ],
)
def test_explain_says_in_one_line_what_it_cannot_read(explain: Explain, text: str, code: int, reason: str) -> None:
    assert explain(text) == (code, "", f"http2 explain: {reason}\n")


def test_explain_shows_what_comes_before_the_problem(explain: Explain) -> None:
    bad = build_frame(1, 4, 1, b"\x80")
    code, out, err = explain((build_ping(bytes(8)) + bad).hex())
    assert code == 3
    assert out.startswith("client  PING")
    one_line(err, "http2 explain: a field block cannot be decoded: ")


@pytest.mark.parametrize(
    "code", ["import http2", "import http2.__main__ as m; m.main(['explain', '" + "00" * 9 + "'])"]
)
def test_no_event_loop_without_need(code: str) -> None:
    check = f"{code}\nimport sys\nsys.exit('asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_command_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    one_line(capsys.readouterr().err, "http2: the following arguments are required: serve|get|explain")
