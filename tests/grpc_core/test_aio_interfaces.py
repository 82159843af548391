"""The abstract classes of `grpc_core.aio`: calls are what their names say, and a program may implement them."""

from __future__ import annotations

from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from tests.grpc_core.support import joined, run
from tests.support.modules import grpcio

KINDS = ("UnaryUnaryCall", "UnaryStreamCall", "StreamUnaryCall", "StreamStreamCall")


def test_each_call_is_of_its_kind_and_of_no_other() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            kinds = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
            for kind, name in zip(kinds, KINDS, strict=True):
                call = getattr(channel, kind)("/test.Service/Echo")(b"" if kind.startswith("unary") else [])
                assert [other for other in KINDS if isinstance(call, getattr(aio, other))] == [name]
                assert isinstance(call, aio.Call)
                assert isinstance(call, aio.RpcContext)
                await call.code()

    run(main())


@pytest.mark.parametrize("name", ["RpcContext", "Call", *KINDS])
def test_the_abstract_methods_are_grpcios(name: str) -> None:
    theirs = getattr(grpcio().aio, name)
    assert getattr(aio, name).__abstractmethods__ == theirs.__abstractmethods__


def test_a_call_of_ones_own_has_a_line_for_the_log() -> None:
    class Mine(aio.UnaryUnaryCall[bytes, bytes]):
        def __await__(self) -> Any:
            yield

        async def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.NOT_FOUND

        async def details(self) -> str:
            return "not here"

        async def nothing(self) -> Any:
            return None

        initial_metadata = trailing_metadata = wait_for_connection = nothing
        cancelled = done = time_remaining = cancel = add_done_callback = nothing  # type: ignore[assignment]  # not called

    async def main() -> None:
        assert await Mine().debug_error_string() == "NOT_FOUND:not here"

    run(main())
