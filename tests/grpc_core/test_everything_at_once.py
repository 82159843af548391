"""One process, all at once: two hundred threads on one blocking channel, four event loops in four threads, and a fork.

The program runs in a process of its own with warnings as errors. Every call of all four kinds is checked.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 100.0

PROGRAM = """
import asyncio, os, sys, threading, warnings
from concurrent.futures import ThreadPoolExecutor

import grpc_core
from grpc_core import aio

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
TIMEOUT_S = 60

def handler(kinds):
    methods = {kind: getattr(grpc_core, f"{kind}_rpc_method_handler")(behavior) for kind, behavior in kinds.items()}
    return grpc_core.method_handlers_generic_handler("t.S", methods)

def repeat(request, context):
    for _ in range(3):
        yield request

BLOCKING = {
    "unary_unary": lambda request, context: request,
    "unary_stream": repeat,
    "stream_unary": lambda requests, context: b",".join(requests),
    "stream_stream": lambda requests, context: (request for request in requests),
}

def callables(channel):
    return {kind: getattr(channel, kind)(f"/t.S/{kind}") for kind in KINDS}

def expect(seen, due):
    assert seen == due, (seen, due)

# -- threads -----------------------------------------------------------------------------------------------------------

def call_all(channel, name):
    made = callables(channel)
    expect(made["unary_unary"](name, timeout=TIMEOUT_S), name)
    expect(list(made["unary_stream"](name, timeout=TIMEOUT_S)), [name] * 3)
    expect(made["stream_unary"](iter([name, b"x"]), timeout=TIMEOUT_S), name + b",x")
    expect(list(made["stream_stream"](iter([name, b"y"]), timeout=TIMEOUT_S)), [name, b"y"])
    over = threading.Event()
    def endless():
        yield name
        over.wait(TIMEOUT_S)
    cancelled = made["stream_stream"](endless(), timeout=TIMEOUT_S)
    expect(next(cancelled), name)
    cancelled.cancel()
    expect(cancelled.code(), grpc_core.StatusCode.CANCELLED)
    over.set()

# -- loops -------------------------------------------------------------------------------------------------------------

async def echo(request, context):
    return request

async def repeat_soon(request, context):
    for _ in range(3):
        yield request

async def join(requests, context):
    return b",".join([request async for request in requests])

async def echo_all(requests, context):
    async for request in requests:
        yield request

async def loop_main(name, blocking_port):
    server = aio.server()
    server.add_generic_rpc_handlers((handler(dict(zip(KINDS, (echo, repeat_soon, join, echo_all)))),))
    own_port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    for port in (own_port, blocking_port):
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            made = callables(channel)
            async def one(number):
                message = b"%s/%d" % (name, number)
                expect(await made["unary_unary"](message, timeout=TIMEOUT_S), message)
                responses = made["unary_stream"](message, timeout=TIMEOUT_S)
                expect([response async for response in responses], [message] * 3)
                expect(await made["stream_unary"](iter([message, b"x"]), timeout=TIMEOUT_S), message + b",x")
                both = made["stream_stream"](timeout=TIMEOUT_S)
                await both.write(message)
                expect(await both.read(), message)
                if number % 2:
                    await both.done_writing()
                    expect(await both.read(), aio.EOF)
                else:
                    both.cancel()
                    expect(await both.code(), grpc_core.StatusCode.CANCELLED)
            await asyncio.gather(*(one(number) for number in range(25)))
    await server.stop(None)

# -- all of it ---------------------------------------------------------------------------------------------------------

failed = []

def guarded(function, *arguments):
    def work():
        try:
            function(*arguments)
        except BaseException as error:
            failed.append(repr(error))
    return threading.Thread(target=work)

server = grpc_core.server(ThreadPoolExecutor(16))
server.add_generic_rpc_handlers((handler(BLOCKING),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc_core.insecure_channel(f"127.0.0.1:{port}")
half = threading.Barrier(101)  # the fork happens when half of the threads have made their calls, and before they end

def half_way(name):
    call_all(channel, name)
    half.wait(TIMEOUT_S)
    call_all(channel, name)

threads = [guarded(call_all, channel, b"%d" % number) for number in range(100)]
threads += [guarded(half_way, b"%d" % number) for number in range(100, 200)]
threads += [guarded(asyncio.run, loop_main(b"loop%d" % number, port)) for number in range(4)]
for thread in threads:
    thread.start()
half.wait(TIMEOUT_S)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, from 3.12 on
    child = os.fork()
if child == 0:
    status = 1
    try:
        for turn in range(5):
            call_all(channel, b"child")
        asyncio.run(loop_main(b"child", port))
        status = 0
    except BaseException as error:
        print("child", repr(error), flush=True)
    finally:
        os._exit(status)
for thread in threads:
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
expect(os.waitpid(child, 0)[1], 0)
expect(failed, [])
call_all(channel, b"after")
channel.close()
server.stop(None)
print("well")
"""


def test_threads_loops_and_a_fork_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "well\n")
