"""`google.rpc.Status` in `grpc-status-details-bin` (W086), between our two sides and against grpcio-status."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.protobuf import duration_pb2

import grpc_core
from grpc_core import StatusCode, aio, status_details
from grpc_core.metadata import Metadata
from grpc_core.status_details import DETAILS_KEY, from_call, status_class, to_status
from tests.grpc_core.support import PATIENCE_S, joined, method, run
from tests.grpc_core.support_services import official, running

Own = status_details._OwnStatus


def rich(code: int = 9, message: str = "närrisch", status: Callable[..., Any] = Own) -> Any:
    made = status(code=code, message=message)
    made.details.add().Pack(duration_pb2.Duration(seconds=7))
    return made


def error(value: bytes | None, code: StatusCode = StatusCode.FAILED_PRECONDITION, details: str = "") -> aio.AioRpcError:
    trailing = Metadata() if value is None else Metadata(("x", "y"), (DETAILS_KEY, value))
    return aio.AioRpcError(code, Metadata(), trailing, details)


async def fail_richly(request: bytes, context: Any) -> None:
    await context.abort_with_status(to_status(rich()))


def test_details_reach_the_client_in_the_error_and_in_the_call() -> None:
    async def main() -> None:
        async with joined({"Fail": fail_richly}) as (_, channel):
            call = method(channel, "Fail")(b"")
            with pytest.raises(aio.AioRpcError) as caught:
                await call
            assert caught.value.code() is StatusCode.FAILED_PRECONDITION
            assert caught.value.details() == "närrisch"
            for status in (from_call(caught.value), await status_details.aio.from_call(call)):
                assert (status.code, status.message) == (9, "närrisch")
                duration = duration_pb2.Duration()
                assert status.details[0].Unpack(duration)
                assert duration.seconds == 7

    run(main())


def test_details_reach_a_blocking_client_of_a_blocking_server() -> None:
    def fail(request: bytes, context: Any) -> None:
        context.abort_with_status(to_status(rich()))

    handler = grpc_core.unary_unary_rpc_method_handler(fail)
    with ThreadPoolExecutor(2) as pool:
        server = grpc_core.server(pool)
        server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler("test.Service", {"Fail": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc_core.insecure_channel(f"127.0.0.1:{port}") as channel:
            with pytest.raises(grpc_core.RpcError) as caught:
                channel.unary_unary("/test.Service/Fail")(b"", timeout=PATIENCE_S)
            assert from_call(caught.value).details[0].Is(duration_pb2.Duration.DESCRIPTOR)
        server.stop(None).wait(PATIENCE_S)


def test_an_end_without_details_has_none() -> None:
    assert from_call(error(None)) is None

    async def main() -> None:
        async with joined() as (_, channel):
            call = method(channel)(b"")
            await call
            assert await status_details.aio.from_call(call) is None

    run(main())


@pytest.mark.wire("W086")
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (rich(5, "text"), r"Code in Status proto \(StatusCode.NOT_FOUND\) doesn't match"),
        (rich(0, "text"), r"Code in Status proto \(StatusCode.OK\) doesn't match"),
        (rich(99, "text"), r"Code in Status proto \(99\) doesn't match"),
        (rich(-1, "text"), r"Code in Status proto \(-1\) doesn't match"),
        (rich(9, "other"), r"Message in Status proto \(other\) doesn't match status details \(text\)"),
    ],
)
def test_details_that_contradict_the_status_are_an_error(status: Any, reason: str) -> None:
    """W086: "the consumer MUST verify"."""
    with pytest.raises(ValueError, match=reason):
        from_call(error(status.SerializeToString(), details="text"))


def test_details_that_cannot_be_read_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"grpc-status-details-bin is not a google\.rpc\.Status"):
        from_call(error(b"\xff\xff\xff"))


def test_what_has_to_be_awaited_is_named() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            call = method(channel)(b"")
            with pytest.raises(TypeError, match=r"use `await aio\.from_call\(call\)`"):
                from_call(call)
            await call

    run(main())


def test_to_status_has_what_abort_with_status_takes() -> None:
    status = to_status(rich())
    assert isinstance(status, grpc_core.Status)
    assert status.code is StatusCode.FAILED_PRECONDITION
    assert status.details == "närrisch"
    assert status.trailing_metadata == ((DETAILS_KEY, rich().SerializeToString()),)


@pytest.mark.parametrize("code", [-1, 17])
def test_a_code_that_grpc_does_not_have_cannot_be_sent(code: int) -> None:
    with pytest.raises(ValueError, match=f"Invalid status code {code}: "):
        to_status(rich(code))


def test_nothing_but_protobuf_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.rpc.status_pb2", None)  # as if it were not installed
    assert status_class() is Own
    assert from_call(error(rich().SerializeToString(), details="närrisch")) == rich()


def test_the_official_message_is_used_where_it_is_installed() -> None:
    official_class = official("google.rpc.status_pb2").Status
    assert from_call(error(rich().SerializeToString(), details="närrisch")) == rich(status=official_class)


@pytest.mark.wire("W086")
def test_grpcio_status_reads_what_we_send_and_we_what_it_sends() -> None:
    grpc = official("grpc")
    official("grpc.aio")
    rpc_status = official("grpc_status.rpc_status")
    official_class = official("google.rpc.status_pb2").Status

    async def fail(request: bytes, context: Any) -> None:
        await context.abort_with_status(rpc_status.to_status(rich(status=official_class)))

    async def main() -> None:
        theirs = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(fail)
        theirs.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", {"Fail": handler}),))
        async with running(theirs) as port, aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            with pytest.raises(aio.AioRpcError) as caught:
                await method(channel, "Fail")(b"")
            assert from_call(caught.value) == rich(status=official_class)
            assert rpc_status.from_call(caught.value) == rich(status=official_class), "it takes our error too"
        ours = aio.server()
        ours.add_generic_rpc_handlers(
            (
                grpc_core.method_handlers_generic_handler(
                    "test.Service",
                    {
                        "Ours": grpc_core.unary_unary_rpc_method_handler(fail_richly),
                        "Theirs": grpc_core.unary_unary_rpc_method_handler(fail),
                    },
                ),
            )
        )
        async with running(ours) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            for name in ("Ours", "Theirs"):
                call = channel.unary_unary(f"/test.Service/{name}")(b"")
                assert await rpc_status.aio.from_call(call) == rich(status=official_class), name

    run(main())
