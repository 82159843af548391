"""The client: what it sends, and an error that says what happened and to whom, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator

import pytest

from hpack_codec import Encoder
from http2 import Config, ErrorCode, UsageError
from http2.aio import (
    Client,
    ClientError,
    ConnectError,
    ConnectionLost,
    NotHTTP2Error,
    Request,
    RequestTimeout,
    StreamResetError,
    Timeouts,
    TLSError,
    TruncatedBody,
    client_ssl_context,
    connect,
    serve,
    server_ssl_context,
)
from http2.frames import (
    DATA,
    END_HEADERS,
    HEADERS,
    RST_STREAM,
    build_frame,
    build_goaway,
    build_ping,
    build_rst_stream,
    parse_rst_stream,
)
from http2.settings import MAX_CONCURRENT_STREAMS
from tests.support.aio import foreign_server, greets, hello, joined, next_frame, run, still_serves
from tests.support.tls import TlsFiles

OK_HEAD = build_frame(HEADERS, END_HEADERS, 1, Encoder().encode(((b":status", b"200"),)))


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "length"), [(None, "absent"), (b"", "0"), (b"four", "4")], ids=["none", "empty", "bytes"]
)
def test_a_body_of_bytes_has_a_content_length(body: bytes | None, length: str) -> None:
    async def handler(request: Request) -> None:
        content = await request.read(100)
        await request.respond(200, (), request.header("content-length", "absent").encode() + b":" + content)

    async def main() -> None:
        async with joined(handler) as (_, client):
            response = await client.request("POST", "/", body=body)
            assert await response.read() == length.encode() + b":" + (body or b"")

    run(main())


def test_a_url_or_a_host_and_port_say_where(tls_files: TlsFiles) -> None:
    async def authority(request: Request) -> None:
        await request.respond(200, (), f"{request.scheme} {request.authority}".encode())

    async def main() -> None:
        context = client_ssl_context(tls_files.cert)
        async with (
            await serve(authority) as plain,
            await serve(authority, ssl=server_ssl_context(tls_files.cert, tls_files.key)) as secure,
        ):
            here = f"127.0.0.1:{plain.port}"
            async with await connect(f"http://{here}") as client:
                assert await (await client.request("GET", "/")).read() == f"http {here}".encode()
            async with await connect(f"https://localhost:{secure.port}", ssl=context) as client:
                assert await (await client.request("GET", "/")).read() == f"https localhost:{secure.port}".encode()
            async with await connect("localhost", secure.port, ssl=context) as client:
                assert client.scheme == "https"

    run(main())


@pytest.mark.parametrize("url", ["ftp://localhost", "http://", "https://:443"])
def test_an_address_that_is_none_is_the_callers_mistake(url: str) -> None:
    with pytest.raises(ValueError, match=r"scheme|names no host"):
        run(connect(url))  # type: ignore[arg-type]  # it does not come back


def test_requests_over_the_servers_limit_wait_for_their_turn() -> None:
    async def main() -> None:
        async with joined(hello, server_config=Config(concurrent_streams_max=3)) as (_, client):
            responses = await asyncio.gather(*[client.request("GET", "/") for _ in range(50)])
            assert [await response.read() for response in responses] == [b"hello"] * 50
            assert repr(responses[0]) == "<Response 200 on stream 1>"

    run(main())


def test_a_malformed_request_is_the_callers_mistake() -> None:
    async def main() -> None:
        async with joined(hello) as (_, client):
            with pytest.raises(UsageError, match="connection-specific"):
                await client.request("GET", "/", [("Connection", "close")])
            await still_serves(client)

    run(main())


def test_a_body_that_fails_resets_its_stream_and_raises_its_own_error() -> None:
    async def main() -> None:
        cancelled = asyncio.Event()

        async def handler(request: Request) -> None:
            if request.path == "/":
                return await hello(request)
            if request.path == "/answered":
                request.send_headers(200)
            try:
                await request.read(1 << 20)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        may_fail = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b"some"
            await may_fail.wait()
            raise ClientError("the source of the body is gone")

        async with joined(handler) as (_, client):
            response = await client.request("POST", "/answered", body=body())
            may_fail.set()
            with pytest.raises(ClientError, match="the source of the body is gone"):
                await response.read()
            await cancelled.wait()
            with pytest.raises(ClientError, match="the source of the body is gone"):
                await client.request("POST", "/silent", body=body())
            await still_serves(client)

    run(main())


def test_a_body_that_is_not_as_long_as_declared_is_the_callers_mistake() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"four"

    async def handler(request: Request) -> None:
        await request.read(100)
        await request.respond(200)

    async def main() -> None:
        async with joined(handler) as (_, client):
            with pytest.raises(UsageError, match="content-length"):
                await client.request("POST", "/", [("content-length", "3")], body())

    run(main())


def test_ping_measures_the_round_trip() -> None:
    async def main() -> None:
        async with joined(hello) as (_, client):
            times_s = await asyncio.gather(client.ping(), client.ping())
            assert all(0 < time_s < 60 for time_s in times_s)

    run(main())


def test_closing_the_client_ends_what_is_open() -> None:
    async def main() -> None:
        async def handler(request: Request) -> None:
            request.send_headers(200)
            await asyncio.Event().wait()

        async with await serve(handler) as server:
            client = await connect("127.0.0.1", server.port)
            response = await client.request("GET", "/")
            await client.close()
            await client.close()  # again does nothing
            with pytest.raises(TruncatedBody, match="closed by the client"):
                await response.read()
            with pytest.raises(ConnectionLost, match="closed by the client"):
                await client.request("GET", "/")
            with pytest.raises(ConnectionLost, match="closed by the client"):
                await client.ping()
            assert not client.is_open

    run(main())


# -- no connection -----------------------------------------------------------------------------------------------------


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def test_nobody_listens() -> None:
    port = unused_port()
    message = rf"^cannot connect to 127.0.0.1:{port}: Connection refused \(127.0.0.1\)$"
    with pytest.raises(ConnectError, match=message):
        run(connect("127.0.0.1", port))  # type: ignore[arg-type]  # it does not come back


def test_a_name_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is played: a test asks no name server."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectError, match=r"^cannot connect to nowhere.invalid:80: Name or service not known$"):
        run(connect("http://nowhere.invalid"))  # type: ignore[arg-type]  # it does not come back
    monkeypatch.undo()
    with pytest.raises(ConnectError, match=r"^cannot connect to a..b:80: 'a..b' is no host name$"):
        run(connect("http://a..b"))  # type: ignore[arg-type]  # it does not come back


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is played: nobody listens on the first address of the name."""

    async def main() -> None:
        async with await serve(hello) as server:

            def two(*_: object, **__: object) -> list[object]:
                kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
                return [(*kind, (host, server.port)) for host in ("127.0.0.2", "127.0.0.1")]

            monkeypatch.setattr(socket, "getaddrinfo", two)
            async with await connect("twice.invalid", server.port) as client:
                await still_serves(client)

    run(main())


HTTP_1_SERVERS = {
    "a status line": b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
    "only a page": b"<!DOCTYPE HTML>\n<html><body>Bad request version</body></html>",
}


@pytest.mark.parametrize("kind", HTTP_1_SERVERS)
def test_an_http_1_server_is_recognised(kind: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(24)
        writer.write(HTTP_1_SERVERS[kind])

    async def main() -> None:
        async with foreign_server(script) as port:
            pattern = f"^127.0.0.1:{port} does not speak HTTP/2, it answered b'(HTTP/1.1 400|<!DOCTYPE)"
            with pytest.raises(NotHTTP2Error, match=pattern):
                await connect("127.0.0.1", port)

    run(main())


def test_a_server_whose_first_frame_is_not_settings_is_told_so() -> None:
    said: asyncio.Future[bytes]

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(build_ping(bytes(8)))
        said.set_result(await reader.read())

    async def main() -> None:
        nonlocal said
        said = asyncio.get_running_loop().create_future()
        async with foreign_server(script) as port:
            with pytest.raises(NotHTTP2Error):
                await connect("127.0.0.1", port)
            assert build_goaway(0, ErrorCode.PROTOCOL_ERROR)[9:17] in await said, "RFC 9113 §3.4: a connection error"

    run(main())


def test_a_server_that_says_nothing_and_leaves() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(24)

    async def main() -> None:
        async with foreign_server(script) as port:
            with pytest.raises(NotHTTP2Error, match="did not answer in HTTP/2"):
                await connect("127.0.0.1", port)

    run(main())


@pytest.mark.parametrize("timeouts", [Timeouts(handshake_s=0.05), Timeouts()])
def test_a_server_that_says_nothing_and_stays(timeouts: Timeouts) -> None:
    timeout_s = 30.0 if timeouts.handshake_s == 0.05 else 0.05

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def main() -> None:
        async with foreign_server(script) as port:
            with pytest.raises(ClientError, match=r"within 0\.05 s"):
                await connect("127.0.0.1", port, timeouts=timeouts, timeout_s=timeout_s)

    run(main())


# -- TLS ---------------------------------------------------------------------------------------------------------------


def test_all_of_it_over_tls(tls_files: TlsFiles) -> None:
    async def echo(request: Request) -> None:
        request.send_headers(200)
        async for chunk in request:
            await request.send_data(chunk)

    async def main() -> None:
        server_ssl, client_ssl = server_ssl_context(tls_files.cert, tls_files.key), client_ssl_context(tls_files.cert)
        async with joined(echo, server_ssl=server_ssl, client_ssl=client_ssl) as (_, client):
            body = bytes(range(256)) * 4_096
            response = await client.request("POST", "/", body=body)
            assert await response.read() == body
            assert client._protocol.transport is not None
            tls = client._protocol.transport.get_extra_info("ssl_object")
            assert tls.selected_alpn_protocol() == "h2"
            assert tls.compression() is None

    run(main())


def test_a_certificate_that_is_not_trusted(tls_files: TlsFiles) -> None:
    async def main() -> None:
        async with await serve(hello, ssl=server_ssl_context(tls_files.cert, tls_files.key)) as server:
            with pytest.raises(TLSError, match=r"certificate of localhost:.* is not accepted: self-signed"):
                await connect(f"https://localhost:{server.port}")
            async with await connect("localhost", server.port, ssl=client_ssl_context(verify=False)) as client:
                await still_serves(client)

    run(main())


def test_tls_to_a_plaintext_server() -> None:
    async def main() -> None:
        async with await serve(hello) as server:
            with pytest.raises(TLSError, match=f"TLS handshake with 127.0.0.1:{server.port} failed.*is it a TLS port"):
                await connect(f"https://127.0.0.1:{server.port}")

    run(main())


def test_a_server_that_leaves_in_the_tls_handshake() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.transport.abort()

    async def main() -> None:
        async with foreign_server(script) as port:
            with pytest.raises(TLSError, match=f"TLS handshake with 127.0.0.1:{port} failed"):
                await connect(f"https://127.0.0.1:{port}")

    run(main())


def test_plaintext_to_a_tls_server(tls_files: TlsFiles) -> None:
    async def main() -> None:
        async with await serve(hello, ssl=server_ssl_context(tls_files.cert, tls_files.key)) as server:
            with pytest.raises(NotHTTP2Error, match=f"127.0.0.1:{server.port} .*HTTP/2"):
                await connect("127.0.0.1", server.port)

    run(main())


def test_a_tls_server_without_h2(tls_files: TlsFiles) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls_files.cert, tls_files.key)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def main() -> None:
        async with foreign_server(script, context) as port:
            with pytest.raises(TLSError, match='does not offer HTTP/2: ALPN agreed on None; "h2" is required'):
                await connect("127.0.0.1", port, ssl=client_ssl_context(tls_files.cert))

    run(main())


# -- servers that break off --------------------------------------------------------------------------------------------


def test_goaway_brings_its_debug_text() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets(reader, writer, {})
        await next_frame(reader)
        writer.write(build_goaway(0, ErrorCode.ENHANCE_YOUR_CALM, b"too_many_pings\x1b"))
        await reader.read()

    async def main() -> None:
        async with foreign_server(script) as port, await connect("127.0.0.1", port) as client:
            with pytest.raises(StreamResetError, match="GOAWAY ENHANCE_YOUR_CALM: too_many_pings") as caught:
                await client.request("GET", "/")
            assert caught.value.unprocessed, "safe to send again"
            with pytest.raises(ConnectionLost, match="GOAWAY ENHANCE_YOUR_CALM: too_many_pings") as lost:
                await client.request("GET", "/")
            assert lost.value.error_code == ErrorCode.ENHANCE_YOUR_CALM
            assert lost.value.unprocessed

    run(main())


@pytest.mark.parametrize(
    ("code", "name", "unprocessed"),
    [(ErrorCode.REFUSED_STREAM, "REFUSED_STREAM", True), (ErrorCode.HTTP_1_1_REQUIRED, "HTTP_1_1_REQUIRED", False)],
)
def test_a_stream_that_is_reset_names_its_code(code: ErrorCode, name: str, unprocessed: bool) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets(reader, writer, {})
        await next_frame(reader)
        writer.write(build_rst_stream(1, code))
        await reader.read()

    async def main() -> None:
        async with foreign_server(script) as port, await connect("127.0.0.1", port) as client:
            with pytest.raises(StreamResetError, match=f"^127.0.0.1:{port} reset stream 1 with {name}$") as caught:
                await client.request("GET", "/")
            assert (caught.value.error_code, caught.value.unprocessed) == (code, unprocessed)

    run(main())


def test_a_server_that_breaks_the_protocol_on_a_stream() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets(reader, writer, {})
        await next_frame(reader)
        writer.write(build_frame(DATA, 0, 1, b"content without a head"))
        _, _, payload = await next_frame(reader, RST_STREAM)
        assert parse_rst_stream(payload) == ErrorCode.PROTOCOL_ERROR
        await reader.read()

    async def main() -> None:
        async with foreign_server(script) as port, await connect("127.0.0.1", port) as client:
            with pytest.raises(StreamResetError, match=r"broke the protocol on stream 1 \(PROTOCOL_ERROR\): .*head"):
                await client.request("GET", "/")
            await client.close()

    run(main())


def test_a_connection_that_closes_in_the_middle_of_the_content() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets(reader, writer, {})
        await next_frame(reader)
        writer.write(OK_HEAD + build_frame(DATA, 0, 1, b"half"))

    async def main() -> None:
        async with foreign_server(script) as port, await connect("127.0.0.1", port) as client:
            response = await client.request("GET", "/")
            assert await anext(response) == b"half", "what has come can be read"
            with pytest.raises(TruncatedBody, match=f"ended after 4 octets: the connection to 127.0.0.1:{port} ended"):
                await response.read()

    run(main())


def test_a_connection_that_closes_before_the_response() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets(reader, writer, {})
        await next_frame(reader)
        writer.transport.abort()

    async def main() -> None:
        async with foreign_server(script) as port, await connect("127.0.0.1", port) as client:
            ping = asyncio.create_task(client.ping())
            with pytest.raises(ConnectionLost, match=f"the connection to 127.0.0.1:{port} ended") as caught:
                await client.request("GET", "/")
            assert not isinstance(caught.value, TruncatedBody)
            with pytest.raises(ConnectionLost):
                await ping

    run(main())


# -- time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_head", [False, True])
def test_an_exchange_that_takes_too_long_is_reset(has_head: bool) -> None:
    async def exchange(client: Client) -> None:
        response = await client.request("GET", "/", timeout_s=0.05)
        await response.read()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets(reader, writer, {})
        await next_frame(reader)
        if has_head:
            writer.write(OK_HEAD + build_frame(DATA, 0, 1, b"half"))
        _, _, payload = await next_frame(reader, RST_STREAM)
        reset_with.set_result(parse_rst_stream(payload))
        await reader.read()

    reset_with: asyncio.Future[int]

    async def main() -> None:
        nonlocal reset_with
        reset_with = asyncio.get_running_loop().create_future()
        async with foreign_server(script) as port, await connect("127.0.0.1", port) as client:
            text = "only 4 octets of the content within" if has_head else "no response within"
            with pytest.raises(RequestTimeout, match=text) as caught:
                await exchange(client)
            assert isinstance(caught.value, TimeoutError)
            assert await reset_with == ErrorCode.CANCEL

    run(main())


def test_a_request_that_waited_for_its_turn_can_time_out_too() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets(reader, writer, {MAX_CONCURRENT_STREAMS: 0})
        await reader.read()

    async def main() -> None:
        async with foreign_server(script) as port, await connect("127.0.0.1", port) as client:
            with pytest.raises(RequestTimeout, match="no response within"):
                await client.request("GET", "/", timeout_s=0.01)

    run(main())


def test_an_exchange_in_time_leaves_no_timer() -> None:
    async def main() -> None:
        may_end = asyncio.Event()

        async def handler(request: Request) -> None:
            request.send_headers(200)
            await may_end.wait()

        async with joined(handler) as (_, client):
            response = await client.request("GET", "/", timeout_s=30)
            timer = response._timer
            assert timer is not None
            may_end.set()
            assert await response.read() == b""
            assert timer.cancelled()

    run(main())


def test_a_cancelled_request_is_reset() -> None:
    async def main() -> None:
        requested, reset_with = asyncio.Event(), asyncio.get_running_loop().create_future()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await greets(reader, writer, {})
            await next_frame(reader)
            requested.set()
            _, _, payload = await next_frame(reader, RST_STREAM)
            reset_with.set_result(parse_rst_stream(payload))
            await reader.read()

        async with foreign_server(script) as port, await connect("127.0.0.1", port) as client:
            waiting = asyncio.create_task(client.request("GET", "/"))
            await requested.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert await reset_with == ErrorCode.CANCEL

    run(main())
