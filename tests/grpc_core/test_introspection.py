"""The registry: weak, in order, asked from any thread; and addresses as sockets give them."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from grpc_core.introspection import Address, Kind, Registry, SocketInfo, snapshot

ROOT = Path(__file__).parents[2]


class Thing:
    pass


def described(thing: Thing, number: int) -> SocketInfo:
    return SocketInfo(number, Address(path="here"))


def test_things_are_known_by_kind_and_id_as_long_as_they_are_there() -> None:
    registry = Registry()
    things = [Thing() for _ in range(5)]
    ids = [registry.add(Kind.SOCKET, thing, described) for thing in things]
    assert ids == sorted(set(ids))
    assert [info.id for info in registry.all(Kind.SOCKET)] == ids
    assert [info.id for info in registry.all(Kind.SOCKET, ids[2])] == ids[2:]
    assert registry.all(Kind.CHANNEL) == []
    assert registry.find(Kind.SOCKET, ids[0]) == SocketInfo(ids[0], Address(path="here"))
    assert registry.find(Kind.SERVER, ids[0]) is None, "the id is of another kind"
    assert registry.find(Kind.SOCKET, 10_000) is None
    registry.forget(ids[4])
    registry.forget(ids[4])
    del things[0]
    gc.collect()
    assert [info.id for info in snapshot(registry).sockets] == ids[1:4]
    things.clear()
    gc.collect()
    assert registry.all(Kind.SOCKET) == []
    assert not registry._entries, "nothing is left of them"


def test_a_thing_that_has_nothing_to_tell_is_left_out() -> None:
    registry, thing = Registry(), Thing()
    number = registry.add(Kind.SOCKET, thing, lambda thing, number: None)
    assert registry.all(Kind.SOCKET) == []
    assert registry.find(Kind.SOCKET, number) is None


def test_it_may_be_asked_when_something_is_to_be_collected() -> None:
    """The collector runs when enough was made: so much, that it runs while the answer is put together."""
    registry = Registry()
    things = [Thing() for _ in range(3 * gc.get_threshold()[0])]
    for thing in things:
        registry.add(Kind.SOCKET, thing, described)
    gc.collect()
    circle: Any = Thing()
    circle.itself = circle
    registry.add(Kind.SOCKET, circle, described)
    del circle
    assert len(registry.all(Kind.SOCKET)) >= len(things)


def test_it_may_be_asked_while_other_threads_add_and_drop() -> None:
    registry, stop = Registry(), threading.Event()

    def churn() -> None:
        while not stop.is_set():
            kept = [Thing() for _ in range(20)]
            for thing in kept:
                registry.add(Kind.SOCKET, thing, described)

    threads = [threading.Thread(target=churn) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(300):
            ids = [info.id for info in registry.all(Kind.SOCKET)]
            assert ids == sorted(ids)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    ("name", "address", "text"),
    [
        (("127.0.0.1", 80), Address("127.0.0.1", 80), "127.0.0.1:80"),
        (("fe80::1%eth0", 80, 0, 2), Address("fe80::1", 80), "[fe80::1]:80"),
        ("/tmp/socket", Address(path="/tmp/socket"), "unix:/tmp/socket"),
        (b"\0abstract", Address(path="\0abstract"), "unix:\0abstract"),
        (None, Address(), ":0"),
    ],
)
def test_addresses_as_sockets_give_them(name: object, address: Address, text: str) -> None:
    assert Address.of(name) == address
    assert str(address) == text


def test_plain_objects_need_no_protobuf() -> None:
    program = "import sys; from grpc_core import aio, introspection; print('google.protobuf' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
