"""`grpc.health.v1.Health` (W190): asked by our client, and by the official one over grpcio."""

from __future__ import annotations

import asyncio
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import grpc_core
from grpc_core import StatusCode, aio, stub
from grpc_core.health import (
    DESCRIPTOR,
    LISTED_MAX,
    HealthCheckRequest,
    HealthListRequest,
    HealthServicer,
    ServingStatus,
    add_health,
)
from tests.grpc_core.support import PATIENCE_S, joined, method, run, status_of
from tests.grpc_core.support_services import connected, official, running
from tests.support.aio import run as run_loosely

UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN = ServingStatus

Health = stub(DESCRIPTOR)


def test_the_whole_server_serves_from_the_beginning() -> None:
    async def main() -> None:
        server = aio.server()
        add_health(server)
        async with connected(server) as channel:
            response = await Health(channel).Check(HealthCheckRequest(service=""))
            assert response.status == SERVING

    run(main())


@pytest.mark.wire("W190")
def test_check_says_what_was_set_and_not_found_for_what_was_not() -> None:
    async def main() -> None:
        server = aio.server()
        health = add_health(server)
        health.set("a", ServingStatus.NOT_SERVING)
        health.set("b", 0)
        async with connected(server) as channel:
            check = Health(channel).Check
            assert (await check(HealthCheckRequest(service="a"))).status == NOT_SERVING
            assert (await check(HealthCheckRequest(service="b"))).status == UNKNOWN
            assert await status_of(check(HealthCheckRequest(service="c"))) == (
                StatusCode.NOT_FOUND,
                "unknown service 'c'",
            )

    run(main())


@pytest.mark.wire("W190")
def test_watch_tells_at_once_and_then_each_change() -> None:
    async def main() -> None:
        server = aio.server()
        health = add_health(server)
        async with connected(server) as channel:
            watch = Health(channel).Watch(HealthCheckRequest(service="a"))
            assert (await watch.read()).status == SERVICE_UNKNOWN, "a service may come later: no error"
            health.set("a", SERVING)
            assert (await watch.read()).status == SERVING
            health.set("a", SERVING)  # as before
            health.set("b", NOT_SERVING)
            await Health(channel).Check(HealthCheckRequest(service=""))  # the watcher has had its turn
            health.set("a", NOT_SERVING)
            assert (await watch.read()).status == NOT_SERVING, "what is no change of this service is not told"
            watch.cancel()

    run(main())


def test_a_status_set_in_another_thread_reaches_the_watcher() -> None:
    async def main() -> None:
        server = aio.server()
        health = add_health(server)
        async with connected(server) as channel:
            watch = Health(channel).Watch(HealthCheckRequest(service=""))
            assert (await watch.read()).status == SERVING
            thread = threading.Thread(target=health.set, args=("", NOT_SERVING))
            thread.start()
            assert (await watch.read()).status == NOT_SERVING
            thread.join()
            watch.cancel()

    run(main())


def test_graceful_shutdown_is_told_and_is_for_good() -> None:
    async def main() -> None:
        server = aio.server()
        health = add_health(server)
        health.set("a", SERVING)
        async with connected(server) as channel:
            stub = Health(channel)
            watch = stub.Watch(HealthCheckRequest(service="a"))
            assert (await watch.read()).status == SERVING
            health.enter_graceful_shutdown()
            assert (await watch.read()).status == NOT_SERVING
            health.set("a", SERVING)
            health.set("new", SERVING)
            assert (await stub.Check(HealthCheckRequest(service="a"))).status == NOT_SERVING
            assert (await stub.Check(HealthCheckRequest(service=""))).status == NOT_SERVING
            assert (await status_of(stub.Check(HealthCheckRequest(service="new"))))[0] is StatusCode.NOT_FOUND
            watch.cancel()

    run(main())


@pytest.mark.wire("W190")
def test_list_has_all_up_to_a_hundred() -> None:
    async def main() -> None:
        server = aio.server()
        health = add_health(server)
        for number in range(LISTED_MAX - 1):  # and the server as a whole
            health.set(f"s{number}", NOT_SERVING)
        async with connected(server) as channel:
            response = await Health(channel).List(HealthListRequest())
            assert len(response.statuses) == LISTED_MAX
            assert {name for name, one in response.statuses.items() if one.status == SERVING} == {""}
            health.set("one more", SERVING)
            code, details = await status_of(Health(channel).List(HealthListRequest()))
            assert code is StatusCode.RESOURCE_EXHAUSTED
            assert details == "101 services are too many to list: at most 100"

    run(main())


@pytest.mark.parametrize("status", [3, 4, -1])
def test_what_is_no_status_of_a_known_service_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match=r"SERVICE_UNKNOWN|not a valid ServingStatus"):
        HealthServicer().set("a", status)


def test_an_ended_watch_leaves_nothing_behind() -> None:
    """Names of services come from clients: a server that kept each would grow for ever."""

    async def main() -> None:
        server = aio.server()
        health = add_health(server)
        async with connected(server) as channel:
            watches = [Health(channel).Watch(HealthCheckRequest(service=f"s{number % 2}")) for number in range(4)]
            for watch in watches:
                await watch.read()
            assert sorted(map(len, health._watchers.values())) == [2, 2]
            watches.pop().cancel()
            while len(health._watchers["s1"]) == 2:
                await Health(channel).Check(HealthCheckRequest(service=""))
            for watch in watches:
                watch.cancel()
        assert health._watchers == {}, "the server has stopped, and waited for its handlers"

    run(main())


def test_a_change_while_the_watcher_is_told_is_told_next() -> None:
    """Else a status set during a slow write would be lost until the one after it."""
    health = HealthServicer()
    told: list[int] = []

    class Enough(Exception):
        pass

    class Context:
        def __init__(self) -> None:
            self.loop = asyncio.get_running_loop()

        async def write(self, message: Any) -> None:
            told.append(message.status)
            if len(told) == 1:
                health.set("a", SERVING)
                health.set("a", NOT_SERVING)
                await asyncio.sleep(0)
            else:
                raise Enough

    async def main() -> None:
        with pytest.raises(Enough):
            await health.Watch(HealthCheckRequest(service="a"), Context())

    run(main())
    assert told == [SERVICE_UNKNOWN, NOT_SERVING]


def test_a_loop_that_has_ended_does_not_disturb_set() -> None:
    """A watcher whose loop was closed before its call could end: `set` in another thread goes on."""
    health = HealthServicer()

    class Context:
        """What Watch asks of its context."""

        def __init__(self) -> None:
            self.loop = asyncio.get_running_loop()

        async def write(self, message: Any) -> None:
            assert message.status == SERVICE_UNKNOWN

    async def leave_watching() -> Any:
        coroutine = health.Watch(HealthCheckRequest(service="a"), Context())
        task = asyncio.get_running_loop().create_task(coroutine)
        await asyncio.sleep(0)
        return task

    loop = asyncio.new_event_loop()
    task = loop.run_until_complete(leave_watching())
    (notify,) = health._watchers["a"]
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    health._watchers["a"] = {notify}
    health.set("a", SERVING)
    assert health._statuses["a"] is SERVING


def test_the_blocks_of_the_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/services.md: every block of Python on it is part of one program."""
    page = (Path(__file__).parents[2] / "docs/services.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile("\n".join(blocks), "docs/services.md", "exec"), names)
    run(names["main"]())

    async def fail_richly() -> None:
        async with joined({"Refuse": names["refuse"]}) as (_, channel):
            with pytest.raises(aio.AioRpcError) as caught:
                await method(channel, "Refuse")(b"")
            names["understand"](caught.value)

    run(fail_richly())
    assert capsys.readouterr().out == "out of tea ['type.googleapis.com/helloworld.HelloRequest']\n"


@pytest.mark.wire("W190")
def test_a_blocking_server() -> None:
    """Answered in threads there, with the same answers; and when the watcher leaves, its thread is free again."""
    with ThreadPoolExecutor(2) as pool:
        server = grpc_core.server(pool)
        health = add_health(server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc_core.insecure_channel(f"127.0.0.1:{port}") as channel:
            client = Health(channel)
            watch = client.Watch(HealthCheckRequest(service="a"), timeout=PATIENCE_S)
            assert next(watch).status == SERVICE_UNKNOWN
            health.set("a", SERVING)
            assert next(watch).status == SERVING
            assert client.Check(HealthCheckRequest(service="a"), timeout=PATIENCE_S).status == SERVING
            with pytest.raises(grpc_core.RpcError) as caught:
                client.Check(HealthCheckRequest(service="b"), timeout=PATIENCE_S)
            error: Any = caught.value
            assert (error.code(), error.details()) == (StatusCode.NOT_FOUND, "unknown service 'b'")
            health.set("a", SERVING)  # as before: nothing to tell
            assert set(client.List(HealthListRequest(), timeout=PATIENCE_S).statuses) == {"", "a"}
            for number in range(LISTED_MAX):
                health.set(f"s{number}", SERVING)
            with pytest.raises(grpc_core.RpcError) as caught:
                client.List(HealthListRequest(), timeout=PATIENCE_S)
            error = caught.value
            assert error.code() is StatusCode.RESOURCE_EXHAUSTED
            watch.cancel()
            assert len(list(map(next, [client.Watch(HealthCheckRequest(), timeout=PATIENCE_S) for _ in range(2)]))) == 2
        server.stop(None).wait(PATIENCE_S)
    assert health._watchers == {}


@pytest.mark.wire("W190")
def test_the_official_blocking_client_of_grpcio_and_a_blocking_server() -> None:
    grpc = official("grpc")
    health_pb2 = official("grpc_health.v1.health_pb2")
    health_pb2_grpc = official("grpc_health.v1.health_pb2_grpc")
    with ThreadPoolExecutor(2) as pool:
        server = grpc_core.server(pool)
        health = add_health(server)
        health.set("a", NOT_SERVING)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            asked = health_pb2.HealthCheckRequest
            assert stub.Check(asked(service="a"), timeout=PATIENCE_S).status == NOT_SERVING
            with pytest.raises(grpc.RpcError) as caught:
                stub.Check(asked(service="b"), timeout=PATIENCE_S)
            error: Any = caught.value
            assert error.code() is grpc.StatusCode.NOT_FOUND
            listed = stub.List(health_pb2.HealthListRequest(), timeout=PATIENCE_S).statuses
            assert {name: one.status for name, one in listed.items()} == {"": SERVING, "a": NOT_SERVING}
            watch = stub.Watch(asked(service="b"), timeout=PATIENCE_S)
            assert next(watch).status == SERVICE_UNKNOWN
            health.set("b", SERVING)
            assert next(watch).status == SERVING
            health.enter_graceful_shutdown()
            assert next(watch).status == NOT_SERVING
            watch.cancel()
        server.stop(None).wait(PATIENCE_S)


@pytest.mark.wire("W190")
def test_the_official_client_of_grpcio() -> None:
    grpc = official("grpc")
    official("grpc.aio")
    health_pb2 = official("grpc_health.v1.health_pb2")
    health_pb2_grpc = official("grpc_health.v1.health_pb2_grpc")

    async def main() -> None:
        server = aio.server()
        health = add_health(server)
        health.set("a", health_pb2.HealthCheckResponse.NOT_SERVING)
        async with running(server) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            assert (await stub.Check(health_pb2.HealthCheckRequest(service="a"))).status == NOT_SERVING
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Check(health_pb2.HealthCheckRequest(service="b"))
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            assert (await stub.List(health_pb2.HealthListRequest())) == health_pb2.HealthListResponse(
                statuses={
                    "": health_pb2.HealthCheckResponse(status=SERVING),
                    "a": health_pb2.HealthCheckResponse(status=NOT_SERVING),
                }
            )
            watch = stub.Watch(health_pb2.HealthCheckRequest(service="b"))
            assert (await watch.read()).status == SERVICE_UNKNOWN
            health.set("b", SERVING)
            assert (await watch.read()).status == SERVING
            watch.cancel()

    run_loosely(main())  # grpcio leaves a task of its own behind what was cancelled
