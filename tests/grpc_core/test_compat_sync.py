"""The same program on grpcio's `grpc` and on ours: every pair of server and client must say the same.

The twin of `test_compat.py` for the blocking API. An outcome is what a caller can see: results, types of errors, codes,
details, metadata, texts. The outcome of grpcio's own pair is the measure for the three others; what differs on purpose
is listed in `DIFFERENCES`, and docs/grpc-sync.md tells it too.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import grpc_core
from tests.grpc_core.sync_support import stop
from tests.support.modules import grpcio

MODULES: dict[str, Callable[[], Any]] = {"grpcio": grpcio, "plait": lambda: grpc_core}
PATIENCE_S = 30.0
Outcome = Any


class Watched:
    """What happens on the server while one scenario plays."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.over = threading.Event()
        self.said: list[Any] = []

    def wait(self) -> None:
        assert self.gate.wait(PATIENCE_S)


watched = Watched()


# -- the server --------------------------------------------------------------------------------------------------------


class Status:
    """What `abort_with_status` is given."""

    def __init__(self, code: Any, details: str, trailing_metadata: Any) -> None:
        self.code = code
        self.details = details
        self.trailing_metadata = trailing_metadata


def unary_handlers(grpc: Any) -> dict[str, Callable[[bytes, Any], Any]]:
    """The behaviors with one request and one response, by name."""
    code = grpc.StatusCode

    def echo(request: bytes, context: Any) -> bytes:
        return request

    def metadata(request: bytes, context: Any) -> bytes:
        context.send_initial_metadata(tuple(p for p in context.invocation_metadata() if p[0].startswith("x-")))
        context.set_trailing_metadata((("x-t", "1"), ("x-t", "2"), ("x-t-bin", b"\0\xff")))
        return repr(context.trailing_metadata()).encode()

    def seen(request: bytes, context: Any) -> bytes:
        keys = sorted(pair.key for pair in context.invocation_metadata())
        kinds = sorted({type(pair.value).__name__ for pair in context.invocation_metadata()})
        state = context.code(), context.details(), context.is_active(), context.peer().rpartition(":")[0]
        return repr((keys, kinds, state, context.peer_identities(), context.peer_identity_key())).encode()

    def abort(request: bytes, context: Any) -> None:
        context.set_trailing_metadata((("x-t", "1"),))
        context.abort(code.FAILED_PRECONDITION, "nö\n☺ 100%")

    def abort_with_status(request: bytes, context: Any) -> None:
        context.abort_with_status(Status(code.OUT_OF_RANGE, "far", (("x-s", "s"),)))

    def abort_ok(request: bytes, context: Any) -> None:
        context.abort(code.OK, "fine?")

    def abort_none(request: bytes, context: Any) -> None:
        context.abort(None, "nothing?")

    def caught_abort(request: bytes, context: Any) -> bytes:
        try:
            context.abort(code.NOT_FOUND, "gone")
        except Exception as error:
            return repr((type(error).__name__, str(error))).encode()
        return b""

    def set_code(request: bytes, context: Any) -> bytes:
        context.set_code(code.ALREADY_EXISTS)
        context.set_details("twice")
        return repr((context.code().name, context.details())).encode()

    def set_code_only(request: bytes, context: Any) -> bytes:
        context.set_code(code.ALREADY_EXISTS)
        return b""

    def set_code_and_raise(request: bytes, context: Any) -> bytes:
        context.set_code(code.DATA_LOSS)
        raise ValueError("odd")

    def set_details_and_raise(request: bytes, context: Any) -> bytes:
        context.set_details("the details")
        raise ValueError("odd")

    def set_ok_details(request: bytes, context: Any) -> bytes:
        context.set_details("fine")
        return b"ok"

    def unimplemented(request: bytes, context: Any) -> None:
        context.set_code(code.UNIMPLEMENTED)
        context.set_details("Method not implemented!")
        raise NotImplementedError("Method not implemented!")

    def fails(request: bytes, context: Any) -> bytes:
        raise ValueError("odd\nvalue")

    def nothing(request: bytes, context: Any) -> None:
        return None

    def late_metadata(request: bytes, context: Any) -> bytes:
        context.send_initial_metadata((("x-i", "1"),))
        try:
            context.send_initial_metadata((("x-i", "2"),))
        except Exception as error:
            return repr((type(error).__name__, str(error))).encode()
        return b""

    def forever(request: bytes, context: Any) -> bytes:
        watched.said.append(context.add_callback(watched.over.set))
        watched.entered.set()
        watched.wait()
        watched.said.append((context.is_active(), context.add_callback(print)))
        return b""

    def remaining(request: bytes, context: Any) -> bytes:
        left = context.time_remaining()
        return b"some" if left is not None and 10 < left <= 21 else b"none or much"

    def compressed(request: bytes, context: Any) -> bytes:
        context.set_compression(grpc.Compression.Gzip)
        if request == b"not":
            context.disable_next_message_compression()
        return b"z" * 5000

    behaviors = (echo, metadata, seen, abort, abort_with_status, abort_ok, abort_none, caught_abort, set_code)
    behaviors += (set_code_only, set_code_and_raise, set_details_and_raise, set_ok_details, unimplemented)  # type: ignore[assignment]  # a longer tuple
    behaviors += (fails, nothing, late_metadata, forever, remaining, compressed)  # type: ignore[assignment]  # a longer tuple
    return {behavior.__name__: behavior for behavior in behaviors}


def streaming_handlers(grpc: Any) -> dict[str, Callable[[Any, Any], Any]]:
    """The behaviors with a stream on one side or both; the prefix tells which."""
    code = grpc.StatusCode

    def us_count(request: bytes, context: Any) -> Iterator[bytes]:
        context.set_trailing_metadata((("x-t", "counted"),))
        for number in range(int(request)):
            yield b"%d" % number

    def us_list(request: bytes, context: Any) -> Any:
        return [b"a", b"b"]

    def us_fails(request: bytes, context: Any) -> Iterator[bytes]:
        yield b"first"
        raise ValueError("midway")

    def us_abort(request: bytes, context: Any) -> Iterator[bytes]:
        context.send_initial_metadata((("x-i", "early"),))
        yield b"first"
        context.abort(code.RESOURCE_EXHAUSTED, "enough")

    def us_raises_at_once(request: bytes, context: Any) -> Any:
        raise ValueError("at once")

    def us_set_code(request: bytes, context: Any) -> Iterator[bytes]:
        yield b"first"
        context.set_code(code.ABORTED)
        context.set_details("in the end")

    def us_forever(request: bytes, context: Any) -> Iterator[bytes]:
        context.add_callback(watched.over.set)
        yield b"first"
        watched.entered.set()
        watched.wait()

    def su_join(requests: Iterator[bytes], context: Any) -> bytes:
        return b"".join(requests)

    def su_first(requests: Iterator[bytes], context: Any) -> bytes:
        return next(requests)

    def su_seen(requests: Iterator[bytes], context: Any) -> bytes:
        items = list(requests)
        try:
            next(requests)
        except StopIteration:
            items.append(b"stop")
        return b" ".join(items)

    def su_fails(requests: Iterator[bytes], context: Any) -> bytes:
        next(requests)
        raise ValueError("after one")

    def su_wait(requests: Iterator[bytes], context: Any) -> bytes:
        context.add_callback(watched.over.set)
        watched.entered.set()
        watched.wait()  # grpcio's iterator sometimes never ends when the client has gone meanwhile
        return b""

    def ss_echo(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        for request in requests:
            yield request * 2

    def ss_abort(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        yield next(requests)
        context.abort(code.UNAUTHENTICATED, "who?")

    behaviors = (us_count, us_list, us_fails, us_abort, us_raises_at_once, us_set_code, us_forever)
    behaviors += (su_join, su_first, su_seen, su_fails, su_wait, ss_echo, ss_abort)  # type: ignore[assignment]  # a longer tuple
    return {behavior.__name__: behavior for behavior in behaviors}


KINDS = {"us": "unary_stream", "su": "stream_unary", "ss": "stream_stream"}


def broken(value: Any) -> Any:
    """A codec that does not work."""
    raise ZeroDivisionError


def handlers(grpc: Any) -> Any:
    """The methods that the scenarios call, made with one module or the other."""
    unary = grpc.unary_unary_rpc_method_handler
    methods = {name: unary(behavior) for name, behavior in unary_handlers(grpc).items()}
    for name, behavior in streaming_handlers(grpc).items():
        methods[name] = getattr(grpc, f"{KINDS[name[:2]]}_rpc_method_handler")(behavior)
    echo = unary_handlers(grpc)["echo"]
    methods["bad_request"] = unary(echo, request_deserializer=broken)
    methods["bad_response"] = unary(echo, response_serializer=broken)
    methods["us_bad_response"] = grpc.unary_stream_rpc_method_handler(
        streaming_handlers(grpc)["us_count"], response_serializer=broken
    )
    methods["su_bad_request"] = grpc.stream_unary_rpc_method_handler(
        streaming_handlers(grpc)["su_join"], request_deserializer=broken
    )
    methods["number"] = unary(echo, int, lambda number: b"%d" % number)
    return grpc.method_handlers_generic_handler("c.S", methods)


# -- the client --------------------------------------------------------------------------------------------------------


class Client:
    """What a scenario uses: a channel of one module, and outcomes in terms of neither."""

    def __init__(self, module: Any, channel: Any, port: int) -> None:
        self.module = module
        self.channel = channel
        self.port = port

    def method(self, name: str, *codecs: Any) -> Any:
        kind = KINDS.get(name[:2], "unary_unary") if name[2:3] == "_" else "unary_unary"
        return getattr(self.channel, kind)(name if name.startswith("/") else f"/c.S/{name}", *codecs)

    def error(self, error: Any) -> Outcome:
        """(type, code, details, metadata, what else it is) of an error of a call."""
        module = self.module
        kinds = [
            name for name in ("RpcError", "Call", "Future", "RpcContext") if isinstance(error, getattr(module, name))
        ]
        metadata = [pairs(error.initial_metadata()), pairs(error.trailing_metadata())]
        return type(error).__name__, error.code().name, plain(error.details()), metadata, kinds, first_lines(error)

    def outcome(self, function: Callable[[], Any]) -> Outcome:
        """What a function returns, or the error that it raises."""
        try:
            return function()
        except self.module.RpcError as error:
            return self.error(error)

    def taken(self, responses: Any) -> Outcome:
        """What a stream of responses gives, and how it ends."""
        taken: list[Any] = []
        try:
            for response in responses:
                taken.append(response)
        except self.module.RpcError as error:
            taken += [error is responses, self.error(error)]
        return taken, responses.code().name, plain(responses.details()), pairs(responses.trailing_metadata())

    def caught(self, function: Callable[[], Any]) -> Outcome:
        """(type, text) of the exception that is not an error of a call."""
        try:
            return function()
        except Exception as error:
            return type(error).__name__, str(error)


def pairs(metadata: Any) -> list[tuple[str, str | bytes]]:
    return [(pair.key, pair.value) for pair in metadata or () if pair.key.startswith("x-")]


def plain(details: str) -> str:
    """Details without what C-core puts around those of a stream that it has removed itself."""
    found = re.fullmatch(r"Stream removed \((.*)\)", details)
    return found[1] if found else details


def first_lines(error: Any) -> str:
    """The text of an error, without its last line, which is C-core's own."""
    return re.sub(r"Stream removed \((.*)\)", r"\1", str(error).split("\tdebug_error_string")[0])


Scenario = Callable[[Client], Any]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[getattr(function, "__name__", "")] = function
    return function


def simply(name: str, request: Any = b"x", **settings: Any) -> None:
    def play(client: Client) -> Outcome:
        if name[:3] in ("us_", "ss_"):
            sent = iter([b"a", b"b"]) if name[:2] == "ss" else b"3"
            return client.taken(client.method(name)(sent, **settings))
        sent = iter([b"a", b"b"]) if name[:3] == "su_" else request
        return client.outcome(lambda: client.method(name)(sent, **settings))

    SCENARIOS[name.strip("/").replace("/", ".") + "".join(f" {key}" for key in settings)] = play


for _name in (
    *("echo", "metadata", "abort", "abort_with_status", "abort_ok", "abort_none", "caught_abort", "set_code"),
    *("set_code_only", "set_code_and_raise", "set_details_and_raise", "set_ok_details", "unimplemented", "fails"),
    *("nothing", "late_metadata", "remaining", "bad_request", "bad_response", "no_such_method"),
    *("/no.Service/echo", "us_count", "us_list", "us_fails", "us_abort", "us_raises_at_once", "us_set_code"),
    *("us_bad_response", "us_no_such_method", "su_join", "su_first", "su_seen", "su_fails", "su_bad_request"),
    *("ss_echo", "ss_abort", "ss_no_such_method"),
):
    simply(_name)
simply("remaining", timeout=20)
simply("metadata", metadata=(("x-a", "1"), ("x-b-bin", b"\0\1\xff"), ("x-a", "2"), ("x-b-bin", b""), ("y", "no")))
simply("seen", metadata=(("x-a", "1"), ("x-b-bin", b"\0"), ("user-agent", "mine")))
simply("forever", timeout=0.1)
simply("us_forever", timeout=0.3)
simply("forever", timeout=0)
simply("forever", timeout=-1, wait_for_ready=True)


@scenario
def with_call(client: Client) -> Outcome:
    response, call = client.method("metadata").with_call(b"", metadata=(("x-a", "1"),))
    state = call.is_active(), call.code().name, call.details(), isinstance(call, client.module.Call)
    joined = client.method("su_join").with_call(iter([b"a", b"b"]))[0]
    failed = client.outcome(lambda: client.method("abort").with_call(b""))
    return response, pairs(call.initial_metadata()), pairs(call.trailing_metadata()), state, joined, failed


@scenario
def a_future_that_succeeds(client: Client) -> Outcome:
    future = client.method("metadata").future(b"", metadata=(("x-a", "1"),))
    called = threading.Event()
    given: list[bool] = []

    def on_done(done: Any) -> None:
        given.append(done is future)
        called.set()

    future.add_done_callback(on_done)
    result = future.result(timeout=PATIENCE_S)
    assert called.wait(PATIENCE_S)
    future.add_done_callback(on_done)
    state = future.done(), future.running(), future.cancelled(), future.is_active(), future.cancel()
    errors = future.exception(), future.traceback(), future.add_callback(print)
    return result, given, state, errors, future.code().name, future.details(), pairs(future.trailing_metadata())


@scenario
def a_future_that_fails(client: Client) -> Outcome:
    future = client.method("abort").future(b"")
    error = future.exception(timeout=PATIENCE_S)
    raised: list[Any] = []
    try:
        future.result()
    except client.module.RpcError as caught:
        raised = [caught is error, caught is future, *client.error(caught)]
    return raised, future.traceback() is not None, future.cancelled(), future.cancel(), future.done()


@scenario
def a_future_that_is_not_done_yet(client: Client) -> Outcome:
    future = client.method("forever").future(b"", timeout=PATIENCE_S)
    assert watched.entered.wait(PATIENCE_S)
    waits = [
        client.caught(lambda method=method: getattr(future, method)(timeout=0.05))
        for method in ("result", "exception", "traceback")
    ]
    state = future.done(), future.running(), future.cancelled(), future.is_active()
    remaining = 10 < future.time_remaining() <= PATIENCE_S
    watched.gate.set()
    return waits, state, remaining, future.result(timeout=PATIENCE_S), watched.said


@scenario
def a_future_that_is_cancelled(client: Client) -> Outcome:
    future = client.method("forever").future(b"")
    assert watched.entered.wait(PATIENCE_S)
    called = threading.Event()
    future.add_callback(called.set)
    first = future.cancel()
    assert called.wait(PATIENCE_S)
    assert watched.over.wait(PATIENCE_S), "the server hears of it"
    watched.gate.set()
    state = future.cancelled(), future.done(), future.running(), future.cancel()
    waits = [client.caught(getattr(future, method)) for method in ("result", "exception", "traceback")]
    return first, state, waits, future.code().name, future.details()


@scenario
def a_stream_that_is_cancelled(client: Client) -> Outcome:
    call = client.method("us_forever")(b"")
    first = next(call)
    assert watched.entered.wait(PATIENCE_S)
    cancelled = call.cancel()
    assert watched.over.wait(PATIENCE_S)
    watched.gate.set()
    rest = [client.outcome(lambda: next(call))[:3] for _ in range(2)]
    return first, cancelled, rest, call.cancelled(), call.code().name, call.details(), call.done()


@scenario
def a_stream_that_nobody_holds_is_cancelled(client: Client) -> Outcome:
    call = client.method("us_forever")(b"")
    next(call)
    assert watched.entered.wait(PATIENCE_S)
    del call
    gc.collect()
    heard = watched.over.wait(PATIENCE_S)
    watched.gate.set()
    return heard


@scenario
def requests_that_are_cancelled(client: Client) -> Outcome:
    gate = threading.Event()

    def requests() -> Iterator[bytes]:
        yield b"a"
        gate.wait(PATIENCE_S)

    future = client.method("su_wait").future(requests())
    assert watched.entered.wait(PATIENCE_S)
    cancelled = future.cancel()
    heard = watched.over.wait(PATIENCE_S)
    gate.set()
    watched.gate.set()
    return cancelled, heard, future.code().name, future.details()


@scenario
def the_end_of_a_stream_stays_the_end(client: Client) -> Outcome:
    call = client.method("us_count")(b"2")
    items = [next(call), call.next(), next(call, "over"), next(call, "over")]
    failing = client.method("us_fails")(b"")
    next(failing)
    ends = [client.outcome(lambda: next(failing)) for _ in range(2)]
    return items, ends, call.done(), call.is_active(), client.caught(lambda: call.result(timeout=PATIENCE_S))


@scenario
def initial_metadata_comes_before_the_end(client: Client) -> Outcome:
    call = client.method("us_abort")(b"")
    return pairs(call.initial_metadata()), client.taken(call)


@scenario
def requests_that_cannot_be_made(client: Client) -> Outcome:
    def requests() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("no more")

    joined = client.outcome(lambda: client.method("su_join")(requests()))
    echoed: list[Any] = client.taken(client.method("ss_echo")(requests()))[1:]
    return joined, echoed


@scenario
def a_list_of_requests(client: Client) -> Outcome:
    return client.outcome(lambda: client.method("su_join")([b"a", b"b"]))[:3]


@scenario
def requests_that_cannot_be_serialized(client: Client) -> Outcome:
    unary = client.outcome(lambda: client.method("echo", broken)(b"x"))
    future = client.outcome(lambda: client.method("echo", broken).future(b"x"))
    stream = client.outcome(lambda: client.method("us_count", broken)(b"x"))
    requests = client.outcome(lambda: client.method("su_join", broken)(iter([b"a"])))
    return unary, future, stream, requests


@scenario
def responses_that_cannot_be_deserialized(client: Client) -> Outcome:
    unary = client.outcome(lambda: client.method("echo", None, broken)(b"x"))
    (is_the_call, error), *_ = client.taken(client.method("us_count", None, broken)(b"3"))
    return unary[:3], is_the_call, error[:3]


@scenario
def codecs(client: Client) -> Outcome:
    return client.method("number", lambda number: b"%d" % number, int)(271_828)


@scenario
def sizes(client: Client) -> Outcome:
    echo = client.method("echo")
    return [len(echo(bytes(size))) for size in (0, 1, 16_384, 100_000, 4_000_000)]


@scenario
def a_request_over_the_servers_limit(client: Client) -> Outcome:
    outcome = client.outcome(lambda: client.method("echo")(bytes(4_200_000)))
    return outcome[:2], outcome[2][outcome[2].index("eceived message larger") :]


@scenario
def limits_of_the_client(client: Client) -> Outcome:
    options = (("grpc.max_receive_message_length", 10), ("grpc.max_send_message_length", 15))
    outcomes: list[Any] = []
    with client.module.insecure_channel(f"127.0.0.1:{client.port}", options) as channel:
        other = Client(client.module, channel, 0)
        for size in (10, 11, 16):
            outcome = other.outcome(lambda size=size: other.method("echo")(bytes(size)))
            outcomes.append(outcome if isinstance(outcome, bytes) else outcome[:2])
    return outcomes


@scenario
def compression(client: Client) -> Outcome:
    outcomes: list[Any] = []
    for value in client.module.Compression:
        if value.name in ("NoCompression", "Deflate", "Gzip"):
            outcomes.append(len(client.method("echo")(b"z" * 5000, compression=value)))
            with client.module.insecure_channel(f"127.0.0.1:{client.port}", compression=value) as channel:
                outcomes.append(len(Client(client.module, channel, 0).method("echo")(b"z" * 5000)))
    return outcomes, [len(client.method("compressed")(request)) for request in (b"", b"not")]


@scenario
def nobody_listens(client: Client) -> Outcome:
    with client.module.insecure_channel("127.0.0.1:1") as channel:
        other = Client(client.module, channel, 0)
        at_once = other.outcome(lambda: other.method("echo")(b""))
        stream = other.taken(other.method("us_count")(b"1"))
        waiting = other.outcome(lambda: other.method("echo")(b"", timeout=0.2, wait_for_ready=True))
        return at_once, stream, waiting[:3]


@scenario
def a_closed_channel(client: Client) -> Outcome:
    channel = client.module.insecure_channel(f"127.0.0.1:{client.port}")
    other = Client(client.module, channel, 0)
    echo = other.method("echo")
    answered = echo(b"x")
    call = other.method("us_forever")(b"")
    next(call)
    assert watched.entered.wait(PATIENCE_S)
    channel.close()
    channel.close()
    watched.gate.set()
    ended = other.outcome(lambda: next(call))[:3]
    return answered, ended, call.cancelled(), other.caught(lambda: echo(b""))


@scenario
def a_future_on_a_closed_channel(client: Client) -> Outcome:
    channel = client.module.insecure_channel(f"127.0.0.1:{client.port}")
    echo = channel.unary_unary("/c.S/echo")
    channel.close()
    return client.caught(lambda: echo.future(b""))


@scenario
def the_context_manager_closes(client: Client) -> Outcome:
    with client.module.insecure_channel(f"127.0.0.1:{client.port}") as channel:
        echo = channel.unary_unary("/c.S/echo")
        answered = echo(b"x")
    return answered, client.caught(lambda: echo(b""))


@scenario
def a_channel_that_becomes_ready(client: Client) -> Outcome:
    with client.module.insecure_channel(f"127.0.0.1:{client.port}") as channel:
        ready = client.module.channel_ready_future(channel)
        result = ready.result(timeout=PATIENCE_S)
        return result, ready.done(), ready.cancelled(), ready.running(), ready.cancel(), ready.exception()


@scenario
def a_channel_that_does_not(client: Client) -> Outcome:
    with client.module.insecure_channel("127.0.0.1:1") as channel:
        ready = client.module.channel_ready_future(channel)
        waited = client.caught(lambda: ready.result(timeout=0.05))
        return waited, ready.cancel(), ready.cancelled(), client.caught(ready.result), ready.done()


@scenario
def states_of_a_channel(client: Client) -> Outcome:
    states: list[str] = []
    ready = threading.Event()

    def on_state(state: Any) -> None:
        states.append(state.name)
        if state.name == "READY":
            ready.set()

    with client.module.insecure_channel(f"127.0.0.1:{client.port}") as channel:
        channel.subscribe(on_state, try_to_connect=True)
        assert ready.wait(PATIENCE_S)
        channel.unsubscribe(on_state)
        channel.unsubscribe(print)
    # grpcio tells the state of now, not each that was: it says CONNECTING or not, as its thread happens to be fast.
    return [state for state in states if state != "CONNECTING"]


@scenario
def bad_options_and_targets(client: Client) -> Outcome:
    module = client.module
    attempts: list[Callable[[], Any]] = [
        lambda: module.insecure_channel(
            "localhost:1", options=[("grpc.x", 1), (b"grpc.y", b"2"), ("grpc.z", "3")]
        ).close(),
        lambda: module.insecure_channel("localhost:1", options=[("grpc.x",)]),
        lambda: module.insecure_channel("localhost:1", options=[None]),
    ]
    return [outcome if outcome is None else outcome[0] for outcome in map(client.caught, attempts)]


@scenario
def a_hundred_at_once(client: Client) -> Outcome:
    echo = client.method("echo")
    return [future.result(timeout=PATIENCE_S) for future in [echo.future(b"%d" % index) for index in range(100)]]


@scenario
def server_rules(client: Client) -> Outcome:
    module = client.module
    with ThreadPoolExecutor(1) as pool:
        server = module.server(pool)
        outcomes = [client.caught(lambda: server.add_generic_rpc_handlers((object(),)))[0]]
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        outcomes += [client.caught(server.start), server.wait_for_termination(timeout=0.05)]
        stopped = server.stop(0)
        outcomes += [stopped.wait(PATIENCE_S), server.stop(None).wait(PATIENCE_S), server.wait_for_termination()]
        with module.insecure_channel(f"127.0.0.1:{port}") as channel:
            outcomes.append(Client(module, channel, 0).outcome(lambda: channel.unary_unary("/a/b")(b""))[1])
        return outcomes


@scenario
def a_port_that_cannot_be_bound(client: Client) -> Outcome:
    with ThreadPoolExecutor(1) as pool:
        server = client.module.server(pool)
        kind, text = client.caught(lambda: server.add_insecure_port("nowhere.invalid:1"))
        server.start()  # grpcio does not let go of one that never was
        server.stop(None).wait()
    return kind, text.partition(" (")[0]


@scenario
def a_server_without_room(client: Client) -> Outcome:
    module = client.module
    with ThreadPoolExecutor(4) as pool:
        server = module.server(pool, handlers=(handlers(module),), maximum_concurrent_rpcs=1)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with module.insecure_channel(f"127.0.0.1:{port}") as channel:
            other = Client(module, channel, 0)
            running = other.method("forever").future(b"")
            assert watched.entered.wait(PATIENCE_S)
            refused = other.outcome(lambda: other.method("echo")(b""))
            watched.gate.set()
            running.result(timeout=PATIENCE_S)
        stop(server)
    return refused


@scenario
def interceptors_of_a_server(client: Client) -> Outcome:
    module = client.module
    seen: list[str] = []

    class Note(module.ServerInterceptor):  # type: ignore[misc]  # a class of one module or the other
        def __init__(self, name: str) -> None:
            self.name = name

        def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            seen.append(f"{self.name} {handler_call_details.method}")
            if handler_call_details.method.endswith("/refused"):

                def refuse(request: bytes, context: Any) -> None:
                    context.abort(module.StatusCode.PERMISSION_DENIED, self.name)

                return module.unary_unary_rpc_method_handler(refuse)
            handler = continuation(handler_call_details)
            if handler is None or not handler.unary_unary:
                return handler
            behavior = handler.unary_unary
            return handler._replace(
                unary_unary=lambda request, context: behavior(request, context) + self.name.encode()
            )

    with ThreadPoolExecutor(2) as pool:
        server = module.server(pool, handlers=(handlers(module),), interceptors=(Note("a"), Note("b")))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with module.insecure_channel(f"127.0.0.1:{port}") as channel:
            other = Client(module, channel, 0)
            names = ("echo", "refused", "none")
            answers = [other.outcome(lambda name=name: other.method(name)(b"x")) for name in names]
        stop(server)
    return answers, seen


# -- what differs on purpose -------------------------------------------------------------------------------------------

CLOSED = ("ValueError", "Cannot invoke RPC on closed channel!")
DIFFERENCES: dict[str, tuple[str, Outcome]] = {
    # scenario: (on which side ours makes the difference, the outcome then)
    "us_list": ("server", ([b"a", b"b"], "OK", "", [])),
    "a_list_of_requests": ("client", b"ab"),
    "a_future_on_a_closed_channel": ("client", CLOSED),
}


# -- running them ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running(server_module: Any, client_module: Any) -> Iterator[Client]:
    with ThreadPoolExecutor(16) as pool:
        server = server_module.server(pool)
        server.add_generic_rpc_handlers((handlers(server_module),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with client_module.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield Client(client_module, channel, port)
        finally:
            watched.gate.set()
            stop(server)


def outcomes_of(server: str, client: str) -> dict[str, Outcome]:
    global watched
    outcomes: dict[str, Outcome] = {}
    logging.disable(logging.CRITICAL)
    try:
        with running(MODULES[server](), MODULES[client]()) as used:
            for name, play in SCENARIOS.items():
                before, watched = watched, Watched()
                before.gate.set()  # a handler that a scenario has left behind
                try:
                    outcomes[name] = play(used)
                except Exception as error:
                    outcomes[name] = error
    finally:
        logging.disable(logging.NOTSET)
    return outcomes


@pytest.fixture(scope="module")
def measure() -> dict[str, Outcome]:
    """The outcomes of grpcio with itself."""
    return outcomes_of("grpcio", "grpcio")


@pytest.fixture(scope="module", params=["plait-plait", "plait-grpcio", "grpcio-plait"])
def pair(request: pytest.FixtureRequest) -> tuple[str, str, dict[str, Outcome]]:
    """(server, client, outcomes) of the three other pairs."""
    server, client = request.param.split("-")
    return server, client, outcomes_of(server, client)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_ends_as_with_grpcio(
    name: str, pair: tuple[str, str, dict[str, Outcome]], measure: dict[str, Outcome]
) -> None:
    server, client, outcomes = pair
    assert not isinstance(measure[name], Exception), measure[name]
    assert not isinstance(outcomes[name], Exception), outcomes[name]
    side, ours = DIFFERENCES.get(name, ("", None))
    if {"client": client, "server": server}.get(side) == "plait":
        assert outcomes[name] == ours
        assert ours != measure[name], "a difference that is none any more"
    else:
        assert outcomes[name] == measure[name]
