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
"""

from __future__ import annotations

import enum
import threading
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
    """One Watch call. What it waits on belongs to its event loop; who tells it that there is news may be any thread."""

    __slots__ = ("_has_news", "_loop", "_waiting")

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


class HealthServicer:
    """Keeps the status of each service, and answers for it. `set` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statuses: dict[str, ServingStatus] = {OVERALL_HEALTH: ServingStatus.SERVING}
        self._watchers: dict[str, set[_Watcher]] = {}
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
        for watcher in self._watchers.get(service, ()):
            watcher.notify()

    # -- the service ---------------------------------------------------------------------------------------------------

    async def Check(self, request: Any, context: Any) -> Any:
        """The status of one service."""
        status = self._statuses.get(request.service)
        if status is None:
            await context.abort(StatusCode.NOT_FOUND, f"unknown service {request.service!r}")
        return HealthCheckResponse(status=status)

    async def List(self, request: Any, context: Any) -> Any:
        """The status of every service."""
        with self._lock:
            statuses = dict(self._statuses)
        if len(statuses) > LISTED_MAX:
            await context.abort(
                StatusCode.RESOURCE_EXHAUSTED, f"{len(statuses)} services are too many to list: at most {LISTED_MAX}"
            )
        return HealthListResponse(
            statuses={service: HealthCheckResponse(status=status) for service, status in statuses.items()}
        )

    async def Watch(self, request: Any, context: Any) -> None:
        """The status of one service now, and whenever it is another."""
        service = request.service
        watcher = _Watcher(context.loop)
        with self._lock:
            self._watchers.setdefault(service, set()).add(watcher)
        told: ServingStatus | None = None
        try:
            while True:
                status = self._statuses.get(service, ServingStatus.SERVICE_UNKNOWN)
                if status is not told:
                    told = status
                    await context.write(HealthCheckResponse(status=status))
                await watcher.news()  # what has changed since the look above is news too
        finally:
            with self._lock:
                watchers = self._watchers[service]
                watchers.discard(watcher)
                if not watchers:
                    del self._watchers[service]


def add_health(server: Any, servicer: HealthServicer | None = None) -> HealthServicer:
    """Make the server answer for its health; returns the servicer to tell it to."""
    servicer = servicer if servicer is not None else HealthServicer()
    server.add_generic_rpc_handlers((service_handler(DESCRIPTOR, servicer),))
    return servicer
