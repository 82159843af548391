"""The exceptions: which is which's base, what an AioRpcError says, and that it can be pickled."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import grpc_core as grpc
from grpc_core import aio
from tests.support.modules import grpcio

ROOT = Path(__file__).parents[2]

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
    for kind in (grpc.FutureTimeoutError, grpc.FutureCancelledError, aio.BaseError):
        assert kind.__base__ is Exception


def run(program: str) -> str:
    """What a program prints that runs in an interpreter of its own, warnings being errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_where_grpcio_is_loaded_its_except_clauses_catch_our_errors() -> None:
    grpcio()
    program = """
        import pickle
        import grpc_core
        from grpc_core import aio
        from grpc_core.sync.call import _InactiveRpcError
        from grpc_core.sync.exchange import Outcome

        class Own(aio.AioRpcError):
            pass

        early = aio.AioRpcError(grpc_core.StatusCode.NOT_FOUND)
        import grpc

        assert not issubclass(grpc_core.RpcError, grpc.RpcError), "not before there is an error"
        outcome = Outcome(grpc_core.StatusCode.NOT_FOUND, "no such thing")
        for error in (_InactiveRpcError(outcome), Own(grpc_core.StatusCode.NOT_FOUND, details="no such thing"), early):
            try:
                raise error
            except grpc.RpcError as caught:
                assert caught is error
                assert isinstance(caught, grpc.aio.AioRpcError) == isinstance(caught, aio.AioRpcError)
                print(str(caught).splitlines()[:3], caught.code())
            copy = pickle.loads(pickle.dumps(error))
            assert (type(copy), str(copy)) == (type(error), str(error))
        assert not issubclass(grpc.RpcError, grpc_core.RpcError)
        grpc.aio.AioRpcError(grpc.StatusCode.OK)
    """
    assert run(program) == (
        "['<_InactiveRpcError of RPC that terminated with:', '\\tstatus = StatusCode.NOT_FOUND', "
        "'\\tdetails = \"no such thing\"'] StatusCode.NOT_FOUND\n"
        "['<Own of RPC that terminated with:', '\\tstatus = StatusCode.NOT_FOUND', "
        "'\\tdetails = \"no such thing\"'] StatusCode.NOT_FOUND\n"
        "['<AioRpcError of RPC that terminated with:', '\\tstatus = StatusCode.NOT_FOUND', "
        "'\\tdetails = \"None\"'] StatusCode.NOT_FOUND\n"
    )


def test_a_class_with_both_bases_the_other_way_round_keeps_them_apart() -> None:
    """Python could not order the bases of such a class; the program is left as it is."""
    grpcio()
    program = """
        import grpc
        import grpc_core

        class Both(grpc.RpcError, grpc_core.RpcError):
            pass

        error = Both("x")
        assert grpc_core.RpcError.__bases__ == (grpc_core.errors._Error,)
        print(error)
    """
    assert run(program) == "x\n"


def test_without_grpcio_nothing_is_looked_for() -> None:
    program = """
        import sys
        import types
        import grpc_core

        grpc_core.RpcError()
        assert "grpc" not in sys.modules
        sys.modules["grpc"] = types.ModuleType("grpc")  # somebody else's, or one that is still being imported
        grpc_core.RpcError()
        assert len(grpc_core.RpcError.__bases__) == 1
    """
    assert run(program) == ""
