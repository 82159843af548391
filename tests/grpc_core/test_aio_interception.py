"""Interceptors of asyncio clients: the same program on grpcio and on ours, in every pair, must end alike.

What differs on purpose is listed in `DIFFERENCES`, and docs/interceptors.md tells it too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.grpc_core.support_interceptors import (
    KINDS,
    PAIRS,
    SERVICE,
    Outcome,
    Scenario,
    Stage,
    interceptor,
    played,
)

SCENARIOS: dict[str, Scenario] = {}

METHOD_OF = {"unary_unary": "echo", "unary_stream": "count", "stream_unary": "join", "stream_stream": "chat"}


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[getattr(function, "__name__", "")] = function
    return function


async def passes(continuation: Any, details: Any, request: Any) -> Any:
    return await continuation(details, request)


def requests_of(kind: str) -> Any:
    return b"a" if kind.startswith("unary") else [b"a", b"b"]


async def numbers() -> AsyncIterator[bytes]:
    for number in (b"1", b"2", b"3"):
        yield number


# -- what an interceptor is given and may change -----------------------------------------------------------------------


def for_each_kind(function: Any) -> None:
    """A scenario for each kind of call: `function(stage, kind)`."""

    def bound(kind: str) -> Scenario:
        async def play(stage: Stage) -> Outcome:
            return await function(stage, kind)

        return play

    for kind in KINDS:
        SCENARIOS[f"{function.__name__} {kind}"] = bound(kind)


@for_each_kind
async def passed_on(stage: Stage, kind: str) -> Outcome:
    call = (await stage.method(kind, METHOD_OF[kind], passes))(requests_of(kind), metadata=(("x-a", "1"),))
    return await stage.outcome(call)


@for_each_kind
async def order(stage: Stage, kind: str) -> Outcome:
    seen: list[str] = []

    def named(name: str) -> Any:
        async def intercept(continuation: Any, details: Any, request: Any) -> Any:
            seen.append(f"{name} in")
            call = await continuation(details, request)
            seen.append(f"{name} out")
            return call

        return intercept

    method = await stage.method(kind, METHOD_OF[kind], named("first"), named("second"), named("third"))
    return await stage.outcome(method(requests_of(kind))), seen


@for_each_kind
async def given(stage: Stage, kind: str) -> Outcome:
    seen: list[Any] = []

    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        metadata = type(details.metadata).__name__, sorted(details.metadata)
        seen.append((details.method, details.timeout, metadata, details.credentials, details.wait_for_ready))
        seen.append((details._fields, request if isinstance(request, bytes) else list(request)))
        return await continuation(details, request)

    method = await stage.method(kind, METHOD_OF[kind], intercept)
    await stage.result(method(requests_of(kind), timeout=20, metadata=(("x-a", "1"),), wait_for_ready=True))
    await stage.result(method(requests_of(kind)))
    return seen


@for_each_kind
async def changed_metadata_and_request(stage: Stage, kind: str) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        details.metadata.add("x-b", "2")
        return await continuation(details, b"other" if kind.startswith("unary") else numbers())

    method = await stage.method(kind, METHOD_OF[kind], intercept)
    return await stage.outcome(method(requests_of(kind), metadata=(("x-a", "1"),)))


@for_each_kind
async def changed_method(stage: Stage, kind: str) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(details._replace(method=f"/{SERVICE}/none".encode()), request)

    nothing: Any = b"" if kind.startswith("unary") else []  # else grpcio may fail to send, and say INTERNAL
    return await stage.outcome((await stage.method(kind, METHOD_OF[kind], intercept))(nothing))


@scenario
async def changed_timeout(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(details._replace(timeout=10), request)

    remaining = await stage.method("unary_unary", "remaining", intercept)
    return await remaining(b""), await remaining(b"", timeout=20)


@scenario
async def details_made_anew(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        metadata = stage.grpc.aio.Metadata(("x-new", "1"))
        made = stage.grpc.aio.ClientCallDetails(details.method, None, metadata, None, None)
        return await continuation(made, request)

    return await stage.outcome((await stage.method("unary_unary", "echo", intercept))(b"", timeout=20))


@scenario
async def metadata_as_pairs(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(details._replace(metadata=(("x-a", "1"),)), request)

    return await stage.outcome((await stage.method("unary_unary", "echo", intercept))(b""))


@scenario
async def kinds_are_not_mixed_up(stage: Stage) -> Outcome:
    seen: list[str] = []

    def noting(kind: str) -> Any:
        async def intercept(continuation: Any, details: Any, request: Any) -> Any:
            seen.append(kind)
            return await continuation(details, request)

        return interceptor(stage.grpc, kind, intercept)

    channel = await stage.channel(*map(noting, KINDS))
    for kind in KINDS:
        await stage.result(getattr(channel, kind)(f"/{SERVICE}/{METHOD_OF[kind]}")(requests_of(kind)))
    return seen


@scenario
async def what_continuation_returns(stage: Stage) -> Outcome:
    seen: list[Any] = []

    def looking(kind: str) -> Any:
        async def intercept(continuation: Any, details: Any, request: Any) -> Any:
            call = await continuation(details, request)
            seen.extend(isinstance(call, getattr(stage.grpc.aio, name)) for name in ("Call", "UnaryUnaryCall"))
            return call

        return interceptor(stage.grpc, kind, intercept)

    channel = await stage.channel(*map(looking, KINDS))
    for kind in KINDS:
        call = getattr(channel, kind)(f"/{SERVICE}/{METHOD_OF[kind]}")(requests_of(kind))
        seen.extend(isinstance(call, getattr(stage.grpc.aio, name)) for name in ("Call", "UnaryUnaryCall"))
        seen.append(isinstance(call, stage.grpc.aio.InterceptedUnaryUnaryCall))
        await stage.result(call)
    return seen


@scenario
async def no_interceptor(stage: Stage) -> Outcome:
    try:
        stage.grpc.aio.insecure_channel("127.0.0.1:1", interceptors=["no"])
    except ValueError as error:
        return str(error)
    return "accepted"


# -- what an interceptor may return ------------------------------------------------------------------------------------


@scenario
async def response_instead_of_a_call(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        return b"made up"

    call = (await stage.method("unary_unary", "echo", passes, intercept))(b"x")
    return await call, await call, (await call.code()).name, await call.details(), call.done(), call.cancel()


@scenario
async def awaited_response_instead_of_its_call(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        return b"<" + await (await continuation(details, request)) + b">"

    return await (await stage.method("unary_unary", "echo", intercept, intercept))(b"x")


@scenario
async def iterator_instead_of_a_call(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        call = await continuation(details, request)

        async def responses() -> AsyncIterator[bytes]:
            async for response in call:
                yield b"<" + response + b">"

        return responses()

    outcomes = []
    for kind in ("unary_stream", "stream_stream"):
        method = await stage.method(kind, METHOD_OF[kind], intercept, passes, intercept)
        outcomes.append(await stage.outcome(method(requests_of(kind), metadata=(("x-a", "1"),))))
    return outcomes


@scenario
async def retries(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        for attempt in "123":
            metadata = stage.grpc.aio.Metadata(("x-attempt", attempt))
            call = await continuation(details._replace(metadata=metadata), request)
            if (await call.code()).name != "UNAVAILABLE":
                break
        return call

    return await stage.outcome((await stage.method("unary_unary", "flaky", intercept))(b"x"))


@scenario
async def failures_are_seen_when_the_call_is_awaited(stage: Stage) -> Outcome:
    seen: list[Any] = []

    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        call = await continuation(details, request)
        try:
            await call
        except stage.grpc.RpcError as error:
            seen.append((error.code().name, error.details()))
        return call

    return await stage.outcome((await stage.method("unary_unary", "flaky", intercept))(b"x")), seen


# -- what an interceptor may raise -------------------------------------------------------------------------------------


@for_each_kind
async def raises_a_status(stage: Stage, kind: str) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        raise stage.error("PERMISSION_DENIED", "not you")

    done: list[Any] = []
    call = (await stage.method(kind, METHOD_OF[kind], passes, intercept))(requests_of(kind))
    call.add_done_callback(lambda done_call: done.append(done_call is call))
    outcome = await stage.outcome(call), list(await call.initial_metadata())
    return outcome, call.done(), call.cancelled(), call.cancel(), done


@scenario
async def raises_a_bug(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        raise ValueError("odd")

    call = (await stage.method("unary_unary", "echo", intercept))(b"")
    outcomes = [await stage.result(call)]
    for ask in (call.code, call.details, call.initial_metadata, call.trailing_metadata, call.wait_for_connection):
        try:
            await ask()
        except ValueError as error:
            outcomes.append(str(error))
    return outcomes


@scenario
async def a_bug_and_done(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        raise ValueError("odd")

    call = (await stage.method("unary_unary", "echo", intercept))(b"")
    await stage.result(call)
    try:
        return call.done(), call.cancelled(), call.cancel()
    except ValueError as error:
        return str(error)


@scenario
async def channel_closed_while_the_interceptor_runs(stage: Stage) -> Outcome:
    runs = asyncio.Event()

    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        runs.set()
        await asyncio.Event().wait()

    channel = await stage.channel(interceptor(stage.grpc, "unary_unary", intercept))
    call = channel.unary_unary(f"/{SERVICE}/echo")(b"")
    await runs.wait()
    await channel.close()
    return await stage.result(call), call.cancelled(), (await call.code()).name


@scenario
async def closed_channel(stage: Stage) -> Outcome:
    channel = await stage.channel(interceptor(stage.grpc, "unary_unary", passes))
    echo = channel.unary_unary(f"/{SERVICE}/echo")
    await echo(b"")
    await channel.close()
    return await stage.result(echo(b""))


# -- cancelling --------------------------------------------------------------------------------------------------------


@for_each_kind
async def cancelled_before_the_interceptor_runs(stage: Stage, kind: str) -> Outcome:
    seen: list[str] = []

    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        seen.append("runs")
        return await continuation(details, request)

    call = (await stage.method(kind, METHOD_OF[kind], intercept))(requests_of(kind))
    first = call.cancel()
    outcome = await stage.result(call), (await call.code()).name, await call.details()
    return first, outcome, call.cancelled(), call.done(), call.cancel(), seen


@for_each_kind
async def cancelled_while_the_interceptor_runs(stage: Stage, kind: str) -> Outcome:
    runs = asyncio.Event()
    seen: list[str] = []

    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        runs.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    call = (await stage.method(kind, METHOD_OF[kind], intercept))(requests_of(kind))
    await runs.wait()
    states = [call.done(), call.cancelled(), call.cancel()]
    outcome = await stage.result(call), (await call.code()).name, await call.details()
    return outcome, [*states, call.done(), call.cancelled(), call.cancel()], seen


@scenario
async def cancelled_while_the_interceptor_awaits_its_call(stage: Stage) -> Outcome:
    inner: list[Any] = []

    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        inner.append(await continuation(details, request))
        await inner[0]
        return inner[0]

    call = (await stage.method("unary_unary", "forever", intercept))(b"")
    await stage.entered.wait()
    first = call.cancel()
    outcome = await stage.result(call), (await call.code()).name, await call.details()
    return first, outcome, inner[0].cancelled(), call.cancelled()


@scenario
async def cancelled_after_the_interceptor_has_returned(stage: Stage) -> Outcome:
    outcomes = []
    for kind, name in (("unary_unary", "forever"), ("unary_stream", "count_forever")):
        stage.entered.clear()
        call = (await stage.method(kind, name, passes))(b"")
        await stage.entered.wait()
        if kind == "unary_stream":
            await call.read()
        first, second = call.cancel(), call.cancel()
        outcome = await stage.result(call), (await call.code()).name, await call.details()
        outcomes.append((first, second, outcome, call.cancelled(), call.done()))
    return outcomes


@scenario
async def cancelled_task_that_awaits(stage: Stage) -> Outcome:
    call = (await stage.method("unary_unary", "forever", passes))(b"")

    async def wait() -> Any:
        return await call

    task = asyncio.create_task(wait())
    await stage.entered.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return task.cancelled(), call.cancelled(), (await call.code()).name, await call.details()


@scenario
async def cancelled_task_while_the_interceptor_runs(stage: Stage) -> Outcome:
    runs = asyncio.Event()

    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        runs.set()
        await asyncio.Event().wait()

    call = (await stage.method("unary_unary", "echo", intercept))(b"")

    async def wait() -> Any:
        return await call

    task = asyncio.create_task(wait())
    await runs.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    return task.cancelled(), call.cancelled(), (await call.code()).name, await call.details()


@scenario
async def cancelled_after_the_end(stage: Stage) -> Outcome:
    call = (await stage.method("unary_unary", "echo", passes))(b"x")
    return await call, call.cancel(), call.cancelled(), call.done(), await call


# -- done, callbacks, deadlines, connections ---------------------------------------------------------------------------


@scenario
async def callbacks(stage: Stage) -> Outcome:
    seen: list[Any] = []
    call = (await stage.method("unary_unary", "echo", passes))(b"x")
    call.add_done_callback(lambda done: seen.append((1, done.done())))
    await call
    await asyncio.sleep(0.01)
    call.add_done_callback(lambda done: seen.append((2, done.done())))
    return seen, call.done()


@scenario
async def callback_added_while_the_call_runs(stage: Stage) -> Outcome:
    seen = asyncio.Event()
    call = (await stage.method("unary_unary", "forever", passes))(b"", timeout=0.2)
    await stage.entered.wait()
    call.add_done_callback(lambda done: seen.set())
    outcome = await stage.result(call)
    await asyncio.wait_for(seen.wait(), 10)
    return outcome


@scenario
async def deadline(stage: Stage) -> Outcome:
    return await stage.outcome((await stage.method("unary_unary", "forever", passes))(b"", timeout=0.1))


@scenario
async def waiting_for_the_connection(stage: Stage) -> Outcome:
    call = (await stage.method("unary_unary", "echo", passes))(b"x")
    waited = await call.wait_for_connection()
    channel = stage.grpc.aio.insecure_channel(
        "127.0.0.1:1", interceptors=[interceptor(stage.grpc, "unary_unary", passes)]
    )
    refused = channel.unary_unary(f"/{SERVICE}/echo")(b"")
    try:
        await refused.wait_for_connection()
    except stage.grpc.aio.AioRpcError as error:
        return waited, await call, error.code().name
    finally:
        await channel.close()
    return "connected"


# -- streams -----------------------------------------------------------------------------------------------------------


@scenario
async def reading(stage: Stage) -> Outcome:
    read: list[Any] = []
    for kind, name in (("unary_stream", "count"), ("stream_stream", "chat")):
        call = (await stage.method(kind, name, passes))(requests_of(kind))
        while (response := await call.read()) != stage.grpc.aio.EOF:
            read.append(response)
        read.append((await call.read()) == stage.grpc.aio.EOF)
        read.append((await call.code()).name)
    return read


@scenario
async def reading_to_a_failure(stage: Stage) -> Outcome:
    call = (await stage.method("unary_stream", "count_fail", passes))(b"")
    read = [await call.read()]
    try:
        await call.read()
    except stage.grpc.aio.AioRpcError as error:
        return read, error.code().name, error.details(), await stage.said(call)
    return read


@scenario
async def reading_and_iterating_may_be_mixed(stage: Stage) -> Outcome:
    call = (await stage.method("unary_stream", "count", passes))(b"a")
    return await call.read(), [response async for response in call]


@for_each_kind
async def writing(stage: Stage, kind: str) -> Outcome:
    if kind.startswith("unary"):
        return hasattr((await stage.method(kind, METHOD_OF[kind], passes))(b""), "write")
    call = (await stage.method(kind, METHOD_OF[kind], passes))()
    for request in (b"1", b"2", b"3"):
        await call.write(request)
    await call.done_writing()
    return await stage.outcome(call)


@scenario
async def writing_and_reading_in_turn(stage: Stage) -> Outcome:
    call = (await stage.method("stream_stream", "chat", passes))()
    read = []
    for request in (b"1", b"2", b"3"):
        await call.write(request)
        read.append(await call.read())
    await call.done_writing()
    return read, await call.read() == stage.grpc.aio.EOF, await stage.said(call)


@scenario
async def writing_and_an_iterator_may_not_be_mixed(stage: Stage) -> Outcome:
    outcomes = []
    for kind in ("stream_unary", "stream_stream"):
        call = (await stage.method(kind, METHOD_OF[kind], passes))([b"a"])
        for action in (lambda call=call: call.write(b""), call.done_writing):
            try:
                await action()
            except stage.grpc.aio.UsageError as error:
                outcomes.append(str(error))
        await stage.result(call)
    return outcomes


@scenario
async def writing_after_done_writing(stage: Stage) -> Outcome:
    call = (await stage.method("stream_unary", "join", passes))()
    await call.write(b"1")
    await call.done_writing()
    try:
        await call.write(b"2")
    except asyncio.InvalidStateError as error:
        return str(error), await call
    return "written"


@scenario
async def writing_after_the_end(stage: Stage) -> Outcome:
    call = (await stage.method("stream_unary", "join_one", passes))()
    await call.write(b"1")
    response = await call
    outcomes = []
    for _ in range(2):
        try:
            await call.write(b"2")
        except asyncio.InvalidStateError as error:
            outcomes.append(str(error))
    return response, outcomes


@scenario
async def writing_when_the_interceptor_has_failed(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        raise stage.error("ABORTED", "no")

    call = (await stage.method("stream_unary", "join", intercept))()
    try:
        await call.write(b"2")
    except asyncio.InvalidStateError as error:
        return str(error), await stage.result(call)
    return "written"


@scenario
async def writing_when_the_call_was_cancelled(stage: Stage) -> Outcome:
    call = (await stage.method("stream_stream", "chat", passes))()
    await call.write(b"1")
    await call.read()
    call.cancel()
    try:
        await call.write(b"2")
    except asyncio.InvalidStateError as error:
        return str(error), (await call.code()).name
    return "written"


@scenario
async def requests_are_seen_and_changed(stage: Stage) -> Outcome:
    seen: list[bytes] = []

    async def intercept(continuation: Any, details: Any, requests: Any) -> Any:
        async def changed() -> AsyncIterator[bytes]:
            async for request in requests:
                seen.append(request)
                yield request.upper()

        return await continuation(details, changed())

    outcomes = []
    for kind in ("stream_unary", "stream_stream"):
        method = await stage.method(kind, METHOD_OF[kind], intercept, intercept)
        call = method()
        for request in (b"a", b"b"):
            await call.write(request)
        await call.done_writing()
        outcomes.append(await stage.outcome(call))
    return outcomes, seen


# -- what differs on purpose -------------------------------------------------------------------------------------------

DIFFERENCES: dict[str, tuple[Outcome, Outcome]] = {
    # scenario: the outcome where the client is ours; where it is grpcio's, which ends as ours when its tasks are quick
    "writing_after_done_writing": (('RPC is half closed after calling "done_writing".', b"1"), "written"),
}


@pytest.fixture(scope="module")
def measure() -> dict[str, Outcome]:
    """The outcomes of grpcio with itself."""
    return played(SCENARIOS, "grpcio-grpcio")


@pytest.fixture(scope="module", params=PAIRS)
def pair(request: pytest.FixtureRequest) -> tuple[str, dict[str, Outcome]]:
    """(pair, outcomes) of the three others."""
    return request.param, played(SCENARIOS, request.param)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_ends_as_with_grpcio(
    name: str, pair: tuple[str, dict[str, Outcome]], measure: dict[str, Outcome]
) -> None:
    modules, outcomes = pair
    if name in DIFFERENCES:
        ours, theirs = DIFFERENCES[name]
        assert outcomes[name] == ours or (modules.endswith("grpcio") and outcomes[name] == theirs)
        assert measure[name] in (ours, theirs)
    else:
        assert outcomes[name] == measure[name]
