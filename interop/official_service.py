"""`grpc.testing.TestService`, the service of gRPC's own interop tests: its messages, its methods, its servicer.

The field names and numbers are those of `test.proto`, `messages.proto` and `empty.proto` in the gRPC project (fields
for load balancing and reports of load are left out: an unknown field is skipped). As in `cases`, the messages are
described here in a private pool, and the servicer is given the module, and which of its APIs, as a face (`faces`).

A server does what a request asks for: a response of a size, after an interval, compressed or not, or a status; it holds
a request to being compressed, or not, where that says so; and it echoes two fields of metadata, the one as initial and
the other as trailing metadata. UnimplementedCall and UnimplementedService are part of the tests by not being there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from interop.faces import Face

PACKAGE: Final = "grpc.testing"
SERVICE: Final = f"{PACKAGE}.TestService"
UNIMPLEMENTED_SERVICE: Final = f"{PACKAGE}.UnimplementedService"
ECHO_INITIAL: Final = "x-grpc-test-echo-initial"
ECHO_TRAILING: Final = "x-grpc-test-echo-trailing-bin"

# The messages: field -> (number, type). A type with a capital letter is a message or, PayloadType, the enumeration; a
# list of one type is a repeated field.

_ENUM: Final = "PayloadType"  # COMPRESSABLE, which is zero, is its only value in use.
_MESSAGES: Final[dict[str, dict[str, tuple[int, str | list[str]]]]] = {
    "Empty": {},
    "BoolValue": {"value": (1, "bool")},
    "Payload": {"type": (1, _ENUM), "body": (2, "bytes")},
    "EchoStatus": {"code": (1, "int32"), "message": (2, "string")},
    "SimpleRequest": {
        "response_type": (1, _ENUM),
        "response_size": (2, "int32"),
        "payload": (3, "Payload"),
        "fill_username": (4, "bool"),
        "fill_oauth_scope": (5, "bool"),
        "response_compressed": (6, "BoolValue"),
        "response_status": (7, "EchoStatus"),
        "expect_compressed": (8, "BoolValue"),
        "fill_server_id": (9, "bool"),
    },
    "SimpleResponse": {
        "payload": (1, "Payload"),
        "username": (2, "string"),
        "oauth_scope": (3, "string"),
        "server_id": (4, "string"),
        "hostname": (6, "string"),
    },
    "StreamingInputCallRequest": {"payload": (1, "Payload"), "expect_compressed": (2, "BoolValue")},
    "StreamingInputCallResponse": {"aggregated_payload_size": (1, "int32")},
    "ResponseParameters": {"size": (1, "int32"), "interval_us": (2, "int32"), "compressed": (3, "BoolValue")},
    "StreamingOutputCallRequest": {
        "response_type": (1, _ENUM),
        "response_parameters": (2, ["ResponseParameters"]),
        "payload": (3, "Payload"),
        "response_status": (7, "EchoStatus"),
    },
    "StreamingOutputCallResponse": {"payload": (1, "Payload")},
}


def _message_types() -> dict[str, type[Any]]:
    field_type = descriptor_pb2.FieldDescriptorProto
    described = descriptor_pb2.FileDescriptorProto(name="grpc_testing.proto", package=PACKAGE, syntax="proto3")
    described.enum_type.add(name=_ENUM).value.add(name="COMPRESSABLE", number=0)
    for name, fields in _MESSAGES.items():
        message = described.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            repeated = isinstance(kind, list)
            kind = kind[0] if isinstance(kind, list) else kind
            label = field_type.LABEL_REPEATED if repeated else field_type.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            if kind[0].isupper():
                added.type = field_type.TYPE_ENUM if kind == _ENUM else field_type.TYPE_MESSAGE
                added.type_name = f".{PACKAGE}.{kind}"
            else:
                added.type = field_type.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(described)
    found = {name: pool.FindMessageTypeByName(f"{PACKAGE}.{name}") for name in _MESSAGES}
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in found.items()}


_TYPES: Final = _message_types()
Empty: Final = _TYPES["Empty"]
BoolValue: Final = _TYPES["BoolValue"]
Payload: Final = _TYPES["Payload"]
EchoStatus: Final = _TYPES["EchoStatus"]
SimpleRequest: Final = _TYPES["SimpleRequest"]
SimpleResponse: Final = _TYPES["SimpleResponse"]
StreamingInputCallRequest: Final = _TYPES["StreamingInputCallRequest"]
StreamingInputCallResponse: Final = _TYPES["StreamingInputCallResponse"]
ResponseParameters: Final = _TYPES["ResponseParameters"]
StreamingOutputCallRequest: Final = _TYPES["StreamingOutputCallRequest"]
StreamingOutputCallResponse: Final = _TYPES["StreamingOutputCallResponse"]

METHODS: Final[dict[str, tuple[str, type[Any], type[Any]]]] = {
    "EmptyCall": ("unary_unary", Empty, Empty),
    "UnaryCall": ("unary_unary", SimpleRequest, SimpleResponse),
    "StreamingOutputCall": ("unary_stream", StreamingOutputCallRequest, StreamingOutputCallResponse),
    "StreamingInputCall": ("stream_unary", StreamingInputCallRequest, StreamingInputCallResponse),
    "FullDuplexCall": ("stream_stream", StreamingOutputCallRequest, StreamingOutputCallResponse),
    "HalfDuplexCall": ("stream_stream", StreamingOutputCallRequest, StreamingOutputCallResponse),
}
"""The methods that a server has: name -> (kind of call, request, response)."""


def payload(octets: int) -> Any:
    """A payload of so many zeros, which is what the official programs send."""
    return Payload(body=bytes(octets))


class TestService:
    """The servicer on a face of a module, `grpc` or `grpc_core`; the methods are coroutines, as for its `aio`."""

    __test__ = False  # It is no test class, whatever pytest makes of its name.

    def __init__(self, face: Face) -> None:
        self._codes = {code.value[0]: code for code in face.grpc.StatusCode}
        self._face = face
        self._grpc = face.grpc

    async def EmptyCall(self, request: Any, context: Any) -> Any:
        """The empty message."""
        return Empty()

    async def UnaryCall(self, request: Any, context: Any) -> Any:
        """One payload of the size asked for, or the status asked for."""
        await self._expect_compression(request, context)
        if request.response_compressed.value:
            context.set_compression(self._grpc.Compression.Gzip)
            # grpcio's asyncio server forgets the coding of a single response unless it is told to send the metadata.
            await context.send_initial_metadata(())
        await self._echo_metadata(context)
        await self._end_with(request.response_status, context)
        return SimpleResponse(payload=payload(request.response_size))

    async def StreamingOutputCall(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """A payload for each of the response parameters, compressed where they say so."""
        compresses = any(parameters.compressed.value for parameters in request.response_parameters)
        if compresses:
            context.set_compression(self._grpc.Compression.Gzip)
        await self._echo_metadata(context)
        for parameters in request.response_parameters:
            if compresses and not parameters.compressed.value:
                context.disable_next_message_compression()
            yield await self._response(parameters)

    async def StreamingInputCall(self, requests: AsyncIterator[Any], context: Any) -> Any:
        """The sum of the sizes of all payloads."""
        octets = 0
        async for request in requests:
            await self._expect_compression(request, context)
            octets += len(request.payload.body)
        return StreamingInputCallResponse(aggregated_payload_size=octets)

    async def FullDuplexCall(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """The payloads that each request asks for, as soon as it comes."""
        await self._echo_metadata(context)
        async for request in requests:
            await self._end_with(request.response_status, context)
            for parameters in request.response_parameters:
                yield await self._response(parameters)

    async def HalfDuplexCall(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """As FullDuplexCall, but nothing is answered before the last request has come."""
        for request in [request async for request in requests]:
            for parameters in request.response_parameters:
                yield await self._response(parameters)

    async def _response(self, parameters: Any) -> Any:
        if parameters.interval_us > 0:
            await self._face.sleep(parameters.interval_us / 1_000_000)
        return StreamingOutputCallResponse(payload=payload(parameters.size))

    async def _expect_compression(self, request: Any, context: Any) -> None:
        if request.HasField("expect_compressed"):
            due, was = request.expect_compressed.value, context.request_was_compressed()
            if due is not was:
                details = f"the request came {'' if was else 'un'}compressed; the other was due"
                await context.abort(self._grpc.StatusCode.INVALID_ARGUMENT, details)

    async def _echo_metadata(self, context: Any) -> None:
        received = tuple(context.invocation_metadata())
        initial = tuple(pair for pair in received if pair[0] == ECHO_INITIAL)
        if initial:
            await context.send_initial_metadata(initial)
        context.set_trailing_metadata(tuple(pair for pair in received if pair[0] == ECHO_TRAILING))

    async def _end_with(self, status: Any, context: Any) -> None:
        if status.code:
            await context.abort(self._codes[status.code], status.message)

    def handler(self) -> Any:
        """The generic handler to add to a server of the same module."""
        handlers = {
            name: getattr(self._grpc, f"{kind}_rpc_method_handler")(
                self._face.behavior(getattr(self, name), kind),
                request_deserializer=request.FromString,
                response_serializer=response.SerializeToString,
            )
            for name, (kind, request, response) in METHODS.items()
        }
        return self._grpc.method_handlers_generic_handler(SERVICE, handlers)
