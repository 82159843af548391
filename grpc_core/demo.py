"""The demonstration: a Greeter on the wire, frame by frame.

The service is `helloworld.Greeter` of every gRPC tutorial. Its messages are described here in code, so that the
demonstration needs no generated file and `grpc_core` alone. What is printed is what the server's sockets saw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from grpc_core import aio, stub
from grpc_core.aio.serving import Server
from grpc_core.errors import AioRpcError
from grpc_core.interfaces import ChannelOptions
from grpc_core.status import StatusCode
from grpc_core.stub import service_handler
from grpc_core.wire import MessageError, MessageReader
from http2 import explain
from http2.aio.transport import Tap

Emit = Callable[[str], None]


def _describe_greeter() -> Any:
    """The descriptor of `helloworld.Greeter`, as protoc would make it from helloworld.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="plait/demo/helloworld.proto", package="helloworld", syntax="proto3")
    for message, field in (("HelloRequest", "name"), ("HelloReply", "message")):
        file.message_type.add(name=message).field.add(
            name=field, number=1, type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING, label=1
        )
    file.service.add(name="Greeter").method.add(
        name="SayHello", input_type=".helloworld.HelloRequest", output_type=".helloworld.HelloReply"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindServiceByName("helloworld.Greeter")


GREETER = _describe_greeter()
HelloRequest = message_factory.GetMessageClass(GREETER.methods[0].input_type)
HelloReply = message_factory.GetMessageClass(GREETER.methods[0].output_type)


class Greeter:
    """Greets by name; who has none is told so with a status."""

    async def SayHello(self, request: Any, context: aio.ServicerContext) -> Any:
        if not request.name:
            await context.abort(StatusCode.INVALID_ARGUMENT, "say who you are")
        context.set_trailing_metadata((("x-greeted", quote(request.name)),))
        return HelloReply(message=f"Hello {request.name}")


class MessageLog:
    """Tells the length-prefixed messages in DATA: what `http2.explain` does not know."""

    def __init__(self) -> None:
        self._readers: dict[int, MessageReader] = {}

    def __call__(self, stream_id: int, data: bytes) -> str:
        reader = self._readers.setdefault(stream_id, MessageReader(-1, decompress=lambda message, _: message))
        try:
            reader.feed(data)
        except MessageError as error:
            return str(error)
        messages = list(reader.messages)
        reader.messages.clear()
        lines = [
            f"message, {len(message)} octets after its prefix of 5: {message[:60]!r}" for message, _, _ in messages
        ]
        if reader.partial_bytes:
            lines.append(f"(a message goes on: {reader.partial_bytes} octets so far)")
        return "\n".join(lines)


def frame_tap(emit: Emit) -> Tap:
    """Prints the frames of one connection of a server, both ways."""
    return explain.tap(False, emit, MessageLog())


def make_server(emit: Emit | None, options: ChannelOptions | None = None) -> Server:
    """The Greeter's server, with its frames given to `emit`."""
    tap_factory = None if emit is None else lambda: frame_tap(emit)
    server = Server(options=options, tap_factory=tap_factory)
    server.add_generic_rpc_handlers((service_handler(GREETER, Greeter()),))
    return server


async def greet(target: str, emit: Emit) -> None:
    """Two calls with our own client: one that succeeds and one that does not."""
    async with aio.insecure_channel(target) as channel:
        greeter = stub(GREETER)(channel)
        reply = await greeter.SayHello(HelloRequest(name="world"), timeout=10, metadata=(("x-demo", "plait"),))
        emit(f"==> the reply: {reply.message!r}")
        try:
            await greeter.SayHello(HelloRequest())
        except AioRpcError as error:
            emit(f"==> the error: {error.code()}, {error.details()!r}")


async def run(emit: Emit) -> None:
    """Serve, greet, and show it all."""
    server = make_server(emit)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        emit(f"==> Plait's server on 127.0.0.1:{port}; Plait's client calls /helloworld.Greeter/SayHello twice")
        await greet(f"127.0.0.1:{port}", emit)
    finally:
        await server.stop(1)
