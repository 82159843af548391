"""The official gRPC interop cases (interop-test-descriptions.md), as a client, written once for every Python peer.

| case                          | the calls                                        | what must come back            |
|-------------------------------|--------------------------------------------------|--------------------------------|
| `empty_unary`                 | EmptyCall                                        | the empty message              |
| `large_unary`                 | UnaryCall with 271,828 octets                    | 314,159 octets                 |
| `client_streaming`            | StreamingInputCall, 27182, 8, 1828, 45904 octets | their sum, 74,922              |
| `server_streaming`            | StreamingOutputCall                              | 31415, 9, 2653, 58979 octets   |
| `ping_pong`                   | FullDuplexCall, request, response, and so on     | the same sizes, then the end   |
| `empty_stream`                | FullDuplexCall without a request                 | no response, OK                |
| `cancel_after_begin`          | StreamingInputCall, cancelled at once            | CANCELLED                      |
| `cancel_after_first_response` | FullDuplexCall, cancelled after a response       | CANCELLED                      |
| `timeout_on_sleeping_server`  | FullDuplexCall with a timeout of 1 ms            | DEADLINE_EXCEEDED              |
| `custom_metadata`             | UnaryCall and FullDuplexCall with metadata       | its echo, initial and trailing |
| `status_code_and_message`     | UnaryCall and FullDuplexCall that ask for it     | that status                    |
| `special_status_message`      | UnaryCall that asks for white space, emoji       | that text                      |
| `unimplemented_method`        | a method that TestService does not have          | UNIMPLEMENTED                  |
| `unimplemented_service`       | a service that the server does not have          | UNIMPLEMENTED                  |
| `rpc_soak`                    | large_unary again and again                      | all succeed, each within 1 s   |
| `channel_soak`                | the same, each on a new channel                  | the same                       |
| `concurrent_large_unary`      | large_unary many times at once                   | all succeed                    |
| `client_compressed_unary`     | UnaryCall, request uncompressed and compressed   | success where that is as told  |
| `client_compressed_streaming` | StreamingInputCall, one compressed, one not      | their sum, 73,086; else an end |
| `server_compressed_unary`     | UnaryCall that asks for compression, and not     | a response of that kind        |
| `server_compressed_streaming` | StreamingOutputCall that asks for each           | responses of those kinds       |

A client has told the server whether a request will come compressed, and the server must notice when it does not: in the
"probe" it says so of one that is not, which must fail with INVALID_ARGUMENT. The two cases of the server rest on the
client's noticing.

`NEGATIVE` are the cases of negative-http2-interop-test-descriptions.md, which a server that breaks its connections on
purpose (`negative_server`) makes interesting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final

from interop.cases import CheckFailed, Outcome, outcome_of
from interop.faces import Face, Trust
from interop.official_service import (
    ECHO_INITIAL,
    ECHO_TRAILING,
    METHODS,
    SERVICE,
    UNIMPLEMENTED_SERVICE,
    BoolValue,
    EchoStatus,
    Empty,
    ResponseParameters,
    SimpleRequest,
    StreamingInputCallRequest,
    StreamingOutputCallRequest,
    payload,
)

REQUEST_OCTETS: Final = (27182, 8, 1828, 45904)
RESPONSE_OCTETS: Final = (31415, 9, 2653, 58979)
LARGE_REQUEST_OCTETS: Final = 271_828
LARGE_RESPONSE_OCTETS: Final = 314_159
COMPRESSED_REQUEST_OCTETS: Final = (27182, 45904)
COMPRESSED_RESPONSE_OCTETS: Final = (31415, 92653)
SPECIAL_MESSAGE: Final = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
SOAK_ITERATIONS: Final = 20
SOAK_LATENCY_MAX_S: Final = 1.0
CONCURRENT_CALLS: Final = 100
MAX_STREAMS_CALLS: Final = 10
CALL_TIMEOUT_S: Final = 20.0
GOAWAY_TIMEOUT_S: Final = 1.0


class TestClient:
    """A channel to a test server, and the calls on it; in plaintext without `trust`. To be used in an `async with`."""

    __test__ = False

    def __init__(self, face: Face, address: str, trust: Trust | None = None) -> None:
        self.face = face
        self.grpc = face.grpc
        self.address = address
        self.trust = trust
        self.channel = face.channel(address, trust)

    async def __aenter__(self) -> TestClient:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.face.close(self.channel)

    def begin(self, name: str, *arguments: Any, **options: Any) -> Any:
        """A call that has begun, of a method of TestService."""
        kind, request, response = METHODS[name]
        codecs = request.SerializeToString, response.FromString
        options = {"timeout": CALL_TIMEOUT_S, **options}
        return self.face.begin(self.channel, kind, f"/{SERVICE}/{name}", codecs, *arguments, **options)

    async def large_unary(self, *, compression: Any = None, **fields: Any) -> Any:
        """One UnaryCall with large payloads both ways, and more fields in its request: the call, which is over."""
        request = SimpleRequest(response_size=LARGE_RESPONSE_OCTETS, payload=payload(LARGE_REQUEST_OCTETS), **fields)
        call = self.begin("UnaryCall", request, compression=compression)
        reply = await call
        if reply.payload != payload(LARGE_RESPONSE_OCTETS):
            raise CheckFailed(f"a payload of {len(reply.payload.body)} octets; {LARGE_RESPONSE_OCTETS} zeros were due")
        return call

    async def many_large_unary(self, calls: int) -> None:
        """So many at once."""

        async def one() -> None:
            await self.large_unary()

        await self.face.together([one() for _ in range(calls)])

    @property
    def gzip(self) -> Any:
        """The compression that the cases use."""
        return self.grpc.Compression.Gzip

    def expect_compression(self, call: Any, is_due: bool) -> None:
        """The last response of the call must have come compressed, or not."""
        if call.response_was_compressed() is not is_due:
            raise CheckFailed(f"a response came {'un' if is_due else ''}compressed; the other was asked for")

    async def expect_status(self, call: Any, name: str, message: str | None = None) -> str:
        """The call must end with the status code of that name, and with the message if one is given."""
        code, details = await call.code(), await call.details()
        if code is not self.grpc.StatusCode[name]:
            raise CheckFailed(f"status {code.name}, {details!r}; {name} was due")
        if message is not None and details != message:
            raise CheckFailed(f"details {details!r}; {message!r} were due")
        return f"{name} {details!r}"

    async def expect_payload(self, call: Any, octets: int) -> None:
        """The next response of the call must be a payload of so many zeros."""
        response = await call.read()
        if response is self.face.end_of_stream:
            raise CheckFailed(f"the responses ended; {octets} octets were due")
        if response.payload != payload(octets):
            raise CheckFailed(f"a payload of {len(response.payload.body)} octets; {octets} zeros were due")

    async def expect_end(self, call: Any) -> None:
        """There must be no further response, and the status OK."""
        if await call.read() is not self.face.end_of_stream:
            raise CheckFailed("a response; the end of the stream was due")
        await self.expect_status(call, "OK")


def _output_request(response_octets: Iterable[int], request_octets: int = 0, **fields: Any) -> Any:
    parameters = [ResponseParameters(size=octets) for octets in response_octets]
    return StreamingOutputCallRequest(response_parameters=parameters, payload=payload(request_octets), **fields)


async def _empty_unary(client: TestClient) -> str:
    octets = (await client.begin("EmptyCall", Empty())).ByteSize()
    if octets:
        raise CheckFailed(f"a message of {octets} octets; the empty one was due")
    return "the empty message"


async def _large_unary(client: TestClient) -> str:
    await client.large_unary()
    return f"{LARGE_RESPONSE_OCTETS} octets"


async def _client_streaming(client: TestClient) -> str:
    call = client.begin("StreamingInputCall")
    for octets in REQUEST_OCTETS:
        await call.write(StreamingInputCallRequest(payload=payload(octets)))
    await call.done_writing()
    total = (await call).aggregated_payload_size
    if total != sum(REQUEST_OCTETS):
        raise CheckFailed(f"a sum of {total}; {sum(REQUEST_OCTETS)} was due")
    return f"a sum of {total}"


async def _server_streaming(client: TestClient) -> str:
    call = client.begin("StreamingOutputCall", _output_request(RESPONSE_OCTETS))
    for octets in RESPONSE_OCTETS:
        await client.expect_payload(call, octets)
    await client.expect_end(call)
    return f"{len(RESPONSE_OCTETS)} responses"


async def _ping_pong(client: TestClient) -> str:
    call = client.begin("FullDuplexCall")
    for sent, due in zip(REQUEST_OCTETS, RESPONSE_OCTETS, strict=True):
        await call.write(_output_request([due], sent))
        await client.expect_payload(call, due)
    await call.done_writing()
    await client.expect_end(call)
    return f"{len(RESPONSE_OCTETS)} responses, one at a time"


async def _empty_stream(client: TestClient) -> str:
    call = client.begin("FullDuplexCall")
    await call.done_writing()
    await client.expect_end(call)
    return "no response, OK"


async def _cancel_after_begin(client: TestClient) -> str:
    call = client.begin("StreamingInputCall")
    call.cancel()
    return await client.expect_status(call, "CANCELLED")


async def _cancel_after_first_response(client: TestClient) -> str:
    call = client.begin("FullDuplexCall")
    await call.write(_output_request([RESPONSE_OCTETS[0]], REQUEST_OCTETS[0]))
    await client.expect_payload(call, RESPONSE_OCTETS[0])
    call.cancel()
    return await client.expect_status(call, "CANCELLED")


async def _timeout_on_sleeping_server(client: TestClient) -> str:
    call = client.begin("FullDuplexCall", timeout=0.001)
    try:
        await call.write(_output_request([], REQUEST_OCTETS[0]))
    except (client.grpc.RpcError, asyncio.InvalidStateError):
        pass  # The time may have passed before, or while, the request was written.
    return await client.expect_status(call, "DEADLINE_EXCEEDED")


async def _custom_metadata(client: TestClient) -> str:
    metadata = ((ECHO_INITIAL, "test_initial_metadata_value"), (ECHO_TRAILING, b"\xab\xab\xab"))

    async def expect_echo(call: Any) -> None:
        received = {"initial": await call.initial_metadata(), "trailing": await call.trailing_metadata()}
        for where, (key, due) in zip(received, metadata, strict=True):
            values = [value for name, value in received[where] if name == key]
            if values != [due]:
                raise CheckFailed(f"{where} metadata {key} is {values}; {due!r} was due")

    call = client.begin("UnaryCall", SimpleRequest(response_size=1, payload=payload(1)), metadata=metadata)
    await call
    await expect_echo(call)
    call = client.begin("FullDuplexCall", metadata=metadata)
    await call.write(_output_request([1], 1))
    await client.expect_payload(call, 1)
    await call.done_writing()
    await client.expect_end(call)
    await expect_echo(call)
    return "both fields, with UnaryCall and with FullDuplexCall"


async def _status_code_and_message(client: TestClient) -> str:
    status = EchoStatus(code=2, message="test status message")
    await client.expect_status(
        client.begin("UnaryCall", SimpleRequest(response_status=status)), "UNKNOWN", status.message
    )
    call = client.begin("FullDuplexCall")
    await call.write(_output_request([], response_status=status))
    await call.done_writing()
    return await client.expect_status(call, "UNKNOWN", status.message)


async def _special_status_message(client: TestClient) -> str:
    request = SimpleRequest(response_status=EchoStatus(code=2, message=SPECIAL_MESSAGE))
    return await client.expect_status(client.begin("UnaryCall", request), "UNKNOWN", SPECIAL_MESSAGE)


async def _unimplemented(client: TestClient, service: str) -> str:
    codecs, path = (Empty.SerializeToString, Empty.FromString), f"/{service}/UnimplementedCall"
    call = client.face.begin(client.channel, "unary_unary", path, codecs, Empty(), timeout=CALL_TIMEOUT_S)
    return await client.expect_status(call, "UNIMPLEMENTED")


async def _unimplemented_method(client: TestClient) -> str:
    return await _unimplemented(client, SERVICE)


async def _unimplemented_service(client: TestClient) -> str:
    return await _unimplemented(client, UNIMPLEMENTED_SERVICE)


async def _timed(client: TestClient) -> float:
    begin_s = time.monotonic()
    await client.large_unary()
    return time.monotonic() - begin_s


def _soaked(latencies_s: list[float]) -> str:
    slowest_s = max(latencies_s)
    if slowest_s > SOAK_LATENCY_MAX_S:
        raise CheckFailed(f"a call took {slowest_s:.2f} s; {SOAK_LATENCY_MAX_S:g} s are allowed")
    return f"{len(latencies_s)} calls, the slowest {slowest_s * 1000:.0f} ms"


async def _rpc_soak(client: TestClient) -> str:
    return _soaked([await _timed(client) for _ in range(SOAK_ITERATIONS)])


async def _channel_soak(client: TestClient) -> str:
    latencies_s = []
    for _ in range(SOAK_ITERATIONS):
        async with TestClient(client.face, client.address, client.trust) as other:
            latencies_s.append(await _timed(other))
    return _soaked(latencies_s)


async def _concurrent_large_unary(client: TestClient) -> str:
    await client.many_large_unary(CONCURRENT_CALLS)
    return f"{CONCURRENT_CALLS} calls at once"


# Compression.


async def _client_compressed_unary(client: TestClient) -> str:
    probe = SimpleRequest(expect_compressed=BoolValue(value=True), payload=payload(LARGE_REQUEST_OCTETS))
    await client.expect_status(client.begin("UnaryCall", probe), "INVALID_ARGUMENT")
    await client.large_unary(expect_compressed=BoolValue(value=True), compression=client.gzip)
    await client.large_unary(expect_compressed=BoolValue(value=False))
    return "a wrong announcement fails, a compressed and an uncompressed request do not"


async def _client_compressed_streaming(client: TestClient) -> str:
    compressed, plain = (
        StreamingInputCallRequest(payload=payload(octets), expect_compressed=BoolValue(value=is_compressed))
        for octets, is_compressed in zip(COMPRESSED_REQUEST_OCTETS, (True, False), strict=True)
    )
    probe = client.begin("StreamingInputCall")
    await probe.write(compressed)
    await probe.done_writing()
    await client.expect_status(probe, "INVALID_ARGUMENT")
    call = client.begin("StreamingInputCall", compression=client.gzip)
    await call.write(compressed)
    call.disable_next_message_compression()
    await call.write(plain)
    await call.done_writing()
    total = (await call).aggregated_payload_size
    if total != sum(COMPRESSED_REQUEST_OCTETS):
        raise CheckFailed(f"a sum of {total}; {sum(COMPRESSED_REQUEST_OCTETS)} was due")
    return f"a wrong announcement fails; a sum of {total}"


async def _server_compressed_unary(client: TestClient) -> str:
    for is_due in (True, False):
        call = await client.large_unary(response_compressed=BoolValue(value=is_due))
        client.expect_compression(call, is_due)
    return "a compressed and an uncompressed response"


async def _server_compressed_streaming(client: TestClient) -> str:
    parameters = [
        ResponseParameters(size=octets, compressed=BoolValue(value=is_due))
        for octets, is_due in zip(COMPRESSED_RESPONSE_OCTETS, (True, False), strict=True)
    ]
    call = client.begin("StreamingOutputCall", StreamingOutputCallRequest(response_parameters=parameters))
    for asked in parameters:
        await client.expect_payload(call, asked.size)
        client.expect_compression(call, asked.compressed.value)
    await client.expect_end(call)
    return "a compressed and an uncompressed response"


# The negative cases. What the server must see, the server tells; here is what the client must.


async def _goaway(client: TestClient) -> str:
    await client.large_unary()
    await client.face.no_longer_ready(client.channel, GOAWAY_TIMEOUT_S)
    await client.large_unary()
    return "two calls, a GOAWAY between them"


async def _reset(client: TestClient) -> str:
    call = client.begin("UnaryCall", SimpleRequest(response_size=LARGE_RESPONSE_OCTETS))
    code, details = await call.code(), await call.details()
    if code is client.grpc.StatusCode.OK:
        raise CheckFailed("the call succeeded; its stream was reset before the trailers")
    if code is client.grpc.StatusCode.DEADLINE_EXCEEDED:
        raise CheckFailed("the call did not end with its stream but at its deadline")
    return f"{code.name} {details!r}"


async def _max_streams(client: TestClient) -> str:
    await client.large_unary()
    await client.many_large_unary(MAX_STREAMS_CALLS)
    return f"{MAX_STREAMS_CALLS} calls, one stream at a time"


Case = Callable[[TestClient], Awaitable[str]]

OFFICIAL: Final[dict[str, Case]] = {
    "empty_unary": _empty_unary,
    "large_unary": _large_unary,
    "client_streaming": _client_streaming,
    "server_streaming": _server_streaming,
    "ping_pong": _ping_pong,
    "empty_stream": _empty_stream,
    "cancel_after_begin": _cancel_after_begin,
    "cancel_after_first_response": _cancel_after_first_response,
    "timeout_on_sleeping_server": _timeout_on_sleeping_server,
    "custom_metadata": _custom_metadata,
    "status_code_and_message": _status_code_and_message,
    "special_status_message": _special_status_message,
    "unimplemented_method": _unimplemented_method,
    "unimplemented_service": _unimplemented_service,
    "rpc_soak": _rpc_soak,
    "channel_soak": _channel_soak,
    "concurrent_large_unary": _concurrent_large_unary,
    "client_compressed_unary": _client_compressed_unary,
    "client_compressed_streaming": _client_compressed_streaming,
    "server_compressed_unary": _server_compressed_unary,
    "server_compressed_streaming": _server_compressed_streaming,
}
"""The cases against a good server, in the order in which every client runs them."""

NEGATIVE: Final[dict[str, Case]] = {
    "goaway": _goaway,
    "rst_after_header": _reset,
    "rst_during_data": _reset,
    "rst_after_data": _reset,
    "ping": _large_unary,
    "max_streams": _max_streams,
    "data_frame_padding": _large_unary,
    "no_df_padding_sanity_test": _large_unary,
}
"""The cases against the server of the same name in `negative_server`."""

COMPRESSION: Final = tuple(name for name in OFFICIAL if "_compressed_" in name)
"""The cases in which somebody must notice whether a message came compressed."""


async def run_cases(face: Face, address: str, trust: Trust | None, names: Iterable[str]) -> AsyncIterator[Outcome]:
    """Runs the named cases on one channel, one after the other; yields what became of each, as it is known."""
    async with TestClient(face, address, trust) as client:
        for name in names:
            yield await outcome_of(face.grpc, name, OFFICIAL[name](client))


async def run_negative_cases(
    face: Face, addresses: str, trust: Trust | None, names: Iterable[str]
) -> AsyncIterator[Outcome]:
    """Runs the named cases, each on a channel of its own. `addresses`, with commas, are the servers of the cases."""
    for name, address in zip(names, addresses.split(","), strict=True):
        async with TestClient(face, address, trust) as client:
            yield await outcome_of(face.grpc, name, NEGATIVE[name](client))
