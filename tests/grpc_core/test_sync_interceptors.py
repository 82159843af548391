"""Interceptors of the blocking API, client and server: ours and grpcio's, in every pair of roles, with one outcome."""

from __future__ import annotations

import collections
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import grpc_core
from grpc_core import aio
from tests.grpc_core.sync_support import PAIRS, PATIENCE_S, SERVICE, Gate, Peers, joined, status
from tests.support.modules import grpcio

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
METHOD_OF = {
    "unary_unary": "uu_echo",
    "unary_stream": "us_count",
    "stream_unary": "su_join",
    "stream_stream": "ss_chat",
}
EXPECTED: dict[str, Any] = {
    "unary_unary": b"a",
    "unary_stream": [b"a 0", b"a 1"],
    "stream_unary": b"a,b",
    "stream_stream": [b"re: a", b"re: b"],
}
EVERY_PAIR = pytest.mark.parametrize("pair", PAIRS)
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def behaviors(grpc: Any) -> dict[str, Callable[..., Any]]:
    def trailing(context: Any) -> None:
        context.set_trailing_metadata(tuple((k, v) for k, v in context.invocation_metadata() if k.startswith("x-")))

    def echo(request: bytes, context: Any) -> bytes:
        trailing(context)
        return request

    def count(request: bytes, context: Any) -> Iterator[bytes]:
        trailing(context)
        for index in range(2):
            yield b"%s %d" % (request, index)

    def join(requests: Any, context: Any) -> bytes:
        trailing(context)
        return b",".join(requests)

    def chat(requests: Any, context: Any) -> Iterator[bytes]:
        trailing(context)
        for request in requests:
            yield b"re: " + request

    def flaky(request: bytes, context: Any) -> bytes:
        attempt = dict(context.invocation_metadata()).get("x-attempt")
        if attempt != "3":
            context.abort(grpc.StatusCode.UNAVAILABLE, f"attempt {attempt}")
        return request

    def remaining(request: bytes, context: Any) -> bytes:
        left = context.time_remaining()
        return b"none" if left is None or left > 1e6 else b"short" if left < 15 else b"long"

    def failing(request: bytes, context: Any) -> Iterator[bytes]:
        yield b"one"
        context.abort(grpc.StatusCode.DATA_LOSS, "lost")

    def read_variable(request: bytes, context: Any) -> bytes:
        return variable.get().encode()

    def read_variable_each(request: bytes, context: Any) -> Iterator[bytes]:
        for _ in range(2):
            yield variable.get().encode()

    return {
        "uu_echo": echo,
        "us_count": count,
        "su_join": join,
        "ss_chat": chat,
        "uu_flaky": flaky,
        "uu_remaining": remaining,
        "us_failing": failing,
        "uu_variable": read_variable,
        "us_variable": read_variable_each,
    }


def requests_of(kind: str) -> Any:
    return b"a" if kind.startswith("unary") else iter([b"a", b"b"])


def interceptor(grpc: Any, kind: str, function: Callable[[Any, Any, Any], Any]) -> Any:
    """An interceptor of the module's class for that kind, whose method is the function."""
    names = "".join(word.title() for word in kind.split("_"))

    def intercept(self: Any, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return function(continuation, client_call_details, request)

    return type("Interceptor", (getattr(grpc, f"{names}ClientInterceptor"),), {f"intercept_{kind}": intercept})()


def method(peers: Peers, kind: str, *functions: Callable[[Any, Any, Any], Any], name: str = "") -> Any:
    """The callable of a method, through interceptors that are these functions."""
    grpc = peers.client_module
    channel = grpc.intercept_channel(peers.channel, *[interceptor(grpc, kind, function) for function in functions])
    return getattr(channel, kind)(f"/{SERVICE}/{name or METHOD_OF[kind]}")


def passes(continuation: Any, details: Any, request: Any) -> Any:
    return continuation(details, request)


def ways(callable_: Any, kind: str) -> list[Callable[..., Any]]:
    """Each way to make a call: a function that returns (response or responses, the call)."""

    def by_future(request: Any, **settings: Any) -> Any:
        future = callable_.future(request, **settings)
        return future.result(PATIENCE_S), future

    def by_iteration(request: Any, **settings: Any) -> Any:
        call = callable_(request, **settings)
        return list(call), call

    if kind.endswith("stream"):
        return [by_iteration]
    return [lambda request, **settings: (callable_(request, **settings), None), callable_.with_call, by_future]


# -- clients -----------------------------------------------------------------------------------------------------------


@EVERY_KIND
@EVERY_PAIR
def test_the_first_interceptor_is_the_first_asked_and_the_last_to_see_the_outcome(pair: str, kind: str) -> None:
    seen: list[str] = []

    def named(name: str) -> Any:
        def intercept(continuation: Any, details: Any, request: Any) -> Any:
            seen.append(f"{name} in")
            outcome = continuation(details, request)
            seen.append(f"{name} out")
            return outcome

        return intercept

    with joined(pair, behaviors) as peers:
        for way in ways(method(peers, kind, named("1"), named("2"), named("3")), kind):
            response, call = way(requests_of(kind), metadata=(("x-a", "1"),))
            assert response == EXPECTED[kind]
            if call is not None:
                assert status(call) == ("OK", "")
                assert tuple(map(tuple, call.trailing_metadata())) == (("x-a", "1"),)
            assert seen == ["1 in", "2 in", "3 in", "3 out", "2 out", "1 out"]
            seen.clear()


@EVERY_KIND
@EVERY_PAIR
def test_an_interceptor_sees_what_the_caller_said(pair: str, kind: str) -> None:
    seen: list[Any] = []

    def intercept(continuation: Any, details: Any, request: Any) -> Any:
        assert isinstance(details, peers.client_module.ClientCallDetails)
        seen.append((details.method, details.timeout, details.metadata, details.credentials))
        seen.append((details.wait_for_ready, details.compression))
        return continuation(details, request)

    with joined(pair, behaviors) as peers:
        gzip = peers.client_module.Compression.Gzip
        for way in ways(method(peers, kind, intercept), kind):
            way(requests_of(kind), timeout=20, metadata=(("x-a", "1"),), wait_for_ready=True, compression=gzip)
            way(requests_of(kind))
            path = f"/{SERVICE}/{METHOD_OF[kind]}"
            assert seen == [(path, 20, (("x-a", "1"),), None), (True, gzip), (path, None, None, None), (None, None)]
            seen.clear()


@EVERY_KIND
@EVERY_PAIR
def test_an_interceptor_changes_the_call(pair: str, kind: str) -> None:
    made = collections.namedtuple("made", ("method", "timeout", "metadata"))  # as in grpc's examples

    def intercept(continuation: Any, details: Any, request: Any) -> Any:
        request = b"x" if kind.startswith("unary") else iter([b"x"])
        return continuation(made(f"/{SERVICE}/{METHOD_OF[kind]}", 10, (("x-b", "2"),)), request)

    with joined(pair, behaviors) as peers:
        for way in ways(method(peers, kind, intercept, name="none"), kind):
            response, call = way(requests_of(kind), metadata=(("x-a", "1"),))
            expected: Any = {"unary_unary": b"x", "unary_stream": [b"x 0", b"x 1"], "stream_unary": b"x"}
            assert response == expected.get(kind, [b"re: x"])
            if call is not None:
                assert tuple(map(tuple, call.trailing_metadata())) == (("x-b", "2"),)


@EVERY_PAIR
def test_an_interceptor_changes_the_timeout(pair: str) -> None:
    def intercept(continuation: Any, details: Any, request: Any) -> Any:
        return continuation(details._replace(timeout=10), request)

    with joined(pair, behaviors) as peers:
        remaining = method(peers, "unary_unary", intercept, name="uu_remaining")
        assert (remaining(b""), remaining(b"", timeout=20)) == (b"short", b"short")
        assert method(peers, "unary_unary", passes, name="uu_remaining")(b"", timeout=20) == b"long"


@EVERY_PAIR
def test_each_kind_has_its_interceptors(pair: str) -> None:
    seen: list[str] = []

    def noting(kind: str) -> Any:
        def intercept(continuation: Any, details: Any, request: Any) -> Any:
            seen.append(kind)
            return continuation(details, request)

        return interceptor(peers.client_module, kind, intercept)

    with joined(pair, behaviors) as peers:
        channel = peers.client_module.intercept_channel(peers.channel, *map(noting, KINDS))
        assert isinstance(channel, peers.client_module.Channel)
        for kind in KINDS:
            callable_ = getattr(channel, kind)(f"/{SERVICE}/{METHOD_OF[kind]}")
            name = "".join(word.title() for word in kind.split("_")) + "MultiCallable"
            assert isinstance(callable_, getattr(peers.client_module, name))
            for way in ways(callable_, kind):
                assert way(requests_of(kind))[0] == EXPECTED[kind]
        assert seen == ["unary_unary"] * 3 + ["unary_stream"] + ["stream_unary"] * 3 + ["stream_stream"]


@EVERY_PAIR
def test_a_continuation_returns_the_outcome_also_of_a_call_that_failed(pair: str) -> None:
    seen: list[Any] = []

    def intercept(continuation: Any, details: Any, request: Any) -> Any:
        outcome = continuation(details, request)
        grpc = peers.client_module
        seen.append((isinstance(outcome, grpc.Call), isinstance(outcome, grpc.Future), outcome.code().name))
        error = outcome.exception()
        seen.append((error is None, outcome.done(), outcome.cancelled(), outcome.running(), outcome.details()))
        return outcome

    with joined(pair, behaviors) as peers:
        flaky = method(peers, "unary_unary", intercept, name="uu_flaky")
        for way in ways(flaky, "unary_unary"):
            assert peers.status_of(lambda way=way: way(b"x")) == ("UNAVAILABLE", "attempt None")
            assert seen == [(True, True, "UNAVAILABLE"), (False, True, False, False, "attempt None")]
            seen.clear()
            assert way(b"x", metadata=(("x-attempt", "3"),))[0] == b"x"
            assert seen == [(True, True, "OK"), (True, True, False, False, "")]
            seen.clear()


@EVERY_PAIR
def test_an_outcome_that_is_ok_is_a_call_and_a_future(pair: str) -> None:
    seen: list[Any] = []

    def intercept(continuation: Any, details: Any, request: Any) -> Any:
        outcome = continuation(details, request)
        seen.append((outcome.result(), outcome.result(1), outcome.exception(), outcome.traceback(), outcome.cancel()))
        seen.append((outcome.is_active(), outcome.add_callback(lambda: None), outcome.initial_metadata()))
        assert outcome.time_remaining() is None or outcome.time_remaining() > 0  # grpcio: a very large number
        outcome.add_done_callback(lambda done: seen.append(done is outcome))
        return outcome

    with joined(pair, behaviors) as peers:
        response, call = method(peers, "unary_unary", intercept).with_call(b"x")
        assert response == b"x"
        assert seen == [(b"x", b"x", None, None, False), (False, False, ()), True]
        assert call.result() == b"x"


@EVERY_PAIR
def test_an_interceptor_calls_its_continuation_until_it_is_content(pair: str) -> None:
    def intercept(continuation: Any, details: Any, request: Any) -> Any:
        for attempt in "123":
            outcome = continuation(details._replace(metadata=(("x-attempt", attempt),)), request)
            if outcome.code().name != "UNAVAILABLE":
                break
        return outcome

    with joined(pair, behaviors) as peers:
        for way in ways(method(peers, "unary_unary", intercept, name="uu_flaky"), "unary_unary"):
            assert way(b"x")[0] == b"x"


@EVERY_PAIR
def test_an_interceptor_returns_what_has_a_result(pair: str) -> None:
    class Made:
        def result(self, timeout: float | None = None) -> bytes:
            return b"made up"

    with joined(pair, behaviors) as peers:
        for way in ways(method(peers, "unary_unary", passes, lambda *_: Made()), "unary_unary"):
            assert way(b"x")[0] == b"made up"


@EVERY_PAIR
def test_a_plain_value_is_no_outcome(pair: str) -> None:
    with joined(pair, behaviors) as peers:
        echo = method(peers, "unary_unary", lambda *_: b"plain")
        with pytest.raises(AttributeError, match="'bytes' object has no attribute 'result'"):
            echo(b"x")
        with pytest.raises(AttributeError, match="'bytes' object has no attribute 'result'"):
            echo.with_call(b"x")
        assert echo.future(b"x") == b"plain"


@EVERY_PAIR
def test_an_iterator_of_ones_own_is_what_the_caller_gets(pair: str) -> None:
    def intercept(continuation: Any, details: Any, request: Any) -> Iterator[bytes]:
        return (b"<" + response + b">" for response in continuation(details, request))

    with joined(pair, behaviors) as peers:
        assert list(method(peers, "unary_stream", intercept, intercept)(b"a")) == [b"<<a 0>>", b"<<a 1>>"]
        assert list(method(peers, "stream_stream", intercept)(iter([b"a"]))) == [b"<re: a>"]
        failing = method(peers, "unary_stream", intercept, name="us_failing")(b"")
        assert next(failing) == b"<one>"
        assert peers.status_of(lambda: next(failing)) == ("DATA_LOSS", "lost")


@EVERY_KIND
@EVERY_PAIR
def test_what_an_interceptor_raises_reaches_the_caller(pair: str, kind: str) -> None:
    def raises(continuation: Any, details: Any, request: Any) -> Any:
        raise ZeroDivisionError("odd")

    seen: list[Any] = []

    def outer(continuation: Any, details: Any, request: Any) -> Any:
        outcome = continuation(details, request)
        seen.append((outcome.code().name, outcome.details(), type(outcome.exception()).__name__, outcome.done()))
        seen.append((outcome.initial_metadata(), outcome.trailing_metadata(), outcome.time_remaining()))
        seen.append((outcome.cancel(), outcome.cancelled(), outcome.running(), outcome.is_active()))
        outcome.add_done_callback(lambda done: seen.append(done is outcome))
        seen.append((outcome.add_callback(lambda: None), outcome.traceback() is not None))
        return outcome

    with joined(pair, behaviors) as peers:
        for way in ways(method(peers, kind, outer, raises), kind):
            with pytest.raises(ZeroDivisionError, match="odd"):
                way(requests_of(kind))
            text = "Exception raised while intercepting the RPC"
            assert seen == [
                ("INTERNAL", text, "ZeroDivisionError", True),
                (None, None, None),
                (False, False, False, False),
                True,
                (False, True),
            ]
            seen.clear()


@EVERY_PAIR
def test_the_outcome_of_a_fault_is_an_iterator_too(pair: str) -> None:
    def raises(continuation: Any, details: Any, request: Any) -> Any:
        raise ZeroDivisionError("odd")

    with joined(pair, behaviors) as peers:
        call = method(peers, "unary_stream", raises)(b"")
        for take in (lambda: next(call), call.next, call.result):
            with pytest.raises(ZeroDivisionError, match="odd"):
                take()
        assert isinstance(call, peers.client_module.RpcError)


@EVERY_PAIR
def test_a_stream_can_be_cancelled_through_interceptors(pair: str) -> None:
    with joined(pair, behaviors) as peers:
        release = Gate()

        def requests() -> Iterator[bytes]:
            yield b"a"
            release.wait()

        call = method(peers, "stream_stream", passes, passes)(requests())
        assert next(call) == b"re: a"
        call.cancel()
        assert call.code().name == "CANCELLED"
        release.open()


@EVERY_PAIR
def test_what_is_no_interceptor_is_refused(pair: str) -> None:
    with joined(pair, behaviors) as peers:
        with pytest.raises(TypeError) as caught:
            peers.client_module.intercept_channel(peers.channel, object())
        assert str(caught.value) == (
            "interceptor must be grpc.UnaryUnaryClientInterceptor or grpc.UnaryStreamClientInterceptor or "
            "grpc.StreamUnaryClientInterceptor or grpc.StreamStreamClientInterceptor"
        )
        assert peers.client_module.intercept_channel(peers.channel) is peers.channel


@EVERY_PAIR
def test_the_rest_of_the_channel_is_that_of_the_channel_inside(pair: str) -> None:
    ready = Gate()

    def watch(state: Any) -> None:
        if state.name == "READY":
            ready.open()

    with joined(pair, behaviors) as peers:
        grpc = peers.client_module
        channel = grpc.intercept_channel(peers.channel, interceptor(grpc, "unary_unary", passes))
        channel.subscribe(watch, try_to_connect=True)
        ready.wait()
        channel.unsubscribe(watch)
        with channel:
            assert channel.unary_unary(f"/{SERVICE}/uu_echo")(b"x") == b"x"
        with pytest.raises(ValueError, match="closed channel"):
            channel.unary_unary(f"/{SERVICE}/uu_echo")(b"x")


def test_the_abstract_methods_are_grpcios() -> None:
    for kind in KINDS:
        name = "".join(word.title() for word in kind.split("_")) + "ClientInterceptor"
        ours, theirs = getattr(grpc_core, name), getattr(grpcio(), name)
        assert ours.__abstractmethods__ == theirs.__abstractmethods__
        with pytest.raises(TypeError):
            ours()


def test_one_object_of_several_kinds_and_of_no_class_of_ours() -> None:
    """Interceptors are known by their methods."""

    class Everything:
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            return continuation(details, request.upper())

        def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
            return continuation(details, request.upper())

    with joined("plait-plait", behaviors) as peers:
        channel = grpc_core.intercept_channel(peers.channel, Everything())
        assert channel.unary_unary(f"/{SERVICE}/uu_echo")(b"a") == b"A"
        assert list(channel.unary_stream(f"/{SERVICE}/us_count")(b"a")) == [b"A 0", b"A 1"]
        assert channel.stream_unary(f"/{SERVICE}/su_join")(iter([b"a"])) == b"a"


def test_the_helpers_of_a_channel_go_through_interceptors() -> None:
    seen: list[str] = []

    def noting(kind: str) -> Any:
        def intercept(continuation: Any, details: Any, request: Any) -> Any:
            seen.append(kind)
            return continuation(details, request)

        return interceptor(grpc_core, kind, intercept)

    with joined("plait-plait", behaviors) as peers:
        channel: Any = grpc_core.intercept_channel(peers.channel, *map(noting, KINDS))
        assert channel.call_unary(f"/{SERVICE}/uu_echo", b"a") == b"a"
        assert list(channel.call_server_streaming(f"/{SERVICE}/us_count", b"a")) == [b"a 0", b"a 1"]
        assert channel.call_client_streaming(f"/{SERVICE}/su_join", [b"a", b"b"]) == b"a,b"
        assert list(channel.call_bidirectional_streaming(f"/{SERVICE}/ss_chat", [b"a"])) == [b"re: a"]
        assert seen == list(KINDS)
        with channel.stream(f"/{SERVICE}/ss_chat") as stream:
            stream.send(b"a")
            assert stream.recv(timeout=PATIENCE_S) == b"re: a"
        assert seen == [*KINDS, "stream_stream"]


def test_our_interceptors_on_grpcios_channel_and_the_reverse() -> None:
    grpc = grpcio()
    with joined("plait-grpcio", behaviors) as peers:
        inside = interceptor(grpc, "unary_unary", passes)
        outside = interceptor(grpc_core, "unary_unary", passes)
        channel = grpc_core.intercept_channel(peers.channel, outside, inside)
        assert channel.unary_unary(f"/{SERVICE}/uu_echo")(b"x") == b"x"
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(f"/{SERVICE}/uu_flaky").with_call(b"x")
        assert status(caught.value) == ("UNAVAILABLE", "attempt None")
        future = channel.unary_unary(f"/{SERVICE}/uu_flaky").future(b"x")
        assert (status(future), future.exception(PATIENCE_S) is not None) == (("UNAVAILABLE", "attempt None"), True)


# -- servers -----------------------------------------------------------------------------------------------------------


def server_interceptor(grpc: Any, function: Callable[[Any, Any], Any]) -> Any:
    def intercept(self: Any, continuation: Any, handler_call_details: Any) -> Any:
        return function(continuation, handler_call_details)

    return type("Interceptor", (grpc.ServerInterceptor,), {"intercept_service": intercept})()


def intercepted(pair: str, *functions: Callable[[Any, Any], Any], **arguments: Any) -> Any:
    """As `joined`, with server interceptors that are these functions."""
    grpc = grpcio() if pair.startswith("grpcio") else grpc_core
    return joined(
        pair, behaviors, interceptors=[server_interceptor(grpc, function) for function in functions], **arguments
    )


@EVERY_KIND
@EVERY_PAIR
def test_server_interceptors_are_asked_in_their_order(pair: str, kind: str) -> None:
    seen: list[Any] = []

    def named(name: str) -> Any:
        def intercept(continuation: Any, details: Any) -> Any:
            metadata = [tuple(item) for item in details.invocation_metadata if item[0] == "x-a"]
            seen.append((f"{name} in", details.method, metadata))
            handler = continuation(details)
            seen.append((f"{name} out", handler.request_streaming, handler.response_streaming))
            return handler

        return intercept

    with intercepted(pair, named("1"), named("2")) as peers:
        way = ways(peers.method(METHOD_OF[kind], kind), kind)[0]
        assert way(requests_of(kind), metadata=(("x-a", "1"),))[0] == EXPECTED[kind]
        path, metadata = f"/{SERVICE}/{METHOD_OF[kind]}", [("x-a", "1")]
        streaming = kind.startswith("stream"), kind.endswith("stream")
        assert seen == [
            ("1 in", path, metadata),
            ("2 in", path, metadata),
            ("2 out", *streaming),
            ("1 out", *streaming),
        ]


@EVERY_KIND
@EVERY_PAIR
def test_a_server_interceptor_wraps_the_handler(pair: str, kind: str) -> None:
    def intercept(continuation: Any, details: Any) -> Any:
        handler = continuation(details)
        behavior = getattr(handler, kind)

        def one(request: Any, context: Any) -> Any:
            return b"<" + behavior(request, context) + b">"

        def many(request: Any, context: Any) -> Iterator[bytes]:
            for response in behavior(request, context):
                yield b"<" + response + b">"

        return handler._replace(**{kind: many if handler.response_streaming else one})

    with intercepted(pair, intercept) as peers:
        response = ways(peers.method(METHOD_OF[kind], kind), kind)[0](requests_of(kind))[0]
        expected = EXPECTED[kind]
        assert response == (
            [b"<" + one + b">" for one in expected] if isinstance(expected, list) else b"<%s>" % expected
        )


@EVERY_PAIR
def test_a_server_interceptor_refuses_with_a_handler_of_its_own(pair: str) -> None:
    def intercept(continuation: Any, details: Any) -> Any:
        def refuse(request: bytes, context: Any) -> Any:
            context.abort(peers.server_module.StatusCode.UNAUTHENTICATED, "who are you?")

        return peers.server_module.unary_unary_rpc_method_handler(refuse)

    with intercepted(pair, intercept) as peers:
        assert peers.status_of(lambda: peers.method("uu_echo")(b"")) == ("UNAUTHENTICATED", "who are you?")


@EVERY_PAIR
def test_a_server_interceptor_returns_none_or_raises(pair: str) -> None:
    def intercept(continuation: Any, details: Any) -> Any:
        if details.method.endswith("uu_echo"):
            return None
        raise ZeroDivisionError("odd")

    with intercepted(pair, intercept) as peers:
        assert peers.status_of(lambda: peers.method("uu_echo")(b"")) == ("UNIMPLEMENTED", "Method not found!")
        assert peers.status_of(lambda: peers.method("uu_flaky")(b"")) == ("UNKNOWN", "Error in service handler!")
        assert peers.status_of(lambda: list(peers.method("us_count", "unary_stream")(b""))) == (
            "UNKNOWN",
            "Error in service handler!",
        )


@EVERY_PAIR
def test_a_server_interceptor_sends_a_call_elsewhere(pair: str) -> None:
    def intercept(continuation: Any, details: Any) -> Any:
        made = collections.namedtuple("made", ("method", "invocation_metadata"))  # as in grpc's examples
        return continuation(made(f"/{SERVICE}/uu_echo", details.invocation_metadata))

    with intercepted(pair, intercept) as peers:
        assert peers.method("none")(b"x") == b"x"


@EVERY_PAIR
def test_context_variables_set_by_a_server_interceptor_are_seen_by_the_handler(pair: str) -> None:
    def intercept(continuation: Any, details: Any) -> Any:
        variable.set(dict(details.invocation_metadata).get("x-user", "nobody"))
        return continuation(details)

    with intercepted(pair, intercept) as peers:
        read = peers.method("uu_variable")
        assert [read(b"", metadata=(("x-user", user),)) for user in "ab"] == [b"a", b"b"]
        assert read(b"") == b"nobody"
        each = peers.method("us_variable", "unary_stream")
        assert list(each(b"", metadata=(("x-user", "a"),))) == [b"a", b"a"]
    assert variable.get() == "unset"


def test_an_interceptor_may_wait_and_make_calls() -> None:
    """Here they run in the pool: nobody else waits meanwhile. (grpcio runs them on the thread that accepts calls.)"""
    first_waits, release = Gate(), Gate()

    def intercept(continuation: Any, details: Any) -> Any:
        metadata = dict(details.invocation_metadata)
        if "x-wait" in metadata:
            first_waits.open()
            release.wait()
        if "x-ask" in metadata:
            variable.set(peers.method("uu_echo")(b"asked").decode())
        return continuation(details)

    with intercepted("plait-plait", intercept) as peers:
        waiting = peers.method("uu_echo").future(b"first", metadata=(("x-wait", ""),))
        first_waits.wait()
        assert peers.method("uu_echo")(b"second") == b"second"
        assert peers.method("uu_variable")(b"", metadata=(("x-ask", ""),)) == b"asked"
        release.open()
        assert waiting.result(PATIENCE_S) == b"first"


def test_one_thread_is_enough_for_interceptors_and_handlers() -> None:
    threads: list[str] = []

    def intercept(continuation: Any, details: Any) -> Any:
        threads.append(threading.current_thread().name)
        return continuation(details)

    with intercepted("plait-plait", intercept, intercept, workers=1) as peers:
        futures = [peers.method("uu_echo").future(b"%d" % index) for index in range(20)]
        assert [future.result(PATIENCE_S) for future in futures] == [b"%d" % index for index in range(20)]
    assert len(set(threads)) == 1
    assert threads[0].startswith("ThreadPoolExecutor")


def test_a_call_that_is_cancelled_while_its_interceptor_runs_still_counts() -> None:
    runs, release, ended = Gate(), Gate(), Gate()

    def intercept(continuation: Any, details: Any) -> Any:
        if details.method.endswith("uu_flaky"):
            runs.open()
            release.wait()
        return continuation(details)

    with intercepted("plait-plait", intercept, maximum_concurrent_rpcs=1) as peers:
        future = peers.method("uu_flaky").future(b"")
        runs.wait()
        future.add_done_callback(ended.open)
        future.cancel()
        ended.wait()
        assert peers.status_of(lambda: peers.method("uu_echo")(b"")) == (
            "RESOURCE_EXHAUSTED",
            "Concurrent RPC limit exceeded!",
        )
        release.open()
        echo = peers.method("uu_echo")
        for _ in range(1000):
            try:
                assert echo(b"x") == b"x"
                break
            except grpc_core.RpcError:
                continue
        else:
            pytest.fail("the call that was cancelled is never forgotten")


def test_a_pool_that_was_shut_down() -> None:
    with intercepted("plait-plait", lambda continuation, details: continuation(details)) as peers:
        pool: ThreadPoolExecutor = peers.server._entry._pool
        pool.shutdown()
        assert peers.status_of(lambda: peers.method("uu_echo")(b"")) == ("UNAVAILABLE", "Server is shutting down")


def test_what_is_no_server_interceptor_is_refused() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="is not a server interceptor"):
        grpc_core.server(pool, interceptors=[object()])


# -- abort -------------------------------------------------------------------------------------------------------------


@EVERY_PAIR
def test_an_abort_is_an_exception_that_a_wrapper_sees(pair: str) -> None:
    seen: list[BaseException] = []

    def intercept(continuation: Any, details: Any) -> Any:
        handler = continuation(details)

        def wrapped(request: Any, context: Any) -> Any:
            try:
                return handler.unary_unary(request, context)
            except Exception as error:
                seen.append(error)
                assert context.code().name == "UNAVAILABLE"
                assert context.details() == b"attempt None"
                raise

        return handler._replace(unary_unary=wrapped)

    with intercepted(pair, intercept) as peers:
        assert peers.status_of(lambda: peers.method("uu_flaky")(b"")) == ("UNAVAILABLE", "attempt None")
        (error,) = seen
        if pair.startswith("plait"):
            assert type(error) is grpc_core.AbortError is aio.AbortError
        assert isinstance(error, Exception)
