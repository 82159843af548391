"""What a failed call explains: the facts, in their order, and nothing where nothing is known."""

from __future__ import annotations

import errno
import pickle
import socket
import ssl
from collections.abc import Iterator

import pytest

import grpc_core
from grpc_core import aio
from grpc_core.explanation import Attempt, Explanation, failed_attempt
from grpc_core.status import StatusCode
from http2.errors import ErrorCode
from http2.frames import build_goaway, build_rst_stream
from tests.grpc_core.support import RESPONSE, Raw, facing, method, run
from tests.grpc_core.sync_support import joined
from tests.support.tls import TlsFiles, tls_files

__all__ = ["tls_files"]


def test_every_fact_has_its_line() -> None:
    explanation = Explanation(
        StatusCode.UNAVAILABLE,
        "the connection was lost",
        target="dns:backend:50051",
        tried=(Attempt("127.0.0.1:50051", "ConnectionRefusedError: refused", errno.ECONNREFUSED),),
        peer="ipv4:127.0.0.1:50052",
        security="TLSv1.3, ALPN 'h2'",
        goaway="ENHANCE_YOUR_CALM, last stream 5, 'too_many_pings'",
        decided_by="the end of the connection",
        attempts=2,
    )
    assert str(explanation).splitlines() == [
        "UNAVAILABLE: the connection was lost",
        "  target       dns:backend:50051",
        "  tried        127.0.0.1:50051: ConnectionRefusedError: refused [ECONNREFUSED]",
        "  peer         ipv4:127.0.0.1:50052",
        "  security     TLSv1.3, ALPN 'h2'",
        "  GOAWAY       ENHANCE_YOUR_CALM, last stream 5, 'too_many_pings'",
        "  decided by   the end of the connection",
        "  attempts     2",
        "  again?       with care: this status often passes, but the server may have acted on the request",
    ]
    assert "%s" % explanation == str(explanation), "as programs log it"  # noqa: UP031
    assert pickle.loads(pickle.dumps(explanation)) == explanation


def test_what_is_not_known_has_no_line() -> None:
    assert str(Explanation(StatusCode.NOT_FOUND, "gone")).splitlines() == [
        "NOT_FOUND: gone",
        "  again?       only if doing it twice does no harm: the server may have acted on the request",
    ]


def test_a_request_that_nobody_has_seen_may_be_sent_again() -> None:
    assert Explanation(StatusCode.INTERNAL, "", is_unprocessed=True).again.startswith("yes: ")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
            f"a:1: ConnectionRefusedError: [Errno {errno.ECONNREFUSED}] refused [ECONNREFUSED]",
        ),
        (TimeoutError(), "a:1: TimeoutError"),
        (ssl.SSLError(1, "handshake failure"), "a:1: SSLError: handshake failure"),
        (socket.gaierror(socket.EAI_NONAME, "not known"), f"a:1: gaierror: [Errno {socket.EAI_NONAME}] not known"),
        (OSError("Multiple exceptions"), "a:1: OSError: Multiple exceptions"),
        (ValueError("no name"), "a:1: ValueError: no name"),
    ],
)
def test_an_address_that_failed(error: Exception, shown: str) -> None:
    assert str(failed_attempt("a:1", error)) == shown


# -- calls that fail ---------------------------------------------------------------------------------------------------


def test_nobody_listens_on_either_face() -> None:
    target = "ipv4:127.0.0.1:1,127.0.0.1:2"

    async def main() -> None:
        async with aio.insecure_channel(target) as channel:
            with pytest.raises(aio.AioRpcError) as caught:
                await method(channel)(b"")
        explanations.append(pickle.loads(pickle.dumps(caught.value)).explain())

    explanations: list[Explanation] = []
    run(main())
    with grpc_core.insecure_channel(target) as channel, pytest.raises(grpc_core.RpcError) as caught:
        channel.unary_unary("/test.Service/Echo")(b"")
    explanations.append(caught.value.explain())
    for explanation in explanations:
        assert explanation.code is StatusCode.UNAVAILABLE
        assert explanation.target == target
        tried = [(attempt.address, attempt.errno) for attempt in explanation.tried]
        assert tried == [("127.0.0.1:1", errno.ECONNREFUSED), ("127.0.0.1:2", errno.ECONNREFUSED)]
        assert explanation.decided_by == "this side: there was no connection to send it on"
        assert explanation.attempts == 0
        assert explanation.is_unprocessed


@pytest.mark.parametrize(
    ("end", "decided_by"),
    [
        ("trailers", "trailers: HEADERS with END_STREAM"),
        ("trailers only", "HEADERS with END_STREAM (Trailers-Only)"),
        ("no trailers", "DATA with END_STREAM"),
        ("no gRPC", "HEADERS with :status 404, which are no gRPC response"),
        ("reset", "RST_STREAM (ENHANCE_YOUR_CALM)"),
        ("GOAWAY", "the end of the connection"),
        ("nothing", "this side: the deadline passed"),
    ],
)
def test_the_frame_that_decided(end: str, decided_by: str) -> None:
    status = ((b"grpc-status", b"5"),)

    async def script(raw: Raw) -> None:
        stream_id = (await raw.next_request()).stream_id
        if end == "trailers":
            raw.sends(raw.headers(stream_id, RESPONSE), raw.headers(stream_id, status, end_stream=True))
        elif end == "trailers only":
            raw.sends(raw.headers(stream_id, RESPONSE + status, end_stream=True))
        elif end == "no trailers":
            raw.sends(raw.headers(stream_id, RESPONSE), raw.data(stream_id, b"", end_stream=True))
        elif end == "no gRPC":
            raw.sends(raw.headers(stream_id, ((b":status", b"404"),)))
        elif end == "reset":
            raw.sends(build_rst_stream(stream_id, ErrorCode.ENHANCE_YOUR_CALM))
        elif end == "GOAWAY":
            raw.sends(build_goaway(stream_id, ErrorCode.PROTOCOL_ERROR, b"you did it"))
            return  # and the connection is closed
        await raw.rest()

    async def main() -> None:
        async with facing(script) as channel:
            await channel.channel_ready()
            with pytest.raises(aio.AioRpcError) as caught:
                await method(channel)(b"", timeout=0.2 if end == "nothing" else None)
        explanation = caught.value.explain()
        assert explanation.decided_by == decided_by
        assert explanation.goaway == ("PROTOCOL_ERROR, last stream 1, 'you did it'" if end == "GOAWAY" else "")
        assert explanation.peer.startswith("ipv4:127.0.0.1:")
        assert (explanation.security, explanation.attempts, explanation.tried) == ("plaintext", 1, ())
        assert not explanation.is_unprocessed

    run(main())


def test_a_request_that_the_server_has_twice_refused_may_be_sent_again() -> None:
    async def script(raw: Raw) -> None:
        while True:
            raw.sends(build_rst_stream((await raw.next_request()).stream_id, ErrorCode.REFUSED_STREAM))

    async def main() -> None:
        async with facing(script) as channel:
            with pytest.raises(aio.AioRpcError) as caught:
                await method(channel)(b"")
        explanation = caught.value.explain()
        assert explanation.decided_by == "RST_STREAM (REFUSED_STREAM)"
        assert (explanation.attempts, explanation.is_unprocessed) == (2, True)

    run(main())


def test_how_the_connection_is_secured(tls_files: TlsFiles) -> None:
    key, certificate = tls_files.key.read_bytes(), tls_files.cert.read_bytes()

    async def main() -> None:
        server = aio.server()
        port = server.add_secure_port("localhost:0", grpc_core.ssl_server_credentials([(key, certificate)]))
        await server.start()
        for roots, trusted in ((certificate, True), (None, False)):
            credentials = grpc_core.ssl_channel_credentials(roots)
            async with aio.secure_channel(f"localhost:{port}", credentials) as channel:
                with pytest.raises(aio.AioRpcError) as caught:
                    await method(channel)(b"")
            explanation = caught.value.explain()
            if trusted:
                assert explanation.code is StatusCode.UNIMPLEMENTED
                assert explanation.security == "TLSv1.3, ALPN 'h2'"
            else:
                assert explanation.code is StatusCode.UNAVAILABLE
                assert "certificate verify failed" in explanation.tried[-1].problem
        await server.stop(None)

    run(main())


def test_an_error_of_a_blocking_call_and_one_of_nobody() -> None:
    def absent(request: bytes, context: grpc_core.ServicerContext) -> bytes:
        context.abort(StatusCode.NOT_FOUND, "gone")

    def count(request: bytes, context: grpc_core.ServicerContext) -> Iterator[bytes]:
        yield b"1"
        context.abort(StatusCode.DATA_LOSS, "torn")

    with joined("plait-plait", lambda grpc: {"uu_absent": absent, "us_count": count}) as peers:
        with pytest.raises(grpc_core.RpcError) as caught:
            peers.method("uu_absent")(b"")
        assert str(caught.value.explain()).startswith("NOT_FOUND: gone\n")
        with pytest.raises(grpc_core.RpcError) as caught:
            list(peers.method("us_count", "unary_stream")(b""))
        assert caught.value.explain().decided_by == "trailers: HEADERS with END_STREAM"
    assert grpc_core.RpcError("made by a test").explain().details == "made by a test"
