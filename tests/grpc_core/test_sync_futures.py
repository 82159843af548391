"""Futures, deadlines, cancelling, closing and connectivity with the blocking API, in every pair of modules."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import grpc_core
from tests.grpc_core.sync_support import PAIRS, PATIENCE_S, SERVICE, Gate, Peers, joined, modules_of, status

CANCELLED = "CANCELLED", "Locally cancelled by application!"


class Watched:
    """What handlers that wait for the test have to tell."""

    def __init__(self) -> None:
        self.begun = Gate()
        self.over = Gate()
        self.release = Gate()


@pytest.fixture(params=PAIRS)
def waiting(request: pytest.FixtureRequest) -> Iterator[tuple[Peers, Watched]]:
    """Methods that begin, and wait: `uu_wait` until the call is over or released, `us_wait` after a response."""
    watched = Watched()

    def behaviors(grpc: Any) -> dict[str, Callable[..., Any]]:
        def wait(context: Any) -> None:
            either = threading.Event()

            def over() -> None:
                watched.over.open()
                either.set()

            assert context.add_callback(over)
            watched.begun.open()
            while not (either.wait(0.01) or watched.release.is_open()):
                pass

        def uu_wait(request: bytes, context: Any) -> bytes:
            context.send_initial_metadata((("x-early", "1"),))
            wait(context)
            return request

        def us_wait(request: bytes, context: Any) -> Iterator[bytes]:
            yield b"first"
            wait(context)
            yield b"last"

        def su_requests_end(requests: Iterator[bytes], context: Any) -> bytes:
            watched.begun.open()
            try:
                return b"".join(requests)
            except grpc.RpcError:
                watched.over.open()
                raise

        def su_is_left(requests: Iterator[bytes], context: Any) -> bytes:
            if grpc is not grpc_core:  # whose requests just end, now and then (9 % on a loaded machine)
                assert context.add_callback(watched.over.open)
            return su_requests_end(requests, context)

        return {"uu_wait": uu_wait, "us_wait": us_wait, "su_requests_end": su_requests_end, "su_is_left": su_is_left}

    with joined(request.param, behaviors) as peers:
        try:
            yield peers, watched
        finally:
            watched.release.open()


def test_a_future_ends_when_its_call_does(waiting: tuple[Peers, Watched]) -> None:
    peers, watched = waiting
    grpc = peers.client_module
    future = peers.method("uu_wait").future(b"x", timeout=PATIENCE_S)
    told: list[Any] = []
    gate = Gate()
    future.add_done_callback(told.append)
    future.add_done_callback(gate.open)
    assert future.add_callback(lambda: None) is True
    assert isinstance(future, grpc.Future)
    assert isinstance(future, grpc.Call)
    watched.begun.wait()
    assert (future.done(), future.running(), future.cancelled(), future.is_active()) == (False, True, False, True)
    assert 0 < future.time_remaining() <= PATIENCE_S
    if grpc is grpc_core:  # grpcio's unary calls have it only at their end
        assert future.initial_metadata() == (("x-early", "1"),)
    for wait in (future.result, future.exception, future.traceback):
        with pytest.raises(grpc.FutureTimeoutError):
            wait(timeout=0.01)
    assert repr(future) == "<_MultiThreadedRendezvous object>"
    watched.release.open()
    assert future.result(PATIENCE_S) == b"x"
    assert future.result() == b"x"
    assert (future.exception(), future.traceback(), future.code().name) == (None, None, "OK")
    gate.wait()
    assert told == [future]
    future.add_done_callback(told.append)
    assert told == [future, future], "the callback of a call that is over is called at once"
    assert future.add_callback(lambda: None) is False
    assert future.cancel() is False
    assert future.cancelled() is False


def test_a_future_is_cancelled(waiting: tuple[Peers, Watched]) -> None:
    peers, watched = waiting
    grpc = peers.client_module
    future = peers.method("uu_wait").future(b"x")
    watched.begun.wait()
    assert future.cancel()
    assert (future.cancelled(), future.done(), future.running()) == (True, True, False)
    assert status(future) == CANCELLED
    for wait in (future.result, future.exception, future.traceback):
        with pytest.raises(grpc.FutureCancelledError):
            wait()
    assert not future.cancel()
    watched.over.wait()


def test_responses_are_cancelled(waiting: tuple[Peers, Watched]) -> None:
    peers, watched = waiting
    call = peers.method("us_wait", "unary_stream")(b"")
    assert next(call) == b"first"
    watched.begun.wait()
    threading.Timer(0.05, call.cancel).start()
    assert peers.status_of(lambda: next(call)) == CANCELLED, "one thread waits, another cancels"
    assert peers.status_of(lambda: next(call)) == CANCELLED
    assert call.cancelled()
    watched.over.wait()


def test_a_handler_of_requests_learns_that_the_client_is_gone(waiting: tuple[Peers, Watched]) -> None:
    peers, watched = waiting
    gate = Gate()

    def requests() -> Iterator[bytes]:
        yield b"x"
        gate.wait()

    call = peers.method("su_is_left", "stream_unary").future(requests())
    watched.begun.wait()
    call.cancel()
    watched.over.wait()
    gate.open()


@pytest.mark.parametrize("name", ["uu_wait", "us_wait"])
def test_a_deadline_ends_a_call(waiting: tuple[Peers, Watched], name: str) -> None:
    peers, watched = waiting
    expected = "DEADLINE_EXCEEDED", "Deadline Exceeded"
    if name == "uu_wait":
        assert peers.status_of(lambda: peers.method(name)(b"", timeout=0.2)) == expected
        assert peers.status_of(lambda: peers.method(name).with_call(b"", timeout=0.1)) == expected
        future = peers.method(name).future(b"", timeout=0.1)
        assert peers.status_of(lambda: future.result(PATIENCE_S)) == expected
        assert not future.cancelled()
    else:
        call = peers.method(name, "unary_stream")(b"", timeout=0.2)
        assert peers.status_of(lambda: list(call)) == expected
    watched.over.wait()


def test_a_call_that_nobody_holds_is_cancelled(waiting: tuple[Peers, Watched]) -> None:
    peers, watched = waiting
    call = peers.method("us_wait", "unary_stream")(b"")
    assert next(call) == b"first"
    watched.begun.wait()
    del call
    gc.collect()
    watched.over.wait()


def test_closing_a_channel_cancels_its_calls(waiting: tuple[Peers, Watched]) -> None:
    peers, watched = waiting
    future = peers.method("uu_wait").future(b"")
    watched.begun.wait()
    method = peers.method("uu_wait")
    peers.channel.close()
    peers.channel.close()
    assert status(future) == ("CANCELLED", "Channel closed!")
    with pytest.raises(ValueError, match="Cannot invoke RPC on closed channel!"):
        method(b"")
    with pytest.raises(ValueError, match=r"Cannot invoke RPC"):
        peers.method("us_wait", "unary_stream")(b"")


# -- connectivity ------------------------------------------------------------------------------------------------------


class States:
    """The states that a subscriber was told of."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.threads: set[str] = set()
        self._condition = threading.Condition()

    def __call__(self, state: Any) -> None:
        with self._condition:
            self.seen.append(state.name)
            self.threads.add(threading.current_thread().name)
            self._condition.notify_all()

    def wait_for(self, *states: str) -> None:
        """Wait until one of these is the last one."""
        with self._condition:
            assert self._condition.wait_for(lambda: self.seen[-1:] and self.seen[-1] in states, PATIENCE_S), self.seen


def test_a_subscriber_is_told_at_once_and_then_of_changes(waiting: tuple[Peers, Watched]) -> None:
    peers, _ = waiting
    states = States()
    peers.channel.subscribe(states)
    states.wait_for("IDLE")
    peers.channel.subscribe(states, try_to_connect=True)
    states.wait_for("READY")
    assert states.seen[0] == "IDLE"
    assert threading.current_thread().name not in states.threads, "callbacks come on another thread"
    peers.channel.unsubscribe(states)
    peers.channel.unsubscribe(states)
    peers.channel.unsubscribe(states)


def test_a_subscriber_sees_a_server_go_and_come_back() -> None:
    states = States()
    pair = "plait-plait"
    with joined(pair, lambda grpc: {}) as peers:
        channel = grpc_core.insecure_channel(
            f"127.0.0.1:{peers.port}",
            (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 100)),
        )
        channel.subscribe(states, try_to_connect=True)
        states.wait_for("READY")
    states.wait_for("TRANSIENT_FAILURE")
    server = grpc_core.server(ThreadPoolExecutor(1))
    server.add_insecure_port(f"127.0.0.1:{peers.port}")
    server.start()
    states.wait_for("READY")
    channel.close()
    server.stop(None).wait()
    assert "CONNECTING" not in states.seen[states.seen.index("TRANSIENT_FAILURE") :], "until it is READY, as in grpcio"


def test_a_callback_may_make_calls(waiting: tuple[Peers, Watched]) -> None:
    """It runs on a thread where waiting hurts nobody."""
    peers, watched = waiting
    watched.release.open()
    answers: list[Any] = []
    gate = Gate()

    def ready(state: Any) -> None:
        if state.name == "READY" and not answers:
            answers.append(peers.method("uu_wait")(b"from a callback", timeout=PATIENCE_S))
            gate.open()

    if peers.client_module is not grpc_core:
        pytest.skip("grpcio's callbacks are tested by grpcio")
    peers.channel.subscribe(ready, try_to_connect=True)
    gate.wait()
    assert answers == [b"from a callback"]


def test_a_channel_becomes_ready(waiting: tuple[Peers, Watched]) -> None:
    peers, _ = waiting
    grpc = peers.client_module
    future = grpc.channel_ready_future(peers.channel)
    gate = Gate()
    future.add_done_callback(gate.open)
    assert future.result(PATIENCE_S) is None
    assert (future.done(), future.running(), future.cancelled(), future.cancel()) == (True, False, False, False)
    assert future.exception() is None
    assert future.traceback() is None
    gate.wait()
    told: list[Any] = []
    future.add_done_callback(told.append)
    assert told == [future]


@pytest.mark.parametrize("client", ["plait", "grpcio"])
def test_a_channel_that_does_not_become_ready(client: str) -> None:
    grpc = modules_of(f"{client}-plait")[0]
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        future = grpc.channel_ready_future(channel)
        with pytest.raises(grpc.FutureTimeoutError):
            future.result(timeout=0.05)
        assert future.running()
        assert future.cancel()
        assert future.cancelled()
        with pytest.raises(grpc.FutureCancelledError):
            future.result()


def test_what_the_engine_refuses_is_raised_at_once(waiting: tuple[Peers, Watched]) -> None:
    peers, _ = waiting
    if peers.client_module is not grpc_core:
        pytest.skip("grpcio ends such a call with UNAUTHENTICATED")
    token = grpc_core.access_token_call_credentials("token")
    with pytest.raises(grpc_core.aio.UsageError, match="Call credentials are only valid on secure channels"):
        peers.method("us_wait", "unary_stream")(b"", credentials=token)
    with pytest.raises(grpc_core.aio.UsageError, match="Call credentials are only valid on secure channels"):
        peers.method("uu_wait")(b"", credentials=token)


def test_requests_that_cannot_be_iterated_over_begin_no_call(waiting: tuple[Peers, Watched]) -> None:
    peers, watched = waiting
    if peers.client_module is not grpc_core:
        pytest.skip("grpcio finds out in its thread, and ends the call")
    with pytest.raises(TypeError, match="'int' object is not iterable"):
        peers.method("su_requests_end", "stream_unary")(5)
    assert peers.method("su_requests_end", "stream_unary")(iter([b"a"])) == b"a"
    assert not peers.channel._engine().channel._calls
    assert not watched.over.is_open()


def test_one_channel_makes_no_connection_until_it_is_used() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        channel = grpc_core.insecure_channel(f"127.0.0.1:{listener.getsockname()[1]}")
        channel.unary_unary(f"/{SERVICE}/uu_echo")
        with pytest.raises(TimeoutError):
            listener.accept()
        channel.close()
    with pytest.raises(ValueError, match="is not a port"):
        grpc_core.insecure_channel("127.0.0.1:port")


# -- back-pressure -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS[:3])
def test_a_slow_reader_holds_back_a_fast_writer(pair: str) -> None:
    """Both ways: what is not taken is not made. 1,000 messages of 64 KiB, of which one is taken until no more is made.

    C-core has been seen to let 13 MB into its windows and buffers.
    """
    made: list[int] = []
    sent: list[int] = []
    begun, go_on = Gate(), Gate()
    message = bytes(65_536)

    def us_many(request: bytes, context: Any) -> Iterator[bytes]:
        for number in range(1000):
            made.append(number)
            yield message

    def su_slow(requests: Iterator[bytes], context: Any) -> bytes:
        count = len(next(requests))
        begun.open()
        go_on.wait()
        return b"%d" % (count + sum(map(len, requests)))

    with joined(pair, lambda grpc: {"us_many": us_many, "su_slow": su_slow}) as peers:
        call = peers.method("us_many", "unary_stream")(b"")
        next(call)
        assert peers.stalled(lambda: len(made)) < 900, "responses are made although nobody takes them"
        assert sum(1 for _ in call) == 999

        def requests() -> Iterator[bytes]:
            for number in range(1000):
                sent.append(number)
                yield message

        slow = peers.method("su_slow", "stream_unary").future(requests())
        begun.wait()
        assert peers.stalled(lambda: len(sent)) < 900, "requests are made although nobody takes them"
        go_on.open()
        assert slow.result(PATIENCE_S) == b"%d" % (1000 * 65_536)
