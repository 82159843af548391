"""TLS and call credentials, ours against ours and against grpcio in both roles, with the same program."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import grpc_core
from grpc_core import aio, credentials
from grpc_core.aio.security import Security
from grpc_core.status import StatusCode
from http2.aio import server_ssl_context
from tests.support.modules import pair
from tests.support.tls import TlsFiles, tls_files

__all__ = ["pair", "tls_files"]

PATIENCE_S = 30.0


def _handler(grpc: Any) -> Any:
    async def who(request: bytes, context: Any) -> bytes:
        identities = sorted(context.peer_identities() or ())
        sent = sorted(pair for pair in context.invocation_metadata() if pair[0] in ("authorization", "x-plugin"))
        return repr((context.peer_identity_key(), identities, [tuple(pair) for pair in sent])).encode()

    return grpc.method_handlers_generic_handler("test.Who", {"AmI": grpc.unary_unary_rpc_method_handler(who)})


@asynccontextmanager
async def served(grpc: Any, server_credentials: Any) -> AsyncIterator[int]:
    """The port of a server of that module."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_handler(grpc),))
    port = server.add_secure_port("localhost:0", server_credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def pem(files: TlsFiles) -> tuple[bytes, bytes]:
    """(private key, certificate)."""
    return files.key.read_bytes(), files.cert.read_bytes()


async def ask(grpc: Any, port: int, channel_credentials: Any, *, target: str = "localhost", **call: Any) -> Any:
    """The answer of the server, evaluated: (identity key, identities, metadata)."""
    options = call.pop("options", None)
    async with asyncio.timeout(PATIENCE_S):
        async with grpc.aio.secure_channel(f"{target}:{port}", channel_credentials, options) as channel:
            answer = await channel.unary_unary("/test.Who/AmI")(b"", timeout=PATIENCE_S, **call)
    return eval(answer)  # made by `repr` in this file


def test_tls_from_pem(pair: tuple[Any, Any], tls_files: TlsFiles) -> None:
    server, client = pair
    key, certificate = pem(tls_files)

    async def main() -> None:
        async with served(server, server.ssl_server_credentials([(key, certificate)])) as port:
            assert await ask(client, port, client.ssl_channel_credentials(certificate)) == (None, [], [])

    asyncio.run(main())


def test_a_handshake_that_fails_leaves_nothing_behind(tls_files: TlsFiles) -> None:
    """Or plaintext on a TLS port, said often enough, would fill the memory; and `stop` would wait for the dead."""

    async def main() -> None:
        server = aio.server()
        port = server.add_secure_port("localhost:0", grpc_core.ssl_server_credentials([pem(tls_files)]))
        await server.start()
        reader, writer = await asyncio.open_connection("localhost", port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            while await reader.read(1000):
                pass
            writer.close()
            assert not server._protocols
            await server.stop(10 * PATIENCE_S)

    asyncio.run(main())


@pytest.mark.wire("W202")
def test_w202_the_name_that_is_verified_can_be_another(pair: tuple[Any, Any], tls_files: TlsFiles) -> None:
    server, client = pair
    key, certificate = pem(tls_files)

    async def main() -> None:
        async with served(server, server.ssl_server_credentials([(key, certificate)])) as port:
            trusting = client.ssl_channel_credentials(certificate)
            options = (("grpc.ssl_target_name_override", "elsewhere.example"),)
            with pytest.raises(client.aio.AioRpcError) as caught:
                await ask(client, port, trusting, options=options)
            assert caught.value.code().name == "UNAVAILABLE"
            options = (("grpc.ssl_target_name_override", "localhost"),)
            assert await ask(client, port, trusting, target="ipv4:127.0.0.1", options=options) == (None, [], [])

    asyncio.run(main())


@pytest.mark.wire("W203", "W204")
def test_w203_w204_mutual_tls(pair: tuple[Any, Any], tls_files: TlsFiles) -> None:
    server, client = pair
    key, certificate = pem(tls_files)

    async def main() -> None:
        wanting = server.ssl_server_credentials([(key, certificate)], certificate, True)
        async with served(server, wanting) as port:
            identified = client.ssl_channel_credentials(certificate, key, certificate)
            identity_key, identities, _ = await ask(client, port, identified)
            assert identity_key == "x509_subject_alternative_name"
            assert identities == [b"127.0.0.1", b"localhost"]
            with pytest.raises(client.aio.AioRpcError) as caught:
                await ask(client, port, client.ssl_channel_credentials(certificate))
            assert caught.value.code().name == "UNAVAILABLE"

    asyncio.run(main())


@pytest.mark.wire("W201")
def test_w201_call_credentials_of_channel_and_call(pair: tuple[Any, Any], tls_files: TlsFiles) -> None:
    server, client = pair
    key, certificate = pem(tls_files)
    asked: list[tuple[str, str]] = []

    def plugin(context: Any, callback: Any) -> None:
        asked.append((context.service_url, context.method_name))
        threading.Thread(target=callback, args=((("x-plugin", "from a thread"),), None)).start()

    async def main() -> None:
        async with served(server, server.ssl_server_credentials([(key, certificate)])) as port:
            token = client.access_token_call_credentials("t0ken")
            composite = client.composite_channel_credentials(client.ssl_channel_credentials(certificate), token)
            _, _, sent = await ask(client, port, composite)
            assert sent == [("authorization", "Bearer t0ken")]
            _, _, sent = await ask(client, port, composite, credentials=client.metadata_call_credentials(plugin))
            assert sent == [("authorization", "Bearer t0ken"), ("x-plugin", "from a thread")]
            assert asked == [(f"https://localhost:{port}/test.Who", "AmI")]

    asyncio.run(main())


@pytest.mark.wire("A9")
def test_a_plugin_that_fails_makes_the_call_unavailable(pair: tuple[Any, Any], tls_files: TlsFiles) -> None:
    server, client = pair
    key, certificate = pem(tls_files)

    def refusing(context: Any, callback: Any) -> None:
        callback((), RuntimeError("no token today"))

    def raising(context: Any, callback: Any) -> None:
        raise RuntimeError("no token at all")

    async def main() -> None:
        async with served(server, server.ssl_server_credentials([(key, certificate)])) as port:
            trusting = client.ssl_channel_credentials(certificate)
            for plugin, text in ((refusing, "no token today"), (raising, "no token at all")):
                with pytest.raises(client.aio.AioRpcError) as caught:
                    await ask(client, port, trusting, credentials=client.metadata_call_credentials(plugin))
                assert caught.value.code().name == "UNAVAILABLE"
                assert text in caught.value.details()

    asyncio.run(main())


class Handed(grpc_core.RpcError):
    """What a plugin that made a call of its own raises, or hands on."""

    def __init__(self, code: object, details: str | None) -> None:
        super().__init__(details)
        self._code = code
        self._details = details

    def code(self) -> object:
        return self._code

    def details(self) -> str | None:
        return self._details


FAILED = 'Getting metadata from plugin failed with error: "why"'
REWRITTEN = "Illegal status code from call credentials; original status: "
PLUGIN_ERRORS: list[tuple[Exception, StatusCode, str]] = [
    (Handed(StatusCode.UNAUTHENTICATED, "why"), StatusCode.UNAUTHENTICATED, FAILED),
    (Handed(StatusCode.DEADLINE_EXCEEDED, "why"), StatusCode.DEADLINE_EXCEEDED, FAILED),
    (Handed(7, "why"), StatusCode.PERMISSION_DENIED, FAILED),
    (Handed(StatusCode.NOT_FOUND, "why"), StatusCode.INTERNAL, f"{REWRITTEN}NOT_FOUND: {FAILED}"),
    (Handed(StatusCode.OK, "why"), StatusCode.INTERNAL, f"{REWRITTEN}OK: {FAILED}"),
    (Handed("nonsense", "why"), StatusCode.UNAVAILABLE, FAILED),
    (Handed(99, "why"), StatusCode.UNAVAILABLE, FAILED),
    (grpc_core.RpcError("why"), StatusCode.UNAVAILABLE, FAILED),
    (RuntimeError("why"), StatusCode.UNAVAILABLE, FAILED),
    (Handed(StatusCode.UNAUTHENTICATED, None), StatusCode.UNAUTHENTICATED, FAILED.replace("why", "None")),
    (StopIteration(), StatusCode.UNAVAILABLE, FAILED.replace("why", "coroutine raised StopIteration")),
]


@pytest.mark.wire("W111", "A9")
@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize(("error", "code", "details"), PLUGIN_ERRORS)
def test_a_plugin_that_failed_with_a_status_ends_the_call_with_it(
    error: Exception, code: StatusCode, details: str, raises: bool, tls_files: TlsFiles
) -> None:
    """But not with a status that would be taken for the server's."""
    key, certificate = pem(tls_files)

    def plugin(context: Any, callback: Any) -> None:
        if raises:
            raise error
        callback((), error)

    async def main() -> None:
        async with served(grpc_core, grpc_core.ssl_server_credentials([(key, certificate)])) as port:
            trusting = grpc_core.ssl_channel_credentials(certificate)
            with pytest.raises(aio.AioRpcError) as caught:
                await ask(grpc_core, port, trusting, credentials=grpc_core.metadata_call_credentials(plugin))
            assert (caught.value.code(), caught.value.details()) == (code, details)

    asyncio.run(main())


def test_certificates_can_change_from_handshake_to_handshake(tls_files: TlsFiles) -> None:
    key, certificate = pem(tls_files)
    fetched: list[object] = []

    def fetch() -> Any:
        fetched.append(None)
        return None if len(fetched) == 1 else grpc_core.ssl_server_certificate_configuration([(key, certificate)])

    async def main() -> None:
        first = grpc_core.ssl_server_certificate_configuration([(key, certificate)])
        async with served(grpc_core, grpc_core.dynamic_ssl_server_credentials(first, fetch)) as port:
            for handshakes in (1, 2, 3):
                assert await ask(grpc_core, port, grpc_core.ssl_channel_credentials(certificate)) == (None, [], [])
                assert len(fetched) == handshakes

    asyncio.run(main())


def test_ready_contexts_of_the_ssl_module(tls_files: TlsFiles) -> None:
    async def main() -> None:
        context = server_ssl_context(tls_files.cert, tls_files.key)
        async with served(grpc_core, grpc_core.ssl_server_credentials(context)) as port:
            client = ssl.create_default_context(cafile=str(tls_files.cert))
            assert await ask(grpc_core, port, grpc_core.ssl_channel_credentials(client)) == (None, [], [])

    asyncio.run(main())


@pytest.mark.wire("W204")
def test_w204_the_auth_context(tls_files: TlsFiles) -> None:
    key, certificate = pem(tls_files)
    seen: list[dict[str, Any]] = []

    async def look(request: bytes, context: aio.ServicerContext) -> bytes:
        seen.append(dict(context.auth_context()))
        return b""

    async def main() -> None:
        server = aio.server()
        handler = grpc_core.unary_unary_rpc_method_handler(look)
        server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler("s", {"M": handler}),))
        secure = server.add_secure_port(
            "localhost:0", grpc_core.ssl_server_credentials([(key, certificate)], certificate)
        )
        insecure = server.add_secure_port("127.0.0.1:0", grpc_core.insecure_server_credentials())
        await server.start()
        identified = grpc_core.ssl_channel_credentials(certificate, key, certificate)
        async with asyncio.timeout(PATIENCE_S):
            async with aio.secure_channel(f"localhost:{secure}", identified) as channel:
                await channel.unary_unary("/s/M")(b"")
            async with aio.insecure_channel(f"127.0.0.1:{insecure}") as channel:
                await channel.unary_unary("/s/M")(b"")
        await server.stop(None)

    asyncio.run(main())
    over_tls, plain = seen
    assert plain == {"transport_security_type": [b"insecure"], "security_level": [b"TSI_SECURITY_NONE"]}
    assert over_tls["transport_security_type"] == [b"ssl"]
    assert over_tls["security_level"] == [b"TSI_PRIVACY_AND_INTEGRITY"]
    assert over_tls["x509_common_name"] == [b"localhost"]
    assert over_tls["x509_subject"] == [b"CN=localhost"]
    assert over_tls["peer_dns"] == [b"localhost"]
    assert over_tls["peer_ip"] == [b"127.0.0.1"]
    assert over_tls["x509_pem_cert"][0].split() == certificate.split()


def test_what_cannot_be_used_is_refused_at_construction(tls_files: TlsFiles) -> None:
    key, certificate = pem(tls_files)
    with pytest.raises(ValueError, match="root certificates"):
        grpc_core.ssl_channel_credentials(b"not a certificate")
    with pytest.raises(ValueError, match="belong together"):
        grpc_core.ssl_channel_credentials(certificate, private_key=key)
    with pytest.raises(ValueError, match="private key and certificate chain"):
        grpc_core.ssl_server_credentials([(b"no key", certificate)])
    with pytest.raises(ValueError, match="at least one pair"):
        grpc_core.ssl_server_credentials([])
    with pytest.raises(ValueError, match="require client auth"):
        grpc_core.ssl_server_credentials([(key, certificate)], None, True)


def test_the_roots_of_the_environment_and_of_the_system(tls_files: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(credentials.ROOTS_VARIABLE, str(tls_files.cert))
    context = grpc_core.ssl_channel_credentials().context()
    assert context is not None
    assert [dict(pair[0] for pair in root["subject"])["commonName"] for root in context.get_ca_certs()] == ["localhost"]
    monkeypatch.delenv(credentials.ROOTS_VARIABLE)
    context = grpc_core.ssl_channel_credentials().context()
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_call_credentials_never_go_over_plaintext() -> None:
    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1") as channel:
            with pytest.raises(aio.UsageError, match="only valid on secure channels"):
                channel.unary_unary("/s/M")(b"", credentials=grpc_core.access_token_call_credentials("secret"))

    asyncio.run(main())


def test_a_connection_without_tls_says_so() -> None:
    assert Security(None).identity_key is None


def test_certificates_that_cannot_be_fetched_leave_the_last_ones(
    tls_files: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    key, certificate = pem(tls_files)

    def fetch() -> Any:
        raise RuntimeError("the vault is closed")

    async def main() -> None:
        first = grpc_core.ssl_server_certificate_configuration([(key, certificate)])
        async with served(grpc_core, grpc_core.dynamic_ssl_server_credentials(first, fetch)) as port:
            assert await ask(grpc_core, port, grpc_core.ssl_channel_credentials(certificate)) == (None, [], [])

    asyncio.run(main())
    assert "the vault is closed" in caplog.text


def test_a_ready_context_takes_no_key(tls_files: TlsFiles) -> None:
    key, certificate = pem(tls_files)
    with pytest.raises(ValueError, match="holds its own"):
        grpc_core.ssl_channel_credentials(ssl.create_default_context(), key, certificate)


@pytest.mark.wire("W200")
def test_credentials_of_google_cloud_without_google_cloud(tls_files: TlsFiles) -> None:
    """What xDS would give falls back, as with grpcio where there is none; ALTS cannot be had, and says so at once."""
    key, certificate = pem(tls_files)
    token = grpc_core.access_token_call_credentials("secret")

    async def main() -> None:
        fallback = grpc_core.xds_server_credentials(grpc_core.ssl_server_credentials([(key, certificate)]))
        async with served(grpc_core, fallback) as port:
            trusted = grpc_core.xds_channel_credentials(grpc_core.ssl_channel_credentials(certificate))
            assert await ask(grpc_core, port, trusted) == (None, [], [])

    asyncio.run(main())
    context = grpc_core.xds_channel_credentials().context()
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    engine = grpc_core.compute_engine_channel_credentials(token)
    assert engine.context() is not None
    assert engine.call_credentials is not None
    assert engine.call_credentials.plugins == token.plugins
    for make in (grpc_core.alts_channel_credentials, grpc_core.alts_server_credentials):
        with pytest.raises(NotImplementedError, match="ALTS works only inside Google Cloud"):
            make()  # type: ignore[operator]  # two functions of different types


def test_a_composite_without_security_sends_nothing() -> None:
    async def main() -> None:
        composite = grpc_core.composite_channel_credentials(
            credentials.insecure_channel_credentials(), grpc_core.access_token_call_credentials("secret")
        )
        async with aio.secure_channel("127.0.0.1:1", composite) as channel:
            with pytest.raises(aio.UsageError, match="only valid on secure channels"):
                channel.unary_unary("/s/M")(b"")

    asyncio.run(main())
