"""docs/grpc.md, held to its word: its blocks run, and its tables say what servers and clients do with bad input.

Every row goes over a real socket. After each one a good call succeeds on another, older connection; and where only a
call or a stream was at fault, on the same one too.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import grpc_core
from grpc_core import aio
from grpc_core.options import Options, parse_options
from grpc_core.status import StatusCode
from http2.errors import ErrorCode
from http2.frames import (
    GOAWAY,
    HEADERS,
    PREFACE,
    SETTINGS_ACK,
    build_frame,
    build_goaway,
    build_rst_stream,
    build_settings,
)
from tests.grpc_core.support import (
    OK_TRAILERS,
    REQUEST,
    RESPONSE,
    SERVICE,
    Raw,
    described,
    facing,
    message,
    method,
    raw_server,
    request,
    run,
    serving,
)
from tests.grpc_core.test_options import UNDERSTOOD

CONFIG = parse_options(None).config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/grpc.md").read_text(encoding="utf-8")
LIMIT = (("grpc.max_receive_message_length", 100),)
GOOD = message(b"x")


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading, without its head."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


# -- the server --------------------------------------------------------------------------------------------------------

Play = Callable[[Raw], Awaitable[str]]


def call(*content: bytes, more: tuple[tuple[bytes, bytes], ...] = (), **changes: bytes | None) -> Play:
    """A request with these changes and this content: the answer to it."""

    async def play(raw: Raw) -> str:
        return described(await raw.calls(1, request(**changes) + more, *content))

    return play


def frames(*build: Callable[[Raw], bytes]) -> Play:
    """These frames: the answer on stream 1, or GOAWAY."""

    async def play(raw: Raw) -> str:
        raw.sends(*(one(raw) for one in build))
        return described(await raw.answer(1))

    return play


def octets(data: bytes) -> Play:
    """These octets and the end of the connection, instead of anything in HTTP/2."""

    async def play(raw: Raw) -> str:
        reader, writer = await asyncio.open_connection(*raw.writer.get_extra_info("peername"))
        try:
            writer.write(data)
            writer.write_eof()
            answer = await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
        if answer.startswith(b"HTTP/1.1"):
            return f"`{answer[:12].decode()}`"
        other = Raw(reader, writer, True)
        other._feed(answer)
        return described(frame for frame in other.frames if frame.type == GOAWAY)

    return play


def head(**changes: bytes | None) -> Callable[[Raw], bytes]:
    return lambda raw: raw.headers(1, request(**changes))


BIG: tuple[tuple[bytes, bytes], ...] = ((b"x-a", b"v" * 9_000), (b"x-b", b"v" * 9_000))

SERVER_CASES: dict[str, Play] = {
    "a good call": call(GOOD),
    "no `te`": call(GOOD, te=None),
    "no `:authority`": call(GOOD, authority=None),
    "request trailers": frames(
        head(), lambda raw: raw.data(1, GOOD), lambda raw: raw.headers(1, ((b"x-t", b"1"),), end_stream=True)
    ),
    "unknown method": call(GOOD, path=b"/test.Service/Nope"),
    "malformed path": call(GOOD, path=b"Echo"),
    "wrong content-type": call(GOOD, content_type=b"text/plain"),
    "`application/grpcfoo`": call(GOOD, content_type=b"application/grpcfoo"),
    "no content-type": call(GOOD, content_type=None),
    "gRPC-Web content-type": call(GOOD, content_type=b"application/grpc-web"),
    "GET": call(method=b"GET"),
    "malformed timeout": call(GOOD, grpc_timeout=b"-5S"),
    "timeout of nine digits": call(GOOD, grpc_timeout=b"123456789S"),
    "deadline that has passed": call(GOOD, grpc_timeout=b"0n"),
    "bad base64 in a `-bin` field": call(GOOD, more=((b"k-bin", b"!!!"),)),
    "`-bin` values joined by commas": call(GOOD, more=((b"k-bin", b"AAE,Ag=="),)),
    "unsupported `grpc-encoding`": call(message(b"x", flag=1), grpc_encoding=b"snappy"),
    "compressed flag without encoding": call(message(b"x", flag=1)),
    "compressed flag with `identity`": call(message(b"x", flag=1), grpc_encoding=b"identity"),
    "a compressed message that is none": call(message(b"not gzip at all", flag=1), grpc_encoding=b"gzip"),
    "compressed flag 2": call(message(b"x", flag=2)),
    "message over the limit": call(message(bytes(101))),
    "message over the limit when it is decompressed": call(
        message(gzip.compress(bytes(101)), flag=1), grpc_encoding=b"gzip"
    ),
    "message over the limit, more to come": frames(head(), lambda raw: raw.data(1, message(b"", length=101))),
    "length of 4 GiB": call(message(b"", length=2**32 - 1)),
    "END_STREAM inside a message": call(message(b"xyz", length=4)),
    "no message": call(b""),
    "no content at all": call(),
    "two messages": call(GOOD + GOOD),
    "wrong `te`": call(GOOD, te=b"gzip"),
    "upper-case field name": call(GOOD, more=((b"Upper", b"x"),)),
    "`connection` field": call(GOOD, more=((b"connection", b"close"),)),
    "no `:path`": call(GOOD, path=None),
    "`host` that differs from `:authority`": call(GOOD, more=((b"host", b"other"),)),
    "two `host` fields": call(GOOD, authority=None, more=((b"host", b"localhost"), (b"host", b"localhost"))),
    "two `:authority` fields": frames(lambda raw: raw.headers(1, ((b":authority", b"localhost"), *REQUEST))),
    "metadata over the limit": frames(
        lambda raw: raw.headers(1, REQUEST + BIG, end_stream=True, fragment_bytes=16_000)
    ),
    "content that is not as long as content-length": call(GOOD, more=((b"content-length", b"3"),)),
    "second head without END_STREAM": frames(head(), lambda raw: raw.headers(1, ((b"x-t", b"1"),))),
    "oversized frame": frames(head(), lambda raw: build_frame(0, 0, 1, bytes(CONFIG.frame_bytes_max + 1))),
    "bad HPACK": frames(lambda raw: build_frame(HEADERS, 5, 1, b"\xff" * 8)),
    "stream with an even number": frames(lambda raw: raw.headers(2, REQUEST)),
    "HTTP/1.1 request": octets(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "TLS handshake": octets(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)),
    "something else than the preface": octets(bytes(range(64))),
    "truncated preface": octets(PREFACE[:10]),
}

SERVER_SHOWS = {
    "a good call": pytest.mark.wire("W080", "W081"),
    "no `te`": pytest.mark.wire("W004", "A20.4"),
    "no `:authority`": pytest.mark.wire("W011"),
    "malformed path": pytest.mark.wire("W016"),
    "unknown method": pytest.mark.wire("W002", "W082", "A9"),
    "wrong content-type": pytest.mark.wire("W006", "A20.2"),
    "`application/grpcfoo`": pytest.mark.wire("W005", "W006", "A20.3"),
    "no content-type": pytest.mark.wire("W006"),
    "gRPC-Web content-type": pytest.mark.wire("W005", "W006"),
    "GET": pytest.mark.wire("W007", "A20.5"),
    "malformed timeout": pytest.mark.wire("W023", "A20.9"),
    "timeout of nine digits": pytest.mark.wire("W020", "W023", "A20.8"),
    "deadline that has passed": pytest.mark.wire("W025"),
    "bad base64 in a `-bin` field": pytest.mark.wire("W034"),
    "`-bin` values joined by commas": pytest.mark.wire("W033", "A20.1"),
    "unsupported `grpc-encoding`": pytest.mark.wire("W064", "A20.6", "A9"),
    "compressed flag without encoding": pytest.mark.wire("W063", "A20.7", "A9"),
    "compressed flag with `identity`": pytest.mark.wire("W063"),
    "a compressed message that is none": pytest.mark.wire("W066", "A9"),
    "compressed flag 2": pytest.mark.wire("W052", "A20.10"),
    "message over the limit": pytest.mark.wire("W057", "A9"),
    "message over the limit when it is decompressed": pytest.mark.wire("W057"),
    "message over the limit, more to come": pytest.mark.wire("W057", "W092"),
    "length of 4 GiB": pytest.mark.wire("W058"),
    "END_STREAM inside a message": pytest.mark.wire("W055", "A20.13"),
    "no message": pytest.mark.wire("W056", "A20.12", "A9"),
    "no content at all": pytest.mark.wire("W054", "W056", "A20.12"),
    "two messages": pytest.mark.wire("W056", "A20.11", "A9"),
    "wrong `te`": pytest.mark.wire("W004", "A20.4"),
    "upper-case field name": pytest.mark.wire("W009"),
    "`connection` field": pytest.mark.wire("W010"),
    "`host` that differs from `:authority`": pytest.mark.wire("W011"),
    "two `host` fields": pytest.mark.wire("W011"),
    "two `:authority` fields": pytest.mark.wire("W011"),
    "metadata over the limit": pytest.mark.wire("W037", "W038", "A9"),
}

SERVER_PARAMETERS = [pytest.param(case, marks=SERVER_SHOWS.get(case, ())) for case in SERVER_CASES]

ELSEWHERE = ("HTTP/1.1 request", "TLS handshake", "something else than the preface", "truncated preface")
"""These fail a connection of their own."""

SERVER_ANSWERS = dict(table("What the server answers to bad input"))


def test_the_table_of_answers_is_complete() -> None:
    assert list(SERVER_ANSWERS) == list(SERVER_CASES)


@pytest.mark.parametrize("case", SERVER_PARAMETERS)
def test_what_the_server_answers_to_bad_input(case: str) -> None:
    async def main() -> None:
        async with (
            serving(options=LIMIT) as (server, port),
            await Raw.connect(port) as older,
            aio.Channel(f"127.0.0.1:{port}") as channel,
        ):
            good = "`:status 200`, DATA, `grpc-status 0`"
            assert described(await older.calls(1, REQUEST, GOOD)) == good
            assert await method(channel)(b"x") == b"x"
            async with await Raw.connect(port) as raw:
                answer = await SERVER_CASES[case](raw)
                assert answer == SERVER_ANSWERS[case]
                if "GOAWAY" not in answer or case in ELSEWHERE:
                    again = described(await raw.calls(3, REQUEST, GOOD))
                    assert again == good, "on the same connection, a good call succeeds"
            assert described(await older.calls(3, REQUEST, GOOD)) == good, "and on another"
            assert await method(channel)(b"y") == b"y"
            assert not server._rpcs
            for protocol in server._protocols:
                assert not protocol.session.calls
                assert protocol.connection.receive_window.held == 0

    run(main())


@pytest.mark.parametrize("case", SERVER_PARAMETERS)
def test_what_the_blocking_server_answers_is_the_same(case: str) -> None:
    async def main() -> None:
        with ThreadPoolExecutor(2) as pool:
            server = grpc_core.server(pool, options=LIMIT)
            handler = grpc_core.unary_unary_rpc_method_handler(lambda request, context: request)
            server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler(SERVICE, {"Echo": handler}),))
            port = server.add_insecure_port("127.0.0.1:0")
            server.start()
            try:
                async with await Raw.connect(port) as raw:
                    assert await SERVER_CASES[case](raw) == SERVER_ANSWERS[case]
                async with await Raw.connect(port) as raw:
                    good = "`:status 200`, DATA, `grpc-status 0`"
                    assert described(await raw.calls(1, REQUEST, GOOD)) == good
            finally:
                await asyncio.to_thread(server.stop(None).wait)

    asyncio.run(main())


# -- the client --------------------------------------------------------------------------------------------------------


Build = Callable[[Raw], bytes]


class BadServer:
    """A server that does something wrong with the first requests, and answers all others well."""

    def __init__(self, *build: Build, times: int = 1, then_close: bool = False, greeting: bytes | None = None) -> None:
        self.build = build
        self.left = times
        self.then_close = then_close
        self.greeting = greeting
        self._times = times

    def anew(self) -> BadServer:
        """The same server, which has not met a client yet."""
        return BadServer(*self.build, times=self._times, then_close=self.then_close, greeting=self.greeting)

    async def __call__(self, raw: Raw) -> None:
        if self.greeting is not None and self.left:
            self.left -= 1
            raw.sends(self.greeting)
            return
        raw.sends(build_settings({}), SETTINGS_ACK)
        while True:
            stream_id = (await raw.next_request()).stream_id
            if self.left:
                self.left -= 1
                raw.sends(*(one(raw) for one in self.build))
                if self.then_close:
                    return
            else:
                raw.sends(
                    raw.headers(stream_id, RESPONSE),
                    raw.data(stream_id, message(b"good")),
                    raw.headers(stream_id, OK_TRAILERS, end_stream=True),
                )


def headers(*fields: tuple[bytes, bytes], end: bool = False) -> Build:
    return lambda raw: raw.headers(1, fields, end_stream=end)


def data(payload: bytes, end: bool = False) -> Build:
    return lambda raw: raw.data(1, payload, end_stream=end)


def exactly(data: bytes) -> Build:
    return lambda raw: data


HEAD = headers(*RESPONSE)
OK = headers(*OK_TRAILERS, end=True)
OWN = (b"grpc-message", b"own words")


def reset(code: int) -> Build:
    """RST_STREAM on the newest stream."""
    return lambda raw: build_rst_stream(max(frame.stream_id for frame in raw.all_frames), code)


def http(status: int, content_type: bytes = b"text/plain") -> list[Build]:
    return [
        headers((b":status", b"%d" % status), (b"content-type", content_type)),
        data(b"<h1>An answer for people</h1>", end=True),
    ]


HTTP_CODES = (400, 401, 403, 404, 429, 502, 503, 504, 302, 418, 500)

CLIENT_CASES: dict[str, BadServer] = {
    "1xx before the response": BadServer(headers((b":status", b"103")), HEAD, data(GOOD), OK),
    "1xx with END_STREAM": BadServer(headers((b":status", b"103"), end=True)),
    **{f"HTTP {code}": BadServer(*http(code)) for code in HTTP_CODES},
    "HTTP 200 with a text": BadServer(*http(200)),
    "HTTP 503 with grpc-status 7": BadServer(headers((b":status", b"503"), (b"grpc-status", b"7"), OWN, end=True)),
    **{
        # A refused request is made again once, so it has to be refused twice.
        f"RST_STREAM {code.name}": BadServer(reset(code), times=2 if code is ErrorCode.REFUSED_STREAM else 1)
        for code in ErrorCode
    },
    "no grpc-status in trailers": BadServer(HEAD, data(GOOD), headers((b"x-t", b"1"), end=True)),
    "no trailers": BadServer(HEAD, data(GOOD, end=True)),
    "grpc-status that is no number": BadServer(HEAD, headers((b"grpc-status", b"fine"), OWN, end=True)),
    "grpc-status 99": BadServer(HEAD, headers((b"grpc-status", b"99"), OWN, end=True)),
    "OK without a message": BadServer(HEAD, OK),
    "OK in Trailers-Only": BadServer(headers(*RESPONSE, *OK_TRAILERS, end=True)),
    "two messages": BadServer(HEAD, data(GOOD + GOOD), OK),
    "truncated message": BadServer(HEAD, data(message(b"xyz", length=4)), OK),
    "compressed flag 2": BadServer(HEAD, data(message(b"x", flag=2))),
    "compressed flag without encoding": BadServer(HEAD, data(message(b"x", flag=1))),
    "compressed flag with `identity`": BadServer(
        headers(*RESPONSE, (b"grpc-encoding", b"identity")), data(message(b"x", flag=1))
    ),
    "a compressed message that is none": BadServer(
        headers(*RESPONSE, (b"grpc-encoding", b"gzip")), data(message(b"not gzip at all", flag=1)), OK
    ),
    "unsupported grpc-encoding": BadServer(headers(*RESPONSE, (b"grpc-encoding", b"snappy")), data(GOOD), OK),
    "message over the limit": BadServer(HEAD, data(message(b"", length=101))),
    "message over the limit when it is decompressed": BadServer(
        headers(*RESPONSE, (b"grpc-encoding", b"gzip")), data(message(gzip.compress(bytes(101)), flag=1)), OK
    ),
    "length of 4 GiB": BadServer(HEAD, data(message(b"", length=2**32 - 1))),
    "metadata over the limit": BadServer(
        lambda raw: raw.headers(1, RESPONSE + BIG, fragment_bytes=16_000), data(GOOD), OK
    ),
    "trailers over the limit": BadServer(
        HEAD, data(GOOD), lambda raw: raw.headers(1, OK_TRAILERS + BIG, end_stream=True, fragment_bytes=16_000)
    ),
    "Trailers-Only over the limit": BadServer(
        lambda raw: raw.headers(1, RESPONSE + OK_TRAILERS + BIG, end_stream=True, fragment_bytes=16_000)
    ),
    "`-bin` values joined by commas": BadServer(headers(*RESPONSE, (b"k-bin", b"AAE,Ag==")), data(GOOD), OK),
    "`application/grpc+proto`": BadServer(
        headers((b":status", b"200"), (b"content-type", b"application/grpc+proto")), data(GOOD), OK
    ),
    "`application/grpcfoo`": BadServer(
        headers((b":status", b"200"), (b"content-type", b"application/grpcfoo")), data(GOOD), OK
    ),
    "no content-type": BadServer(headers((b":status", b"200")), data(GOOD), OK),
    "DATA beyond the window": BadServer(
        HEAD, lambda raw: raw.data(1, bytes(16_384)) * (CONFIG.stream_window_bytes // 16_384 + 1)
    ),
    "bad base64 in a `-bin` field": BadServer(HEAD, data(GOOD), headers(*OK_TRAILERS, (b"k-bin", b"!!!"), end=True)),
    "upper-case field name": BadServer(headers(*RESPONSE, (b"Upper", b"x"))),
    "second head without END_STREAM": BadServer(HEAD, headers((b"x-t", b"1"))),
    "trailers, then RST_STREAM NO_ERROR": BadServer(
        HEAD, headers((b"grpc-status", b"5"), OWN, end=True), reset(ErrorCode.NO_ERROR)
    ),
    "bad HPACK": BadServer(exactly(build_frame(HEADERS, 5, 1, b"\xff" * 8))),
    "garbage in mid-response": BadServer(HEAD, exactly(b"\xff" * 100)),
    "connection closed in mid-response": BadServer(HEAD, data(b"\0\0"), then_close=True),
    "GOAWAY with an error, then closed": BadServer(
        exactly(build_goaway(1, ErrorCode.ENHANCE_YOUR_CALM, b"too_many_pings")), then_close=True
    ),
    "HTTP/1.1 answer": BadServer(greeting=b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"),
    "garbage instead of SETTINGS": BadServer(greeting=b"\xff" * 100),
}

CLIENT_SHOWS = {
    "1xx before the response": pytest.mark.wire("W089", "A20.16"),
    "1xx with END_STREAM": pytest.mark.wire("W089"),
    **{f"HTTP {code}": pytest.mark.wire("A7", "W087") for code in HTTP_CODES},
    "HTTP 200 with a text": pytest.mark.wire("A7", "W091"),
    "HTTP 503 with grpc-status 7": pytest.mark.wire("W088"),
    **{f"RST_STREAM {code.name}": pytest.mark.wire("A8") for code in ErrorCode},
    "no grpc-status in trailers": pytest.mark.wire("W087"),
    "no trailers": pytest.mark.wire("W087"),
    "grpc-status that is no number": pytest.mark.wire("W085", "A9"),
    "grpc-status 99": pytest.mark.wire("W085"),
    "OK without a message": pytest.mark.wire("W056", "A20.14", "A9"),
    "OK in Trailers-Only": pytest.mark.wire("W056", "A20.14"),
    "two messages": pytest.mark.wire("W056", "A20.15"),
    "truncated message": pytest.mark.wire("W055"),
    "compressed flag 2": pytest.mark.wire("W052"),
    "compressed flag without encoding": pytest.mark.wire("W063"),
    "compressed flag with `identity`": pytest.mark.wire("W063"),
    "unsupported grpc-encoding": pytest.mark.wire("W065"),
    "a compressed message that is none": pytest.mark.wire("W066"),
    "message over the limit": pytest.mark.wire("W057", "A9"),
    "message over the limit when it is decompressed": pytest.mark.wire("W057"),
    "length of 4 GiB": pytest.mark.wire("W058"),
    "metadata over the limit": pytest.mark.wire("W037", "W038", "A9"),
    "trailers over the limit": pytest.mark.wire("W037"),
    "Trailers-Only over the limit": pytest.mark.wire("W037"),
    "bad base64 in a `-bin` field": pytest.mark.wire("W034"),
    "`-bin` values joined by commas": pytest.mark.wire("W033", "A20.1"),
    "`application/grpc+proto`": pytest.mark.wire("W005"),
    "`application/grpcfoo`": pytest.mark.wire("W005", "W091"),
    "no content-type": pytest.mark.wire("W091"),
    "second head without END_STREAM": pytest.mark.wire("W090"),
    "trailers, then RST_STREAM NO_ERROR": pytest.mark.wire("W092"),
    "connection closed in mid-response": pytest.mark.wire("W103", "A9"),
    "DATA beyond the window": pytest.mark.wire("A9"),
}

CLIENT_PARAMETERS = [pytest.param(case, marks=CLIENT_SHOWS.get(case, ())) for case in CLIENT_CASES]

CLIENT_ROWS = {row[0]: (row[1], row[2]) for row in table("What the client makes of bad servers")}


def test_the_table_of_bad_servers_is_complete() -> None:
    assert set(CLIENT_ROWS) == set(CLIENT_CASES)


@pytest.mark.parametrize("case", CLIENT_PARAMETERS)
def test_what_the_client_makes_of_bad_servers(case: str) -> None:
    code, details = CLIENT_ROWS[case]

    async def main() -> None:
        options = (*LIMIT, ("grpc.initial_reconnect_backoff_ms", 10))
        async with facing(CLIENT_CASES[case].anew(), greet=False, options=options) as channel:
            call = method(channel)(b"", timeout=20)
            assert (await call.code()).name == code
            assert (await call.details()).startswith(details)
            if code == "OK":
                assert await call == b"x"
            else:
                with pytest.raises(aio.AioRpcError):
                    await call
            assert await method(channel)(b"", wait_for_ready=True, timeout=20) == b"good", "the channel goes on"
            protocol = channel.link.ready
            assert protocol is not None
            assert protocol.connection.receive_window.held == 0

    run(main())


@pytest.mark.parametrize("case", CLIENT_PARAMETERS)
def test_what_the_blocking_client_makes_of_bad_servers_is_the_same(case: str) -> None:
    code, details = CLIENT_ROWS[case]
    script = CLIENT_CASES[case].anew()

    def ask(port: int) -> None:
        options = (*LIMIT, ("grpc.initial_reconnect_backoff_ms", 10))
        with grpc_core.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            echo = channel.unary_unary("/test.Service/Echo")
            call = echo.future(b"", timeout=20)
            assert call.code().name == code
            assert call.details().startswith(details)
            if code == "OK":
                assert call.result() == b"x"
            else:
                with pytest.raises(grpc_core.RpcError):
                    call.result()
            assert echo(b"", wait_for_ready=True, timeout=20) == b"good", "the channel goes on"

    async def main() -> None:
        async with raw_server(script, greet=False) as port:
            await asyncio.to_thread(ask, port)

    asyncio.run(main())


# -- the rest of the page ----------------------------------------------------------------------------------------------


def test_the_blocks_of_the_page_run_and_print_what_it_says() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile("\n".join(blocks), "docs/grpc.md", "exec"), {"__name__": "page"})
    assert output.getvalue() == printed


def test_the_statuses_of_the_page_are_in_the_source() -> None:
    """Each row's code and text, as the source has them: none is invented, none has changed."""
    folder = Path(grpc_core.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))
    for code, details, _ in table("Statuses that the library makes"):
        assert f"StatusCode.{code}" in source
        assert f'"{details}' in source, details


def test_the_options_of_the_page_are_those_that_are_understood() -> None:
    rows = {row[0].strip("`"): row[1] for row in table("Options")}
    assert set(rows) == {key for key, *_ in UNDERSTOOD}
    for key, default in rows.items():
        if default.lstrip("-").isdigit():
            assert parse_options([(key, int(default))]) == Options(), f"{default} is the default of {key}"


def test_every_status_code_of_the_tables_exists() -> None:
    for code, _ in CLIENT_ROWS.values():
        assert code in StatusCode.__members__
