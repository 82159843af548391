"""`conformance server`: what it prints, writes and returns, and a line for everything that can be wrong."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from interop.__main__ import main
from interop.conformance import progress
from interop.conformance.stacks.plait import PlaitServer
from tests.interop.conformance.servers import plait, scripted
from tests.interop.conformance.test_server import Wrong, end, say, serving
from tests.support.tls import TlsFiles


def server(*arguments: str) -> int:
    return main(["conformance", "server", *arguments])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with plait() as where:
        yield where


def test_a_server_that_passes(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    junit, results = tmp_path / "results.xml", tmp_path / "results.json"
    files = ("--junit", str(junit), "--json", str(results))
    assert server(address, "PNG-01", "SET-01.empty", "--echo-path", "/echo", *files, "--parallel", "2") == 0
    printed = capsys.readouterr()
    assert printed.err == "", "no bar where there is no terminal"
    header, *sections, summary = printed.out.splitlines()
    assert header.split() == ["section", "runs", "best", "failed", "skipped"]
    assert [line.rpartition("§")[2].split()[0] for line in sections] == ["6.5", "6.7"]
    assert "0 failed at SHOULD" in summary
    entries = json.loads(results.read_text("utf-8"))
    assert {entry["role"] for entry in entries} == {"server"}
    assert {entry["delivery"] for entry in entries} == {"whole", "octets"}
    root = ElementTree.parse(junit).getroot()
    assert (root.get("tests"), root.get("failures")) == (str(len(entries)), "0")


def test_a_server_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    junit = tmp_path / "results.xml"
    with scripted(lambda connection: Wrong(end).serve(connection)) as port:
        arguments = (f"127.0.0.1:{port}", "PNG-01.on-stream", "--delivery", "whole", "--junit", str(junit))
        assert server(*arguments, "--level", "must") == 0
        capsys.readouterr()
        assert server(*arguments) == 1
    line, *_ = capsys.readouterr().out.splitlines()
    assert line.startswith("SHOULD server/PNG-01.on-stream (whole): sent HEADERS END_HEADERS on stream 1: :method=POST")
    assert " + PING on stream 1: 0x0000000000000000" in line
    assert "; came silent-close: the connection was closed without GOAWAY; allowed: GOAWAY PROTOCOL_ERROR" in line
    failure = ElementTree.parse(junit).getroot().find(".//failure")
    assert failure is not None
    assert failure.get("message") == line


def test_a_case_is_explained_as_it_went(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert server(address, "--explain", "PNG-01.on-stream") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "server/PNG-01.on-stream  MUST  RFC 9113 §6.7"
    assert "    <- GOAWAY on the connection: PROTOCOL_ERROR" in "\n".join(lines)


def test_post_that_is_not_answered_with_its_content_is_remarked(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert server(address, "SET-01.empty") == 0
    assert capsys.readouterr().err.startswith("POST / is answered with 405, and not with its content; --echo-path")


def test_cases_that_need_a_path_that_holds(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert server(address, "FLW-01.one-more", "--delivery", "whole") == 0
    assert "1 skipped" in capsys.readouterr().out


def test_over_tls(tls_files: TlsFiles, capsys: pytest.CaptureFixture[str]) -> None:
    with plait("--tls-cert", str(tls_files.cert), "--tls-key", str(tls_files.key)) as where:
        assert server(where, "PRE-14", "PRE-16", "--tls") == 0
        assert "0 failed at SHOULD" in capsys.readouterr().out
        assert server(where, "--timeout", "1") == 2
        error = capsys.readouterr().err
    assert "cannot be tested: the server closed the connection and said nothing" in error or "use --tls" in error


def test_the_cases_are_listed_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert server("nobody.invalid:1", "PNG-01", "--list") == 0
    assert capsys.readouterr().out.startswith("server/PNG-01")


# -- a line for everything that can be wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("127.0.0.1:1",), "127.0.0.1:1 cannot be tested: nothing can be reached at 127.0.0.1:1: Connection refused"),
        (("no.such.host.invalid:80",), "no.such.host.invalid has no address"),
        (("[::1]:1",), "[::1]:1 cannot be tested: nothing can be reached"),
        (("127.0.0.1:1", "NONE-01"), "no case for servers is named so; see --list"),
        (("127.0.0.1:1", "--json", "/no/such/directory/f"), "cannot write /no/such/directory/f: No such file"),
        (("127.0.0.1:1", "--junit", "/no/such/directory/f"), "cannot write /no/such/directory/f: No such file"),
        (("127.0.0.1:1", "--junit", "/"), "cannot write /: Is a directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert server(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("interop conformance: ")
    assert reason in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("localhost",), ("localhost:",), (":80",), ("localhost:http",), ("localhost:0",), ("localhost:65536",),
        ("::1:80",), ("h:1", "--path", "x"), ("h:1", "--path", "/a b"), ("h:1", "--path", "/ä"),
        ("h:1", "--path", "/a#b"), ("h:1", "--path", "/a\r\nx: y"), ("h:1", "--echo-path", ""),
        ("h:1", "--timeout", "0"), ("h:1", "--timeout", "nan"), ("h:1", "--timeout", "soon"),
        ("h:1", "--parallel", "0"), ("h:1", "--parallel", "65"), ("h:1", "--parallel", "x"),
        ("h:1", "--delivery", "bits"), ("h:1", "--level", "maybe"),
    ],
)  # fmt: skip
def test_a_bad_command_line(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        server(*arguments)
    assert raised.value.code == 2
    assert "usage: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "options", "reason"),
    [
        (b"HTTP/1.1 505 No\r\n\r\n", (), "speaks HTTP/1 on this port"),
        (b"HTTP/1.1 400 Bad\r\n\r\n", ("--tls",), "does not speak TLS on this port; it said b'HTTP/1.1 400"),
        (b"", (), "said nothing within 0.2 s"),
        (b"", ("--tls",), "the TLS handshake did not end within 0.2 s"),
        (b"\x00" * 1000, (), "is not HTTP/2: it begins with"),
    ],
)
def test_a_server_that_speaks_something_else(
    said: bytes, options: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with scripted(say(said)) as port:
        assert server(f"127.0.0.1:{port}", "--timeout", "0.2", *options) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"interop conformance: 127.0.0.1:{port} cannot be tested: ")
    assert reason in error
    assert error.count("\n") == 1


def test_a_tls_server_without_alpn(tls_files: TlsFiles, capsys: pytest.CaptureFixture[str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files.cert, tls_files.key)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1)

    with scripted(serve) as port:
        assert server(f"127.0.0.1:{port}", "--tls") == 2
    assert 'does not agree on "h2" by ALPN (RFC 9113 §3.2), but on None' in capsys.readouterr().err


def test_a_file_that_can_no_longer_be_written_when_the_run_is_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "there" / "results.xml"
    path.parent.mkdir()

    def serve(connection: socket.socket) -> None:
        # By the first connection, after the question whether it can be written; another one may come at the same time.
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            path.parent.rmdir()
        serving(PlaitServer(), connection)

    with scripted(serve) as port:
        assert server(f"127.0.0.1:{port}", "SET-01.empty", "--junit", str(path)) == 2
    assert f"cannot write {path}: No such file or directory" in capsys.readouterr().err


def test_a_server_that_goes_is_not_passed(capsys: pytest.CaptureFixture[str]) -> None:
    served = []

    def serve(connection: socket.socket) -> None:
        served.append(1)
        if len(served) <= 3:  # the look whether somebody listens, and the reference requests
            serving(PlaitServer(), connection)
        else:
            connection.recv(1)

    with scripted(serve) as port:
        assert server(f"127.0.0.1:{port}", "SET-01", "--level", "must", "--timeout", "0.2") == 1
    printed = capsys.readouterr()
    assert "interop conformance: the server answered nobody any more after 8 cases" in printed.err


def test_an_interruption_ends_it_at_once() -> None:
    served, waiting = [], threading.Event()

    def serve(connection: socket.socket) -> None:
        served.append(1)
        if len(served) <= 3:  # the look whether somebody listens, and the reference requests
            return serving(PlaitServer(), connection)
        waiting.set()
        while connection.recv(1 << 16):
            pass

    with scripted(serve) as port:
        command = [sys.executable, "-m", "interop", "conformance", "server", f"127.0.0.1:{port}", "--timeout", "100"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert waiting.wait(30)
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=50)
    assert (process.returncode, printed) == (130, "")


def test_a_terminal_gets_a_bar(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert server(address, "SET-01.empty", "--echo-path", "/echo") == 0
    error = capsys.readouterr().err
    assert f"[{'#' * progress.BAR}] 2/2, 0 failed  SET-01.empty" in error
    assert error.endswith("\r\x1b[K"), "and it is taken away"
