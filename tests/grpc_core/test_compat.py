"""The same program on grpcio's `grpc.aio` and on ours: every pair of server and client must say the same.

The scenarios are written against the names that both modules have. An outcome is what a caller can see: results, codes,
details, metadata. The outcome of grpcio's own pair is the measure for the three others; what differs on purpose is
listed in `DIFFERENCES`, and docs/grpc.md tells it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import grpc_core
import grpc_core.aio
from tests.grpc_core.support import PATIENCE_S

try:
    import grpc as grpcio
    import grpc.aio
except ImportError:
    if "grpcio" in os.environ.get("INTEROP_REQUIRE", "").replace(" ", "").split(","):
        raise
    pytest.skip("grpcio is not installed", allow_module_level=True)

MODULES: dict[str, Any] = {"grpcio": grpcio, "plait": grpc_core}
Outcome = Any


# -- the server --------------------------------------------------------------------------------------------------------


def handlers(grpc: Any) -> Any:
    """The methods that the scenarios call, made with one module or the other."""
    code = grpc.StatusCode

    async def echo(request: bytes, context: Any) -> bytes:
        return request

    async def metadata(request: bytes, context: Any) -> bytes:
        await context.send_initial_metadata(tuple(p for p in context.invocation_metadata() if p[0].startswith("x-")))
        context.set_trailing_metadata((("x-t", "1"), ("x-t", "2"), ("x-t-bin", b"\0\xff")))
        return b""

    async def seen(request: bytes, context: Any) -> bytes:
        keys = sorted(key for key, _ in context.invocation_metadata())
        kind = sorted({type(value).__name__ for key, value in context.invocation_metadata() if key.endswith("-bin")})
        return repr((keys, kind, context.code(), context.details(), context.peer().rpartition(":")[0])).encode()

    async def abort(request: bytes, context: Any) -> None:
        await context.abort(code.FAILED_PRECONDITION, "nö\n☺ 100%", (("x-t", "1"),))

    async def abort_after_metadata(request: bytes, context: Any) -> None:
        await context.send_initial_metadata((("x-i", "1"),))
        await context.abort(code.ABORTED, "")

    async def caught_abort(request: bytes, context: Any) -> bytes:
        try:
            await context.abort(code.NOT_FOUND, "gone")
        except BaseException:
            return b"ignored"
        return b""

    async def set_code(request: bytes, context: Any) -> bytes:
        context.set_code(code.ALREADY_EXISTS)
        context.set_details("twice")
        return b"discarded"

    async def set_ok_details(request: bytes, context: Any) -> bytes:
        context.set_details("fine")
        return b"ok"

    async def unimplemented(request: bytes, context: Any) -> None:
        context.set_code(code.UNIMPLEMENTED)
        context.set_details("Method not implemented!")
        raise NotImplementedError("Method not implemented!")

    async def fails(request: bytes, context: Any) -> bytes:
        raise ValueError("odd\nvalue")

    async def nothing(request: bytes, context: Any) -> None:
        return None

    async def forever(request: bytes, context: Any) -> bytes:
        _entered[-1].set()
        await asyncio.Event().wait()
        return b""

    async def remaining(request: bytes, context: Any) -> bytes:
        left = context.time_remaining()
        return b"none" if left is None else b"some" if 10 < left <= 21 else repr(left).encode()

    def plain(request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata((("x-t", "plain"),))
        return request * 2

    def plain_abort(request: bytes, context: Any) -> bytes:
        context.abort(code.PERMISSION_DENIED, "from a thread")
        return b""

    def plain_fails(request: bytes, context: Any) -> bytes:
        raise ValueError("odd")

    def broken(value: Any) -> Any:
        raise ZeroDivisionError

    unary = grpc.unary_unary_rpc_method_handler
    functions = (echo, metadata, seen, abort, abort_after_metadata, caught_abort, set_code, set_ok_details)
    functions += (unimplemented, fails, nothing, forever, remaining, plain, plain_abort, plain_fails)  # type: ignore[assignment]  # a longer tuple
    methods = {function.__name__: unary(function) for function in functions}
    methods["bad_request"] = unary(echo, request_deserializer=broken)
    methods["bad_response"] = unary(echo, response_serializer=broken)
    methods["number"] = unary(echo, int, lambda number: b"%d" % number)
    return grpc.method_handlers_generic_handler("c.S", methods)


# -- the client --------------------------------------------------------------------------------------------------------


_entered: list[asyncio.Event] = []
"""The last one is set when the handler `forever` of the scenario that runs has begun."""


class Client:
    """What a scenario uses: a channel of one module, and outcomes in terms of neither."""

    def __init__(self, module: Any, channel: Any, port: int) -> None:
        self.module = module
        self.channel = channel
        self.port = port

    def method(self, name: str, *codecs: Any) -> Any:
        return self.channel.unary_unary(name if name.startswith("/") else f"/c.S/{name}", *codecs)

    async def outcome(self, call: Any) -> Outcome:
        """(result or error, code, details, initial and trailing metadata) of a call."""
        result: Any
        said: list[Any] = []
        try:
            result = await call
        except asyncio.CancelledError:
            result = "cancelled"
        except self.module.RpcError as error:
            result = type(error).__name__
            said = [error.code(), error.details()]
        code = await call.code()
        assert said in ([], [code, await call.details()]), "the error says what the call says"
        metadata = [tuple(await call.initial_metadata()), tuple(await call.trailing_metadata())]
        return result, code.name, code.value, await call.details(), *map(pairs, metadata)


def pairs(metadata: Any) -> list[tuple[str, str | bytes]]:
    return [(key, value) for key, value in metadata if key.startswith("x-")]


Scenario = Callable[[Client], Any]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[getattr(function, "__name__", "")] = function
    return function


def simply(name: str, request: bytes = b"x", **settings: Any) -> None:
    async def play(client: Client) -> Outcome:
        return await client.outcome(client.method(name)(request, **settings))

    SCENARIOS[name.strip("/").replace("/", ".") + "".join(f" {key}" for key in settings)] = play


for _name in (
    *("echo", "metadata", "abort", "abort_after_metadata", "caught_abort", "set_code", "set_ok_details"),
    *("unimplemented", "fails", "nothing", "remaining", "plain", "plain_fails", "bad_request", "bad_response"),
    *("no_such_method", "/no.Service/echo"),
):
    simply(_name)
simply("plain_abort")
simply("echo", b"")
simply("remaining", timeout=20)
simply("forever", timeout=0.1)
simply("metadata", metadata=(("x-a", "1"), ("x-b-bin", b"\0\1\xff"), ("x-a", "2"), ("x-b-bin", b""), ("y", "no")))
simply("seen", metadata=(("x-a", "1"), ("x-b-bin", b"\0"), ("user-agent", "mine")))


@scenario
async def sizes(client: Client) -> Outcome:
    echo = client.method("echo")
    return [len(await echo(bytes(size))) for size in (0, 1, 16_384, 100_000, 4_000_000)]


@scenario
async def request_over_the_servers_limit(client: Client) -> Outcome:
    return (await client.outcome(client.method("echo")(bytes(4_200_000))))[:2]


@scenario
async def request_over_the_servers_limit_details(client: Client) -> Outcome:
    details: str = (await client.outcome(client.method("echo")(bytes(4_200_000))))[3]
    return details[details.index("eceived message larger") :]


@scenario
async def limits_of_the_client(client: Client) -> Outcome:
    options = (("grpc.max_receive_message_length", 10), ("grpc.max_send_message_length", 15))
    outcomes = []
    async with client.module.aio.insecure_channel(f"127.0.0.1:{client.port}", options) as channel:
        for size in (10, 11, 16):
            result, code, _, details, *_ = await Client(client.module, channel, 0).outcome(
                channel.unary_unary("/c.S/echo")(bytes(size))
            )
            outcomes.append((result, code, re.findall(r"larger than max \(\d+ vs\. \d+\)", details)))
    return outcomes


@scenario
async def cancelled_call(client: Client) -> Outcome:
    call = client.method("forever")(b"")
    await _entered[-1].wait()
    first, second = call.cancel(), call.cancel()
    return first, second, call.cancelled(), call.done(), await client.outcome(call)


@scenario
async def cancelled_task(client: Client) -> Outcome:
    call = client.method("forever")(b"")

    async def wait() -> Any:
        return await call

    task = asyncio.create_task(wait())
    await _entered[-1].wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return task.cancelled(), call.cancelled(), (await call.code()).name, await call.details()


@scenario
async def awaited_twice_and_after_the_end(client: Client) -> Outcome:
    call = client.method("echo")(b"x")
    done: list[bool] = []
    call.add_done_callback(lambda call: done.append(call.done()))
    results = [await call, await call, call.done(), call.cancelled(), call.cancel(), (await call.code()).name]
    await asyncio.sleep(0)
    return results, done


@scenario
async def deadline_in_the_past(client: Client) -> Outcome:
    outcomes = [await client.outcome(client.method("forever")(b"", timeout=timeout)) for timeout in (0, -1)]
    return [(result, code, details) for result, code, _, details, *_ in outcomes]


@scenario
async def nobody_listens(client: Client) -> Outcome:
    async with client.module.aio.insecure_channel("127.0.0.1:1") as channel:
        call = channel.unary_unary("/c.S/echo")(b"")
        return await Client(client.module, channel, 0).outcome(call)


@scenario
async def closed_channel(client: Client) -> Outcome:
    channel = client.module.aio.insecure_channel(f"127.0.0.1:{client.port}")
    echo = channel.unary_unary("/c.S/echo")
    assert await echo(b"x") == b"x"
    states = [channel.get_state().name]
    await channel.close()
    await channel.close()
    states.append(channel.get_state().name)
    try:
        await echo(b"")
    except Exception as error:
        return states, type(error).__name__, str(error)
    return states


@scenario
async def close_while_a_call_runs(client: Client) -> Outcome:
    channel = client.module.aio.insecure_channel(f"127.0.0.1:{client.port}")
    call = channel.unary_unary("/c.S/forever")(b"")
    await _entered[-1].wait()
    await channel.close()
    return call.cancelled(), (await call.code()).name


@scenario
async def codecs(client: Client) -> Outcome:
    return await client.outcome(client.method("number", lambda number: b"%d" % number, int)(271_828))


@scenario
async def broken_response_deserializer(client: Client) -> Outcome:
    def broken(value: bytes) -> Any:
        raise ZeroDivisionError

    result, code, _, details, *_ = await client.outcome(client.method("echo", None, broken)(b"x"))
    return result, code, details


@scenario
async def broken_request_serializer(client: Client) -> Outcome:
    def broken(value: Any) -> bytes:
        raise ZeroDivisionError

    try:
        await client.method("echo", broken, None)(b"x")
    except Exception as error:
        return type(error).__name__
    return "nothing"


@scenario
async def the_text_of_an_error(client: Client) -> Outcome:
    try:
        await client.method("abort")(b"")
    except client.module.aio.AioRpcError as error:
        return str(error).split("\tdebug_error_string")[0]
    return "nothing"


@scenario
async def a_hundred_at_once(client: Client) -> Outcome:
    echo = client.method("echo")
    return await asyncio.gather(*(echo(b"%d" % index) for index in range(100)))


# -- what differs on purpose -------------------------------------------------------------------------------------------


def failed(number: int, name: str, text: str, details: str) -> Outcome:
    return "AioRpcError", name, (number, text), details, [], []


DIFFERENCES: dict[str, tuple[str, Outcome]] = {
    # scenario: (on which side ours makes the difference, the outcome then)
    "broken_response_deserializer": ("client", ("AioRpcError", "INTERNAL", "Exception deserializing response!")),
    "broken_request_serializer": ("client", "ZeroDivisionError"),
    "set_ok_details": ("client", (b"ok", "OK", (0, "ok"), "fine", [], [])),
    # What follows is what grpcio's own blocking server says.
    "unimplemented": ("server", failed(12, "UNIMPLEMENTED", "unimplemented", "Method not implemented!")),
    "bad_request": ("server", failed(13, "INTERNAL", "internal", "Exception deserializing request!")),
    "bad_response": ("server", failed(13, "INTERNAL", "internal", "Failed to serialize response!")),
    "nothing": ("server", failed(13, "INTERNAL", "internal", "Failed to serialize response!")),
}


# -- running them ------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def running(server_module: Any, client_module: Any) -> AsyncIterator[Client]:
    server = server_module.aio.server()
    server.add_generic_rpc_handlers((handlers(server_module),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with client_module.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Client(client_module, channel, port)
    finally:
        await server.stop(None)


def outcomes_of(server: str, client: str) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}

    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S), running(MODULES[server], MODULES[client]) as used:
            for name, play in SCENARIOS.items():
                _entered[:] = [asyncio.Event()]
                outcomes[name] = await play(used)

    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(main())
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
    side, ours = DIFFERENCES.get(name, ("", None))
    if {"client": client, "server": server}.get(side) == "plait":
        assert outcomes[name] == ours
        assert ours != measure[name], "a difference that is none any more"
    else:
        assert outcomes[name] == measure[name]
