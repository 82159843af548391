"""`make demo`: one server of ours, and every gRPC client there is on this machine, frame by frame."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from typing import Any

from grpc_core import demo
from interop.peers import grpc_go
from interop.peers.peer import BuildFailed, Missing

Emit = Callable[[str], None]


async def _with_grpcio(target: str, emit: Emit) -> None:
    """The two calls of `grpc_core.demo` with the official Python client, on gRPC's C core. Raises Missing."""
    try:
        import grpc
    except ImportError:
        raise Missing("grpcio is not installed for this Python: pip install grpcio")
    emit(f"==> grpcio {grpc.__version__} calls the same server")
    async with grpc.aio.insecure_channel(target) as channel:
        say_hello: Any = channel.unary_unary(
            "/helloworld.Greeter/SayHello",
            request_serializer=demo.HelloRequest.SerializeToString,
            response_deserializer=demo.HelloReply.FromString,
        )
        reply = await say_hello(demo.HelloRequest(name="grpcio"))
        emit(f"==> the reply: {reply.message!r}")
        try:
            await say_hello(demo.HelloRequest())
        except grpc.aio.AioRpcError as error:
            emit(f"==> the error: {error.code()}, {error.details()!r}")


async def _with_go(target: str, emit: Emit) -> None:
    """One call with the official Go client, which says what it saw. Raises Missing and BuildFailed."""
    commands = await asyncio.to_thread(grpc_go.commands)
    emit(f"==> {commands.version}, calls the same server")
    process = await asyncio.create_subprocess_exec(
        *commands.client, "--addr", target, "--check", "greeting", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    emit(f"==> it says: {output.decode().strip()}")


async def run(emit: Emit) -> None:
    """Serve, and let everybody greet."""
    server = demo.make_server(emit)
    port = server.add_insecure_port("127.0.0.1:0")
    target = f"127.0.0.1:{port}"
    await server.start()
    try:
        emit(f"==> Plait's server listens on {target}; these are the frames on its connections")
        emit("==> Plait calls /helloworld.Greeter/SayHello, once with a name and once without")
        await demo.greet(target, emit)
        for peer, greet in (("grpcio", _with_grpcio), ("grpc-go", _with_go)):
            emit("")
            try:
                await greet(target, emit)
            except Missing as lacking:
                emit(f"==> {peer} does not take part: {lacking}")
            except BuildFailed as failure:
                emit(f"==> {peer} does not take part: {failure}\n{failure.output}")
    finally:
        await server.stop(1)


def main(argv: list[str] | None = None) -> int:
    """Run the demonstration; returns the exit code."""
    argparse.ArgumentParser(prog="interop demo", description=__doc__).parse_args(argv)
    asyncio.run(run(print))
    return 0


if __name__ == "__main__":
    sys.exit(main())
