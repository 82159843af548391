"""The exceptions: which is which's base, what an AioRpcError says, and that it can be pickled."""

from __future__ import annotations

import pickle

import pytest

import grpc_core as grpc
from grpc_core import aio

ERROR = aio.AioRpcError(
    grpc.StatusCode.NOT_FOUND,
    aio.Metadata(("x-i", "1")),
    aio.Metadata(("x-t", "2"), ("k-bin", b"\0")),
    "no such thing",
    "NOT_FOUND:no such thing",
)


def test_it_tells_the_status_and_the_metadata() -> None:
    assert ERROR.code() is grpc.StatusCode.NOT_FOUND
    assert ERROR.details() == "no such thing"
    assert ERROR.initial_metadata() == (("x-i", "1"),)
    assert ERROR.trailing_metadata() == (("x-t", "2"), ("k-bin", b"\0"))
    assert ERROR.debug_error_string() == "NOT_FOUND:no such thing"


def test_what_is_left_out_is_empty() -> None:
    error = aio.AioRpcError(grpc.StatusCode.UNKNOWN, aio.Metadata(), aio.Metadata())
    assert error.details() is None
    assert error.debug_error_string() == ""


def test_str_and_repr_have_grpcios_format() -> None:
    assert str(ERROR) == repr(ERROR)
    assert str(ERROR) == (
        "<AioRpcError of RPC that terminated with:\n"
        "\tstatus = StatusCode.NOT_FOUND\n"
        '\tdetails = "no such thing"\n'
        '\tdebug_error_string = "NOT_FOUND:no such thing"\n'
        ">"
    )


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_it_can_be_pickled(protocol: int) -> None:
    copy = pickle.loads(pickle.dumps(ERROR, protocol))
    assert type(copy) is aio.AioRpcError
    assert str(copy) == str(ERROR)
    assert copy.initial_metadata() == ERROR.initial_metadata()
    assert copy.trailing_metadata() == ERROR.trailing_metadata()


def test_the_family() -> None:
    assert issubclass(aio.AioRpcError, grpc.RpcError)
    assert not issubclass(aio.AioRpcError, aio.BaseError)
    assert {kind.__base__ for kind in (aio.UsageError, aio.AbortError, aio.InternalError)} == {aio.BaseError}
    for kind in (grpc.RpcError, grpc.FutureTimeoutError, grpc.FutureCancelledError, aio.BaseError):
        assert kind.__base__ is Exception
