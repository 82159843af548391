"""The I/O thread: one per process, started late, forgotten in a fork, gone with the interpreter.

What concerns a whole process is tried in one of its own: a program runs with warnings as errors, and says what it saw.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import grpc_core
from grpc_core.sync import loop
from tests.grpc_core.sync_support import PATIENCE_S, Gate, joined

ROOT = Path(__file__).parents[2]

PRELUDE = """
import os, sys, threading, time, warnings
from concurrent.futures import ThreadPoolExecutor
import grpc_core
def echo(request, context):
    return request
def count(request, context):
    for number in range(int(request)):
        yield b"%d" % number
pool = ThreadPoolExecutor(4)
def serve():
    server = grpc_core.server(pool)
    server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler("t.S", {
        "Echo": grpc_core.unary_unary_rpc_method_handler(echo),
        "Count": grpc_core.unary_stream_rpc_method_handler(count),
    }),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port
def names():
    return sorted(thread.name for thread in threading.enumerate())
"""


def run(program: str) -> list[str]:
    """What a program prints, in a process of its own, where it must end well and silently."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + textwrap.dedent(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout.splitlines()


def test_a_channel_that_nobody_has_any_more_closes_its_connection() -> None:
    with joined("plait-plait", lambda grpc: {}) as peers:
        engine = peers.server.engine

        async def closed() -> None:
            await asyncio.wait([protocol.closed for protocol in engine._protocols])

        channel = grpc_core.insecure_channel(f"127.0.0.1:{peers.port}")
        grpc_core.channel_ready_future(channel).result(PATIENCE_S)
        assert len(engine._protocols) == 1
        del channel
        loop.current().run(closed())


def test_an_import_starts_nothing() -> None:
    assert run("import grpc_core.sync; print(names())") == ["['MainThread']"]
    assert run("grpc_core.insecure_channel('127.0.0.1:1'); print(names())") == ["['MainThread']"]


def test_nothing_is_left_after_closing_but_the_one_thread() -> None:
    program = """
    server, port = serve()
    for _ in range(3):
        with grpc_core.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert channel.unary_unary("/t.S/Echo")(b"x") == b"x"
            assert len(list(channel.unary_stream("/t.S/Count")(b"9"))) == 9
            grpc_core.channel_ready_future(channel).result(10)
    server.stop(None).wait()
    pool.shutdown()
    for thread in threading.enumerate():
        if thread.name == "grpc_core callbacks":
            thread.join()
    print(names())
    """
    assert run(program) == ["['MainThread', 'grpc_core I/O']"]


@pytest.mark.parametrize(
    "left",
    [
        "channel = grpc_core.insecure_channel(f'127.0.0.1:{port}'); channel.unary_unary('/t.S/Echo')(b'')",
        "calls = grpc_core.insecure_channel(f'127.0.0.1:{port}').unary_stream('/t.S/Count')(b'9'); next(calls)",
        "grpc_core.insecure_channel('127.0.0.1:1').subscribe(print, try_to_connect=False); time.sleep(0.1)",
        "future = grpc_core.channel_ready_future(grpc_core.insecure_channel('127.0.0.1:1'))",
        "future = grpc_core.insecure_channel('127.0.0.1:1').unary_unary('/t.S/Echo').future(b'', wait_for_ready=True)",
    ],
    ids=["channel", "responses", "subscription", "ready", "future"],
)
def test_an_interpreter_exits_with_whatever_is_open(left: str) -> None:
    """With a running server too."""
    program = f"""
    server, port = serve()
    {left}
    print("exits", flush=True)
    """
    assert run(program)[-1].endswith(("exits", "IDLE"))


def test_a_forked_child_makes_calls_and_the_parents_go_on() -> None:
    program = """
    server, port = serve()
    channel = grpc_core.insecure_channel(f"127.0.0.1:{port}")
    echo = channel.unary_unary("/t.S/Echo")
    assert echo(b"before") == b"before"
    responses = channel.unary_stream("/t.S/Count")(b"200000")
    assert next(responses) == b"0"
    future = grpc_core.insecure_channel("127.0.0.1:1").unary_unary("/t.S/Echo").future(b"", wait_for_ready=True)
    stop = threading.Event()
    done = []
    def work():
        while not stop.is_set():
            assert echo(b"parent", timeout=20) == b"parent"
            done.append(1)
    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for turn in range(5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, from 3.12 on
            child = os.fork()
        if child == 0:
            status = 1
            try:
                assert names() == ["MainThread"], names()
                assert echo(b"child", timeout=20) == b"child"
                assert len(list(channel.unary_stream("/t.S/Count")(b"50"))) == 50
                for lost in (responses, future):
                    assert lost.code() is grpc_core.StatusCode.CANCELLED
                    assert lost.details() == "Channel closed due to fork"
                    assert lost.done() and not lost.cancel() and not lost.is_active()
                    assert not lost.wait_for_connection()
                try:
                    next(responses)
                except grpc_core.RpcError as error:
                    assert error is responses
                assert "grpc_core I/O" in names()
                channel.close()
                status = 0
            except BaseException as error:
                print("child", repr(error), flush=True)
            finally:
                os._exit(status)
        before = len(done)
        assert os.waitpid(child, 0)[1] == 0
        while len(done) < before + 20:
            time.sleep(0.001)
    stop.set()
    for worker in workers:
        worker.join()
    assert echo(b"after") == b"after"
    assert sum(1 for _ in responses) == 199999
    channel.close()
    server.stop(None)
    print("well")
    """
    assert run(program) == ["well"]


def test_responses_that_had_come_before_a_fork_are_the_parents() -> None:
    """The call is over, but most of its responses are still in the engine, which the child does not have."""
    program = """
    server, port = serve()
    channel = grpc_core.insecure_channel(f"127.0.0.1:{port}")
    over = threading.Event()
    responses = channel.unary_stream("/t.S/Count")(b"20000")
    responses.add_done_callback(lambda _: over.set())
    assert over.wait(20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, from 3.12 on
        child = os.fork()
    if child == 0:
        try:
            list(responses)
        except grpc_core.RpcError as error:
            os._exit(0 if error.details() == "Channel closed due to fork" else 2)
        os._exit(3)
    assert os.waitpid(child, 0)[1] == 0
    assert sum(1 for _ in responses) == 20000
    channel.close()
    server.stop(None)
    print("well")
    """
    assert run(program) == ["well"]


def test_a_child_that_exits_normally_does_not_harm_its_parent() -> None:
    """Its interpreter collects what the parent had open."""
    program = """
    import gc
    server, port = serve()
    channel = grpc_core.insecure_channel(f"127.0.0.1:{port}")
    echo = channel.unary_unary("/t.S/Echo")
    echo(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        del channel, echo, server
        gc.collect()
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert echo(b"after") == b"after"
    print("well")
    """
    assert run(program) == ["well"]


def test_an_interrupt_ends_a_wait_and_cancels_the_call() -> None:
    program = """
    import signal
    over = threading.Event()
    def wait(request, context):
        context.add_callback(over.set)
        os.kill(os.getpid(), signal.SIGINT)
        assert over.wait(20)
        return request
    server = grpc_core.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler("t.S", {
        "Wait": grpc_core.unary_unary_rpc_method_handler(wait),
    }),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc_core.insecure_channel(f"127.0.0.1:{port}")
    try:
        channel.unary_unary("/t.S/Wait")(b"")
    except KeyboardInterrupt:
        assert over.wait(20), "the server learns that nobody waits"
        print("interrupted")
    server.stop(None)
    """
    assert run(program) == ["interrupted"]


def test_callbacks_come_in_order_and_a_bad_one_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    callbacks = loop.Callbacks()
    called: list[int] = []
    gate = Gate()
    hold = threading.Event()
    callbacks.post(lambda: hold.wait(PATIENCE_S))
    callbacks.post(lambda: 1 // 0)
    callbacks.post(sys.exit)
    for number in range(5):
        callbacks.post(lambda number=number: called.append(number))  # type: ignore[misc]  # a default binds it
    callbacks.post(gate.open)
    hold.set()
    gate.wait()
    assert called == [0, 1, 2, 3, 4]
    assert "ZeroDivisionError" in caplog.text


def test_all_channels_and_servers_share_one_thread() -> None:
    with (
        joined("plait-plait", lambda grpc: {"uu_echo": lambda request, context: request}) as one,
        joined("plait-plait", lambda grpc: {"uu_echo": lambda request, context: request}) as other,
    ):
        assert one.method("uu_echo")(b"1") + other.method("uu_echo")(b"2") == b"12"
        assert [thread.name for thread in threading.enumerate()].count(loop.THREAD_NAME) == 1
        assert loop.current() is loop.current()
        assert loop.is_current(loop.current())
    assert grpc_core.insecure_channel is sys.modules["grpc_core.sync"].insecure_channel
