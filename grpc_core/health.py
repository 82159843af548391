"""The health of a server and of its services: `grpc.health.v1.Health` (gRPC Health Checking Protocol, gRFC A90).

    health = add_health(server)
    health.set("helloworld.Greeter", ServingStatus.SERVING)

| asked                 | service is known            | it is not                   |
|-----------------------|-----------------------------|-----------------------------|
| Check                 | its status                  | NOT_FOUND                   |
| Watch                 | its status, and each change | SERVICE_UNKNOWN, and so on  |
| List                  | all of them, at most 100; for more RESOURCE_EXHAUSTED     |

The empty name is the server as a whole; it serves from the beginning. A watcher that reads slowly is told the latest
status and misses those between: nothing queues up for it.

What is answered stands in `HealthServicer` once; how to wait and to abort differs between the two faces of a server. On
a blocking one each watcher has a thread of the server's pool for as long as it watches.
"""

from __future__ import annotations

import contextlib
import enum
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from grpc_core.descriptions import describe, message_class
from grpc_core.status import StatusCode
from grpc_core.stub import service_handler

SERVICE_NAME: Final = "grpc.health.v1.Health"
OVERALL_HEALTH: Final = ""
LISTED_MAX: Final = 100
"""gRFC A90: a server that has more services than this says so with RESOURCE_EXHAUSTED instead of listing them."""


class ServingStatus(enum.IntEnum):
    """The status of a service; SERVICE_UNKNOWN is only ever said to watchers."""

    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3


DESCRIPTOR: Final = describe(
    "grpc/health/v1/health.proto",
    "grpc.health.v1",
    messages={
        "HealthCheckRequest": ("string service = 1",),
        "HealthCheckResponse": ("HealthCheckResponse.ServingStatus status = 1",),
        "HealthListRequest": (),
        "HealthListResponse": ("repeated HealthListResponse.StatusesEntry statuses = 1",),
        "HealthListResponse.StatusesEntry": ("string key = 1", "HealthCheckResponse value = 2"),
    },
    enums={"HealthCheckResponse.ServingStatus": tuple(status.name for status in ServingStatus)},
    services={
        "Health": {
            "Check": ("HealthCheckRequest", "HealthCheckResponse"),
            "List": ("HealthListRequest", "HealthListResponse"),
            "Watch": ("HealthCheckRequest", "stream HealthCheckResponse"),
        }
    },
).services_by_name["Health"]

HealthCheckRequest: Final = message_class("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse: Final = message_class("grpc.health.v1.HealthCheckResponse")
HealthListRequest: Final = message_class("grpc.health.v1.HealthListRequest")
HealthListResponse: Final = message_class("grpc.health.v1.HealthListResponse")


class _Watcher:
    """One Watch call on asyncio. It waits on its event loop; who tells it that there is news may be any thread."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._waiting: Any = None
        self._has_news = False

    def notify(self) -> None:
        """There is news. From any thread."""
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            pass  # its loop has ended, and the call with it

    def _wake(self) -> None:
        self._has_news = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def news(self) -> None:
        """Wait for the first news since the last time."""
        if not self._has_news:
            self._waiting = self._loop.create_future()
            await self._waiting
        self._has_news = False


class _Refused(Exception):
    """A question that is answered with a status: the arguments of `context.abort`."""


class HealthServicer:
    """Keeps the status of each service, and answers for it. `set` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statuses: dict[str, ServingStatus] = {OVERALL_HEALTH: ServingStatus.SERVING}
        self._watchers: dict[str, set[Callable[[], None]]] = {}
        self._is_shutting_down = False

    # -- for the application -------------------------------------------------------------------------------------------

    def set(self, service: str, status: int) -> None:
        """Say how a service is: a `ServingStatus` or its number. After `enter_graceful_shutdown` it changes nothing.

        Raises ValueError for what is not a status of a service that is known.
        """
        known = ServingStatus(status)
        if known is ServingStatus.SERVICE_UNKNOWN:
            raise ValueError(f"set({service!r}): SERVICE_UNKNOWN is said of services that were never set")
        with self._lock:
            if not self._is_shutting_down:
                self._set(service, known)

    def enter_graceful_shutdown(self) -> None:
        """Every service is NOT_SERVING from now on: clients go elsewhere while calls that run may finish."""
        with self._lock:
            self._is_shutting_down = True
            for service in self._statuses:
                self._set(service, ServingStatus.NOT_SERVING)

    def _set(self, service: str, status: ServingStatus) -> None:
        self._statuses[service] = status
        for notify in self._watchers.get(service, ()):
            notify()

    # -- what both faces say -------------------------------------------------------------------------------------------

    def response(self, service: str) -> Any:
        """The answer to Check. Raises what stands in its place."""
        status = self._statuses.get(service)
        if status is None:
            raise _Refused(StatusCode.NOT_FOUND, f"unknown service {service!r}")
        return HealthCheckResponse(status=status)

    def responses(self) -> Any:
        """The answer to List. Raises what stands in its place."""
        with self._lock:
            statuses = dict(self._statuses)
        if len(statuses) > LISTED_MAX:
            raise _Refused(
                StatusCode.RESOURCE_EXHAUSTED, f"{len(statuses)} services are too many to list: at most {LISTED_MAX}"
            )
        return HealthListResponse(
            statuses={service: HealthCheckResponse(status=status) for service, status in statuses.items()}
        )

    @contextlib.contextmanager
    def watching(self, service: str, notify: Callable[[], None]) -> Iterator[Callable[[], Any]]:
        """Have `notify` called at each `set` of the service. Gives a function: the response to send, None for none."""
        told: ServingStatus | None = None

        def changed() -> Any:
            nonlocal told
            status = self._statuses.get(service, ServingStatus.SERVICE_UNKNOWN)
            if status is told:
                return None
            told = status
            return HealthCheckResponse(status=status)

        with self._lock:
            self._watchers.setdefault(service, set()).add(notify)
        try:
            yield changed
        finally:
            with self._lock:
                watchers = self._watchers[service]
                watchers.discard(notify)
                if not watchers:
                    del self._watchers[service]

    # -- the service on asyncio ----------------------------------------------------------------------------------------

    async def Check(self, request: Any, context: Any) -> Any:
        """The status of one service."""
        try:
            return self.response(request.service)
        except _Refused as refused:
            await context.abort(*refused.args)

    async def List(self, request: Any, context: Any) -> Any:
        """The status of every service."""
        try:
            return self.responses()
        except _Refused as refused:
            await context.abort(*refused.args)

    async def Watch(self, request: Any, context: Any) -> None:
        """The status of one service now, and whenever it is another."""
        watcher = _Watcher(context.loop)
        with self.watching(request.service, watcher.notify) as changed:
            while True:
                if (response := changed()) is not None:
                    await context.write(response)
                await watcher.news()  # what was set since the look above is news too


class _BlockingServicer:
    """The same service for a blocking server."""

    def __init__(self, servicer: HealthServicer) -> None:
        self._servicer = servicer

    def Check(self, request: Any, context: Any) -> Any:
        try:
            return self._servicer.response(request.service)
        except _Refused as refused:
            context.abort(*refused.args)

    def List(self, request: Any, context: Any) -> Any:
        try:
            return self._servicer.responses()
        except _Refused as refused:
            context.abort(*refused.args)

    def Watch(self, request: Any, context: Any) -> Iterator[Any]:
        news = threading.Event()
        context.add_callback(news.set)  # the end of the call is news
        with self._servicer.watching(request.service, news.set) as changed:
            while context.is_active():
                if (response := changed()) is not None:
                    yield response
                news.wait()
                news.clear()


def add_health(server: Any, servicer: HealthServicer | None = None) -> HealthServicer:
    """Make the server, of either face, answer for its health; returns the servicer to tell it to."""
    servicer = servicer if servicer is not None else HealthServicer()
    methods = servicer if inspect.iscoroutinefunction(server.start) else _BlockingServicer(servicer)
    server.add_generic_rpc_handlers((service_handler(DESCRIPTOR, methods),))
    return servicer
