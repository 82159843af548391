"""The workloads on the blocking API, of Plait or of grpcio: see `benchmarks.stacks`."""

from __future__ import annotations

import concurrent.futures
import importlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from benchmarks.stacks.command import Options, answer, options, orders, refuse
from benchmarks.workloads import (
    CONNECT,
    DOWNLOAD,
    PING_PONG,
    SERVICE,
    UNARY,
    UPLOAD,
    Workload,
    repeat_request,
    repeated,
)

_THREADS: Final = 16


def _echo(request: bytes, context: Any) -> bytes:
    return request


def _repeat(request: bytes, context: Any) -> Iterator[bytes]:
    count, message = repeated(request)
    for _ in range(count):
        yield message


def _collect(requests: Iterable[bytes], context: Any) -> bytes:
    for _ in requests:
        pass
    return b""


def _ping_pong(requests: Iterable[bytes], context: Any) -> Iterator[bytes]:
    yield from requests


def serve(grpc: Any, told: Options) -> None:
    """Serve until the process is ended."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(_THREADS))
    handlers = {
        UNARY: grpc.unary_unary_rpc_method_handler(_echo),
        DOWNLOAD: grpc.unary_stream_rpc_method_handler(_repeat),
        UPLOAD: grpc.stream_unary_rpc_method_handler(_collect),
        PING_PONG: grpc.stream_stream_rpc_method_handler(_ping_pong),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    if told.tls:
        credentials = grpc.ssl_server_credentials([(told.pem("server1.key"), told.pem("server1.pem"))])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


def connector(grpc: Any, told: Options) -> Callable[[], Any]:
    """What makes a channel with a connection of its own."""
    # grpcio's channels with the same target and options share connections, unless they are told not to.
    alone = [("grpc.use_local_subchannel_pool", 1)]
    if told.tls:
        credentials = grpc.ssl_channel_credentials(told.pem("ca.pem"))
        return lambda: grpc.secure_channel(told.target, credentials, options=alone)
    return lambda: grpc.insecure_channel(told.target, options=alone)


class Client:
    """Makes the calls of one workload until the time is over, in as many threads as it has calls at a time."""

    def __init__(self, connect: Callable[[], Any], channel: Any, workload: Workload, seconds: float) -> None:
        self._connect = connect
        self._channel = channel
        self._workload = workload
        self._message = bytes(workload.size)
        self._end = time.perf_counter() + seconds
        self.latencies_s: list[float] = []
        self.counts: list[int] = []
        self.errors: list[Exception] = []

    def run(self) -> None:
        """Start the threads, and wait for them."""
        works = {
            UNARY: self._unary,
            DOWNLOAD: self._download,
            UPLOAD: self._upload,
            PING_PONG: self._ping_pong,
            CONNECT: self._reconnect,
        }

        def work() -> None:
            try:
                self.counts.append(works[self._workload.kind]())
            except Exception as error:
                self.errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(self._workload.concurrency)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def _reconnect(self) -> int:
        count = 0
        before = time.perf_counter()
        while before < self._end or not count:
            with self._connect() as channel:
                channel.unary_unary(self._workload.path)(self._message)
            now = time.perf_counter()
            self.latencies_s.append(now - before)
            count += 1
            before = now
        return count

    def _unary(self) -> int:
        call = self._channel.unary_unary(self._workload.path)
        count = 0
        before = time.perf_counter()
        while before < self._end or not count:
            call(self._message)
            now = time.perf_counter()
            self.latencies_s.append(now - before)
            count += 1
            before = now
        return count

    def _download(self) -> int:
        call = self._channel.unary_stream(self._workload.path)
        count = 0
        while time.perf_counter() < self._end or not count:
            for _ in call(repeat_request(self._workload)):
                count += 1
        return count

    def _upload(self) -> int:
        call = self._channel.stream_unary(self._workload.path)
        count = 0
        while time.perf_counter() < self._end or not count:
            call(iter([self._message] * self._workload.count))
            count += self._workload.count
        return count

    def _ping_pong(self) -> int:
        call = self._channel.stream_stream(self._workload.path)
        count = 0
        while time.perf_counter() < self._end or not count:
            requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
            responses = call(iter(requests.get, None))
            before = time.perf_counter()
            for _ in range(self._workload.count):
                requests.put(self._message)
                next(responses)
                now = time.perf_counter()
                self.latencies_s.append(now - before)
                before = now
            requests.put(None)
            responses.code()
            count += self._workload.count
        return count


def measure(connect: Callable[[], Any]) -> None:
    """Do what the lines of the standard input say."""
    with connect() as channel:
        for order, number in orders():
            try:
                if isinstance(order, str):
                    raise NotImplementedError(f"{order}: only the stacks of event loops hold so many")
                client = Client(connect, channel, order, number)
                client.run()
                answer(order, sum(client.counts), client.latencies_s)
            except Exception as error:
                refuse(error)


def main() -> None:
    """Run the server or the client of one module."""
    told = options()
    grpc = importlib.import_module(told.module)
    if told.role == "server":
        serve(grpc, told)
    else:
        measure(connector(grpc, told))


if __name__ == "__main__":
    main()
