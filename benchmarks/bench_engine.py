"""An in-memory unary exchange: request head + 105 octets, response head + 105 octets + trailers, both ends, no I/O.

The same exchange through `http2.Connection`, through `h2.connection.H2Connection` and through `ngh2.Connection`, which
is nghttp2, in C: the same fields, the same DATA, every received octet acknowledged to flow control, one transfer of
octets each way.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Final

from benchmarks.timing import compare
from http2 import Connection, DataReceived, read_head

REQUEST = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/helloworld.Greeter/SayHello"),
    (b":authority", b"localhost:50051"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
    (b"user-agent", b"bench/1"),
    (b"grpc-accept-encoding", b"identity"),
)
RESPONSE = ((b":status", b"200"), (b"content-type", b"application/grpc"))
TRAILERS = ((b"grpc-status", b"0"),)
MESSAGE = b"\0\0\0\0\x64" + b"x" * 100


def plait_exchange() -> Callable[[], None]:
    """One exchange on a pair of our connections."""
    client, server = Connection.client(), Connection.server()
    request, response, trailers = (read_head(fields) for fields in (REQUEST, RESPONSE, TRAILERS))

    def transfer(sender: Connection, receiver: Connection) -> None:
        data = b"".join(sender.data_to_send())
        for event in receiver.receive_data(data) if data else ():
            if type(event) is DataReceived:
                receiver.consume(event.stream_id, len(event.data))

    def exchange() -> None:
        stream_id = client.open_stream(request)
        client.send_data(stream_id, MESSAGE, True)
        transfer(client, server)
        server.send_headers(stream_id, response)
        server.send_data(stream_id, MESSAGE)
        server.send_headers(stream_id, trailers, True)
        transfer(server, client)

    transfer(client, server)
    transfer(server, client)
    transfer(client, server)
    return exchange


def h2_exchange() -> Callable[[], None]:
    """One exchange on a pair of h2's connections."""
    import h2.config
    import h2.connection
    import h2.events

    client, server = (
        h2.connection.H2Connection(h2.config.H2Configuration(client_side=side, header_encoding=None))
        for side in (True, False)
    )
    client.initiate_connection()
    server.initiate_connection()

    def transfer(sender: h2.connection.H2Connection, receiver: h2.connection.H2Connection) -> None:
        data = sender.data_to_send()
        for event in receiver.receive_data(data) if data else ():
            if isinstance(event, h2.events.DataReceived):
                receiver.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def exchange() -> None:
        stream_id = client.get_next_available_stream_id()
        client.send_headers(stream_id, REQUEST)
        client.send_data(stream_id, MESSAGE, end_stream=True)
        transfer(client, server)
        server.send_headers(stream_id, RESPONSE)
        server.send_data(stream_id, MESSAGE)
        server.send_headers(stream_id, TRAILERS, end_stream=True)
        transfer(server, client)

    transfer(client, server)
    transfer(server, client)
    transfer(client, server)
    return exchange


def ngh2_exchange() -> Callable[[], None]:
    """One exchange on a pair of ngh2's connections."""
    import ngh2

    # Credit is given back by hand, as with the others.
    config = ngh2.Configuration(auto_window_update=False)
    client, server = ngh2.Connection(ngh2.Role.CLIENT, config), ngh2.Connection(ngh2.Role.SERVER, config)
    client.initiate_connection()
    server.initiate_connection()

    def transfer(sender: Any, receiver: Any) -> None:
        data = sender.data_to_send()
        if not data:
            return
        receiver.receive_data(data)
        for event in receiver.events():
            if type(event) is ngh2.DataReceived:
                receiver.acknowledge_received_data(len(event.data), event.stream_id)

    def exchange() -> None:
        stream_id = client.send_request(REQUEST)
        client.send_data(stream_id, MESSAGE, end_stream=True)
        transfer(client, server)
        server.send_response(stream_id, RESPONSE)
        server.send_data(stream_id, MESSAGE)
        server.send_trailers(stream_id, TRAILERS)
        transfer(server, client)

    transfer(client, server)
    transfer(server, client)
    transfer(client, server)
    return exchange


LIBRARIES: Final = {"h2": (h2_exchange, 200), "ngh2": (ngh2_exchange, 4000)}
"""What is compared with: how an exchange is made, and how many of them make a turn."""


def missing(library: str) -> str | None:
    """What the comparison needs and this machine lacks."""
    return None if importlib.util.find_spec(library) else f"{library} is missing"


def run(library: str = "h2") -> tuple[float, float, float]:
    """(our µs, the library's µs, ratio) of one exchange."""
    make, count = LIBRARIES[library]
    return compare(plait_exchange(), make(), ours_count=2000, theirs_count=count)
