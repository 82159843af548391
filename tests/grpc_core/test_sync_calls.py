"""Calls of all four kinds with the blocking API: the same program on grpcio's module and on ours, in every pair."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import grpc_core
from tests.grpc_core.sync_support import PAIRS, PATIENCE_S, SERVICE, Gate, Peers, joined

MIB = 1 << 20


def _behaviors(grpc: Any) -> dict[str, Callable[..., Any]]:
    code = grpc.StatusCode

    def uu_echo(request: bytes, context: Any) -> bytes:
        return request

    def uu_metadata(request: bytes, context: Any) -> bytes:
        pairs = [(pair.key, pair.value) for pair in context.invocation_metadata()]
        assert pairs == [(key, value) for key, value in context.invocation_metadata()]
        context.send_initial_metadata([pair for pair in pairs if pair[0].startswith("x-")])
        context.set_trailing_metadata((("x-t", "1"), ("x-t", "2"), ("x-t-bin", b"\0\xff")))
        return b""

    def uu_abort(request: bytes, context: Any) -> None:
        context.set_trailing_metadata((("x-t", "1"),))
        context.abort(code.FAILED_PRECONDITION, "nö ☺")

    def uu_abort_ok(request: bytes, context: Any) -> None:
        context.abort(code.OK, "well")

    def uu_abort_caught(request: bytes, context: Any) -> bytes:
        try:
            context.abort(code.NOT_FOUND, "gone")
        except Exception as error:
            assert type(error) is Exception  # noqa: PT017  # the type is what is tested
        return b"ignored"

    def uu_abort_with_status(request: bytes, context: Any) -> None:
        class Given(grpc.Status):  # type: ignore[misc]  # the module is Any
            code = grpc.StatusCode.DATA_LOSS
            details = "lost"
            trailing_metadata = (("x-s", "t"),)

        context.abort_with_status(Given())

    def uu_set_code(request: bytes, context: Any) -> bytes:
        assert (context.code(), context.details()) == (None, None)
        context.set_code(code.ALREADY_EXISTS)
        context.set_details("twice ☺")
        assert context.code() is code.ALREADY_EXISTS
        assert context.details() == "twice ☺".encode()
        return b"x"

    def uu_bad_code(request: bytes, context: Any) -> bytes:
        context.set_code("no code")
        return b"x"

    def uu_raises(request: bytes, context: Any) -> bytes:
        raise ValueError("odd")

    def uu_raises_after_set_code(request: bytes, context: Any) -> bytes:
        context.set_code(code.OUT_OF_RANGE)
        raise ValueError("odd")

    def uu_unprintable(request: bytes, context: Any) -> bytes:
        class Unprintable(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        raise Unprintable

    def uu_unimplemented(request: bytes, context: Any) -> bytes:
        context.set_code(code.UNIMPLEMENTED)
        context.set_details("Method not implemented!")
        raise NotImplementedError("Method not implemented!")

    def uu_none(request: bytes, context: Any) -> Any:
        return None

    def uu_late_metadata(request: bytes, context: Any) -> bytes:
        context.send_initial_metadata(())
        with pytest.raises(ValueError, match="Initial metadata no longer allowed!"):
            context.send_initial_metadata(())
        return b"refused"

    def uu_remaining(request: bytes, context: Any) -> bytes:
        return repr(10 < context.time_remaining() <= 21).encode()

    def uu_about(request: bytes, context: Any) -> bytes:
        return repr((context.is_active(), context.peer().rpartition(":")[0], context.peer_identities())).encode()

    def us_count(request: bytes, context: Any) -> Iterator[bytes]:
        context.set_trailing_metadata((("x-count", request.decode()),))
        for number in range(int(request)):
            yield b"%d" % number

    def us_raises(request: bytes, context: Any) -> Iterator[bytes]:
        yield b"first"
        raise ValueError("odd")

    def us_raises_at_once(request: bytes, context: Any) -> Iterator[bytes]:
        raise ValueError("odd")

    def us_abort(request: bytes, context: Any) -> Iterator[bytes]:
        yield b"first"
        context.abort(code.ABORTED, "enough")

    def su_total(requests: Iterator[bytes], context: Any) -> bytes:
        return b"%d" % sum(len(request) for request in requests)

    def su_first(requests: Any, context: Any) -> bytes:
        first: bytes = requests.next()
        return first

    def ss_double(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        for request in requests:
            yield request * 2

    return {name: value for name, value in locals().items() if name[:3] in ("uu_", "us_", "su_", "ss_")}


@pytest.fixture(scope="module", params=PAIRS)
def peers(request: pytest.FixtureRequest) -> Iterator[Peers]:
    logging.disable(logging.CRITICAL)  # handlers that raise are logged
    try:
        with joined(request.param, _behaviors) as joined_peers:
            yield joined_peers
    finally:
        logging.disable(logging.NOTSET)


# -- the four kinds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 100_000, 4 * MIB - 100])
def test_one_request_has_one_response(peers: Peers, size: int) -> None:
    assert peers.method("uu_echo")(bytes(size), timeout=PATIENCE_S) == bytes(size)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_responses_are_iterated_over(peers: Peers, count: int) -> None:
    call = peers.method("us_count", "unary_stream")(b"%d" % count)
    assert list(call) == [b"%d" % number for number in range(count)]
    assert call.code().name == "OK"
    assert call.details() == ""
    assert [tuple(pair) for pair in call.trailing_metadata()] == [("x-count", str(count))]
    with pytest.raises(StopIteration):
        call.next()
    assert not call.is_active()
    assert call.done()
    assert not call.cancel()
    assert call.exception() is None


def test_requests_come_from_an_iterator(peers: Peers) -> None:
    total = peers.method("su_total", "stream_unary")
    assert total(bytes(number) for number in range(100)) == b"4950"
    assert total(iter(())) == b"0"
    response, call = total.with_call(iter([b"abc"]))
    assert (response, call.code().name) == (b"3", "OK")
    assert total.future(iter([b"ab"])).result(PATIENCE_S) == b"2"


def test_requests_and_responses_take_turns(peers: Peers) -> None:
    answers: list[bytes] = []
    turn = threading.Semaphore(1)

    def requests() -> Iterator[bytes]:
        for number in range(20):
            assert turn.acquire(timeout=PATIENCE_S), "each request waits for the answer to the one before"
            yield b"%d" % number

    for answer in peers.method("ss_double", "stream_stream")(requests()):
        answers.append(answer)
        turn.release()
    assert answers == [b"%d" % number * 2 for number in range(20)]


def test_large_messages_flow_both_ways(peers: Peers) -> None:
    call = peers.method("ss_double", "stream_stream")(bytes([index]) * MIB for index in range(8))
    for index, answer in enumerate(call):
        assert answer == bytes([index]) * 2 * MIB


def test_a_server_may_answer_before_the_requests_end(peers: Peers) -> None:
    gate = Gate()

    def requests() -> Iterator[bytes]:
        yield b"first"
        gate.wait()

    assert peers.method("su_first", "stream_unary")(requests(), timeout=PATIENCE_S) == b"first"
    gate.open()


def test_codecs_run_on_both_ends_of_a_method(peers: Peers) -> None:
    assert peers.method("uu_echo", "unary_unary", str.encode, bytes.decode)("über ☺") == "über ☺"
    numbers = peers.method("us_count", "unary_stream", str.encode, int)("4")
    assert list(numbers) == [0, 1, 2, 3]


# -- metadata and status -----------------------------------------------------------------------------------------------


def test_metadata_travels_both_ways_as_named_pairs(peers: Peers) -> None:
    sent = (("x-a", "1"), ("x-b-bin", b"\0\1\xff"), ("y", "no"))
    _, call = peers.method("uu_metadata").with_call(b"", metadata=sent)
    initial = [(pair.key, pair.value) for pair in call.initial_metadata()]
    assert sorted(pair for pair in initial if pair[0].startswith("x-")) == [("x-a", "1"), ("x-b-bin", b"\0\1\xff")]
    trailing = [(pair.key, pair.value) for pair in call.trailing_metadata()]
    assert trailing == [("x-t", "1"), ("x-t", "2"), ("x-t-bin", b"\0\xff")]


def test_metadata_that_cannot_be_sent_is_refused(peers: Peers) -> None:
    """By ours with an error that names the key, before anything happens; grpcio's blocking call says INTERNAL."""
    refused = ValueError if peers.client_module is grpc_core else peers.client_module.RpcError
    with pytest.raises(refused):
        peers.method("uu_echo")(b"", metadata=(("not a key", "x"),))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("uu_abort", ("FAILED_PRECONDITION", "nö ☺")),
        ("uu_abort_ok", ("UNKNOWN", "")),
        ("uu_set_code", ("ALREADY_EXISTS", "twice ☺")),
        ("uu_bad_code", ("UNKNOWN", "")),
        ("uu_raises", ("UNKNOWN", "Exception calling application: odd")),
        ("uu_raises_after_set_code", ("OUT_OF_RANGE", "Exception calling application: odd")),
        ("uu_unprintable", ("UNKNOWN", "Calling application raised unprintable Exception!")),
        ("uu_unimplemented", ("UNIMPLEMENTED", "Method not implemented!")),
        ("uu_abort_caught", ("NOT_FOUND", "gone")),
        ("uu_abort_with_status", ("DATA_LOSS", "lost")),
        ("uu_none", ("INTERNAL", "Failed to serialize response!")),
        ("uu_no_such_method", ("UNIMPLEMENTED", "Method not found!")),
    ],
)
def test_a_handler_ends_a_call_with_a_status(peers: Peers, name: str, expected: tuple[str, str]) -> None:
    assert peers.status_of(lambda: peers.method(name)(b"")) == expected
    assert peers.status_of(lambda: peers.method(name).with_call(b"")) == expected
    assert peers.status_of(lambda: peers.method(name).future(b"").result(PATIENCE_S)) == expected


@pytest.mark.parametrize(
    ("name", "first", "expected"),
    [
        ("us_raises", [b"first"], ("UNKNOWN", "Exception iterating responses: odd")),
        ("us_abort", [b"first"], ("ABORTED", "enough")),
    ],
)
def test_responses_come_before_the_status(
    peers: Peers, name: str, first: list[bytes], expected: tuple[str, str]
) -> None:
    call = peers.method(name, "unary_stream")(b"")
    received: list[bytes] = []
    assert peers.status_of(lambda: received.extend(call)) == expected
    assert received == first
    assert (call.code().name, call.details()) == expected


def test_a_handler_of_responses_that_fails_at_once(peers: Peers) -> None:
    call = peers.method("us_raises_at_once", "unary_stream")(b"")
    assert peers.status_of(lambda: next(call)) == ("UNKNOWN", "Exception calling application: odd")


def test_an_error_is_a_call_and_a_future(peers: Peers) -> None:
    grpc = peers.client_module
    with pytest.raises(grpc.RpcError) as caught:
        peers.method("uu_abort")(b"")
    error: Any = caught.value
    assert isinstance(error, grpc.Call)
    assert isinstance(error, grpc.Future)
    assert [tuple(pair) for pair in error.trailing_metadata()] == [("x-t", "1")]
    assert tuple(error.initial_metadata()) == ()
    assert "nö" in error.debug_error_string()
    assert str(error).split("\tdebug_error_string")[0] == (
        "<_InactiveRpcError of RPC that terminated with:\n"
        "\tstatus = StatusCode.FAILED_PRECONDITION\n"
        '\tdetails = "nö ☺"\n'
    )
    assert (error.done(), error.running(), error.cancelled(), error.cancel()) == (True, False, False, False)
    assert error.exception() is error
    assert error.traceback() is not None
    with pytest.raises(grpc.RpcError) as again:
        error.result()
    assert again.value is error
    told: list[Any] = []
    error.add_done_callback(told.append)
    assert told == [error]


def test_a_context_knows_its_call(peers: Peers) -> None:
    assert peers.method("uu_about")(b"") == repr((True, "ipv4:127.0.0.1", None)).encode()
    assert peers.method("uu_remaining")(b"", timeout=20) == b"True"
    assert peers.method("uu_late_metadata")(b"") == b"refused"


# -- what the client does wrong ----------------------------------------------------------------------------------------


def _broken(value: Any) -> Any:
    raise ZeroDivisionError


def test_a_request_that_cannot_be_serialized(peers: Peers) -> None:
    expected = "INTERNAL", "Exception serializing request!"
    assert peers.status_of(lambda: peers.method("uu_echo", "unary_unary", _broken)(b"")) == expected
    assert peers.status_of(lambda: peers.method("su_total", "stream_unary", _broken)(iter([b""]))) == expected


def test_a_response_that_cannot_be_deserialized(peers: Peers) -> None:
    expected = "INTERNAL", "Exception deserializing response!"
    method = peers.method("uu_echo", "unary_unary", None, _broken)
    assert peers.status_of(lambda: method(b"")) == expected
    future = method.future(b"")
    assert (future.code().name, future.details()) == expected
    assert peers.status_of(lambda: future.result(PATIENCE_S)) == expected
    call = peers.method("us_count", "unary_stream", None, _broken)(b"3")
    assert peers.status_of(lambda: next(call)) == expected
    assert call.code().name == "INTERNAL"


def test_an_exception_in_the_request_iterator(peers: Peers) -> None:
    def requests() -> Iterator[bytes]:
        yield b"x"
        raise ZeroDivisionError

    expected = "UNKNOWN", "Exception iterating requests!"
    assert peers.status_of(lambda: peers.method("su_total", "stream_unary")(requests())) == expected
    call = peers.method("ss_double", "stream_stream")(requests())
    assert peers.status_of(lambda: list(call)) == expected


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_deadline_in_the_past(peers: Peers, timeout: int) -> None:
    if peers.client_module is not grpc_core:
        pytest.skip("C-core gives such a call a moment, in which an answer may come")
    with pytest.raises(grpc_core.RpcError) as caught:
        peers.method("uu_echo")(b"", timeout=timeout)
    assert (
        str(caught.value)
        .split("\n\tdebug")[0]
        .endswith('\tstatus = StatusCode.DEADLINE_EXCEEDED\n\tdetails = "Deadline Exceeded"')
    )


def test_nobody_listens(peers: Peers) -> None:
    with peers.client_module.insecure_channel("127.0.0.1:1") as channel:
        method = channel.unary_unary(f"/{SERVICE}/uu_echo")
        assert peers.status_of(lambda: method(b"")) == (
            "UNAVAILABLE",
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: "
            "Failed to connect to remote host: Connection refused",
        )
        started = time.monotonic()
        assert peers.status_of(lambda: method(b"", timeout=0.2, wait_for_ready=True))[0] == "DEADLINE_EXCEEDED"
        assert time.monotonic() - started >= 0.2


def test_two_hundred_threads_share_a_channel(peers: Peers) -> None:
    echo = peers.method("uu_echo")
    count = peers.method("us_count", "unary_stream")
    failed: list[Any] = []

    def work(number: int) -> None:
        try:
            for turn in range(3):
                message = b"%d/%d" % (number, turn)
                if echo(message, timeout=PATIENCE_S) != message:
                    failed.append(message)
            if len(list(count(b"5", timeout=PATIENCE_S))) != 5:
                failed.append(number)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not failed
    assert not any(thread.is_alive() for thread in threads)
