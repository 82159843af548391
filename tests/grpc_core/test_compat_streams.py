"""The streams of `grpc.aio`, on grpcio's module and on ours: what `test_compat.py` does for calls with one message.

Outcomes are what a caller can see; that of grpcio's own pair is the measure for the three others. What differs on
purpose is listed in `DIFFERENCES`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import grpc_core
import grpc_core.aio
from tests.support.modules import grpcio

MODULES: dict[str, Callable[[], Any]] = {"grpcio": grpcio, "plait": lambda: grpc_core}
PATIENCE_S = 60.0
Outcome = Any

_entered: list[asyncio.Event] = []
_over: list[asyncio.Event] = []


# -- the server --------------------------------------------------------------------------------------------------------


def handlers(grpc: Any) -> Any:
    """The methods that the scenarios call, made with one module or the other. The prefix tells the kind."""
    code = grpc.StatusCode

    async def us_count(request: bytes, context: Any) -> AsyncIterator[bytes]:
        context.set_trailing_metadata((("x-t", "counted"),))
        for number in range(int(request)):
            yield b"%d" % number

    async def us_write(request: bytes, context: Any) -> None:
        await context.send_initial_metadata((("x-i", "early"),))
        await context.write(b"a")
        await context.write(b"b")

    async def us_abort(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        await context.abort(code.RESOURCE_EXHAUSTED, "enough", (("x-t", "1"),))

    async def us_fails(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        raise ValueError("midway")

    async def us_set_code(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        context.set_code(code.ABORTED)
        context.set_details("in the end")

    async def us_forever(request: bytes, context: Any) -> AsyncIterator[bytes]:
        over = _over[-1]
        context.add_done_callback(lambda context: over.set())
        yield b"first"
        _entered[-1].set()
        await asyncio.Event().wait()

    def us_plain(request: bytes, context: Any) -> Any:
        yield b"a"
        yield b"b"

    async def su_join(requests: AsyncIterator[bytes], context: Any) -> bytes:
        return b"".join([request async for request in requests])

    async def su_read(requests: AsyncIterator[bytes], context: Any) -> bytes:
        taken = []
        while (request := await context.read()) is not grpc.aio.EOF:
            taken.append(request)
        taken.append(repr(await context.read()).encode())
        return b" ".join(taken)

    async def su_first(requests: AsyncIterator[bytes], context: Any) -> bytes:
        async for request in requests:
            return request
        return b"none"

    async def su_abort(requests: AsyncIterator[bytes], context: Any) -> bytes:
        await context.read()
        await context.abort(code.ABORTED, "after one")
        return b""

    async def ss_echo(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request * 2

    async def ss_write(requests: AsyncIterator[bytes], context: Any) -> None:
        async for request in requests:
            await context.write(request)
        context.set_trailing_metadata((("x-t", "done"),))

    async def ss_abort(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request
            await context.abort(code.UNAUTHENTICATED, "who?")

    kinds = {"us": "unary_stream", "su": "stream_unary", "ss": "stream_stream"}
    behaviors: list[Any] = [us_count, us_write, us_abort, us_fails, us_set_code, us_forever, us_plain]
    behaviors += [su_join, su_read, su_first, su_abort, ss_echo, ss_write, ss_abort]
    methods = {
        behavior.__name__: getattr(grpc, f"{kinds[behavior.__name__[:2]]}_rpc_method_handler")(behavior)
        for behavior in behaviors
    }
    return grpc.method_handlers_generic_handler("c.S", methods)


# -- the client --------------------------------------------------------------------------------------------------------


class Client:
    """What a scenario uses: a channel of one module, and outcomes in terms of neither."""

    def __init__(self, module: Any, channel: Any, port: int) -> None:
        self.module = module
        self.channel = channel
        self.port = port

    def method(self, name: str, *codecs: Any) -> Any:
        kinds = {"us": "unary_stream", "su": "stream_unary", "ss": "stream_stream"}
        return getattr(self.channel, kinds[name[:2]])(f"/c.S/{name}", *codecs)

    async def end(self, call: Any) -> Outcome:
        """(code, details, initial and trailing metadata, done, cancelled) of a call."""
        metadata = [pairs(await call.initial_metadata()), pairs(await call.trailing_metadata())]
        return (await call.code()).name, plain(await call.details()), metadata, call.done(), call.cancelled()

    async def taken(self, call: Any) -> Outcome:
        """What iterating gives, and how it ends."""
        taken: list[Any] = []
        try:
            async for response in call:
                taken.append(response)
        except asyncio.CancelledError:
            taken.append("cancelled")
        except self.module.aio.AioRpcError as error:
            taken.append((error.code().name, plain(error.details()), pairs(error.trailing_metadata())))
        return taken, await self.end(call)

    async def read(self, call: Any) -> Outcome:
        """What `read` gives until it gives EOF or raises, and how it ends."""
        taken: list[Any] = []
        try:
            while (response := await call.read()) is not self.module.aio.EOF:
                taken.append(response)
            taken.append(repr(await call.read()))
        except asyncio.CancelledError:
            taken.append("cancelled")
        except self.module.aio.AioRpcError as error:
            taken.append((error.code().name, plain(error.details())))
        return taken, await self.end(call)

    async def answer(self, call: Any) -> Outcome:
        """What awaiting gives, and how it ends."""
        try:
            answer = await call
        except asyncio.CancelledError:
            answer = "cancelled"
        except self.module.aio.AioRpcError as error:
            answer = error.code().name, plain(error.details())
        return answer, await self.end(call)

    async def caught(self, awaitable: Any) -> Outcome:
        """(type, text) of the exception, or the result."""
        try:
            return await awaitable
        except Exception as error:
            return type(error).__name__, str(error)


def plain(details: str) -> str:
    """Details without what C-core sometimes puts around those of a stream that it has removed itself."""
    found = re.fullmatch(r"Stream removed \((.*)\)", details)
    return found[1] if found else details


def pairs(metadata: Any) -> list[tuple[str, str | bytes]]:
    return [(key, value) for key, value in metadata if key.startswith("x-")]


async def several(*requests: bytes) -> AsyncIterator[bytes]:
    for request in requests:
        yield request


Scenario = Callable[[Client], Any]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[getattr(function, "__name__", "")] = function
    return function


def simply(name: str, style: str) -> None:
    async def play(client: Client) -> Outcome:
        request: Any = b"3" if name[:2] == "us" else several(b"a", b"b") if style != "list" else [b"a", b"b"]
        call = client.method(name)(request)
        if name[:2] == "su":
            return await client.answer(call)
        return await (client.read(call) if style == "read" else client.taken(call))

    SCENARIOS[f"{name} {style}"] = play


for _name in ("us_count", "us_write", "us_abort", "us_fails", "us_set_code", "us_plain", "us_none"):
    simply(_name, "iterate")
    simply(_name, "read")
for _name in ("su_join", "su_read", "su_first", "su_abort", "su_none", "ss_echo", "ss_write", "ss_abort"):
    simply(_name, "iterate")
simply("su_join", "list")
simply("ss_echo", "list")
simply("ss_echo", "read")


@scenario
async def requests_one_by_one(client: Client) -> Outcome:
    call = client.method("su_join")()
    for request in (b"a", b"b"):
        await call.write(request)
    await call.done_writing()
    await call.done_writing()
    late = await client.caught(call.write(b"c"))
    return late, await client.answer(call), await client.caught(call.write(b"d"))


@scenario
async def a_conversation(client: Client) -> Outcome:
    call = client.method("ss_echo")()
    said = []
    for request in (b"a", b"b"):
        await call.write(request)
        said.append(await call.read())
    await call.done_writing()
    said.append(repr(await call.read()))
    return said, await client.end(call)


@scenario
async def styles_do_not_mix(client: Client) -> Outcome:
    by_iterator = client.method("ss_echo")(several(b"a"))
    outcomes = [await client.caught(by_iterator.write(b"x")), await client.caught(by_iterator.done_writing())]
    outcomes.append(await client.taken(by_iterator))
    reading = client.method("us_count")(b"2")
    outcomes.append(await reading.read())
    try:
        reading.__aiter__()
    except client.module.aio.UsageError as error:
        outcomes.append(str(error))
    return outcomes


@scenario
async def cancelled_while_it_reads(client: Client) -> Outcome:
    call = client.method("us_forever")(b"")
    first = await call.read()
    await _entered[-1].wait()
    done: list[bool] = []
    call.add_done_callback(lambda call: done.append(call.cancelled()))
    cancelled = call.cancel(), call.cancel()
    rest = await client.read(call)
    await asyncio.sleep(0)
    await _over[-1].wait()
    return first, cancelled, rest, done


@scenario
async def a_task_that_iterates_is_cancelled(client: Client) -> Outcome:
    call = client.method("us_forever")(b"")

    taken = asyncio.Event()

    async def iterate() -> None:
        async for _ in call:
            taken.set()

    task = asyncio.create_task(iterate())
    await taken.wait()
    await _entered[-1].wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await _over[-1].wait()
    return task.cancelled(), await client.end(call)


@scenario
async def a_deadline_in_a_stream(client: Client) -> Outcome:
    return await client.read(client.method("us_forever")(b"", timeout=0.2))


@scenario
async def requests_are_cancelled(client: Client) -> Outcome:
    call = client.method("su_join")()
    await call.write(b"a")
    return call.cancel(), await client.answer(call), await client.caught(call.write(b"b"))


@scenario
async def nobody_listens(client: Client) -> Outcome:
    async with client.module.aio.insecure_channel("127.0.0.1:1") as channel:
        other = Client(client.module, channel, 0)
        return [
            await other.read(other.method("us_count")(b"1")),
            await other.answer(other.method("su_join")(several(b"a"))),
            await other.taken(other.method("ss_echo")(several(b"a"))),
        ]


@scenario
async def the_channel_is_closed_while_streams_run(client: Client) -> Outcome:
    channel = client.module.aio.insecure_channel(f"127.0.0.1:{client.port}")
    call = Client(client.module, channel, 0).method("us_forever")(b"")
    await call.read()
    await _entered[-1].wait()
    await channel.close()
    return call.done(), call.cancelled(), (await call.code()).name


@scenario
async def many_messages(client: Client) -> Outcome:
    requests = [b"%d" % number for number in range(500)]
    echoed = [response async for response in client.method("ss_write")(several(*requests))]
    joined = await client.method("su_join")(iter(requests))
    counted = [response async for response in client.method("us_count")(b"500")]
    return len(echoed), echoed == requests, len(joined), counted == requests


# -- what differs on purpose -------------------------------------------------------------------------------------------

DIFFERENCES: dict[str, tuple[str, Outcome]] = {}


# -- running them ------------------------------------------------------------------------------------------------------


def outcomes_of(server_name: str, client_name: str) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    server_module, client_module = MODULES[server_name](), MODULES[client_name]()

    async def main() -> None:
        server = server_module.aio.server()
        server.add_generic_rpc_handlers((handlers(server_module),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with client_module.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            for name, play in SCENARIOS.items():
                _entered[:], _over[:] = [asyncio.Event()], [asyncio.Event()]
                try:
                    async with asyncio.timeout(PATIENCE_S / 4):
                        outcomes[name] = await play(Client(client_module, channel, port))
                except Exception as error:
                    outcomes[name] = error
        await server.stop(None)

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
    assert not isinstance(measure[name], Exception), measure[name]
    assert not isinstance(outcomes[name], Exception), outcomes[name]
    side, ours = DIFFERENCES.get(name, ("", None))
    if {"client": client, "server": server}.get(side) == "plait":
        assert outcomes[name] == ours
        assert ours != measure[name], "a difference that is none any more"
    else:
        assert outcomes[name] == measure[name]
