"""Both ends of an HTTP/2 connection in one process, without a socket: bytes in, events out."""

from http2 import Connection, DataReceived, Event, RequestReceived, TrailersReceived, field_list

client = Connection.client()
server = Connection.server()


def carry(sender: Connection, receiver: Connection) -> list[Event]:
    """Take what one end has to say to the other end, and print what it means there."""
    octets = b"".join(sender.data_to_send())
    events = receiver.receive_data(octets)
    arrow = "client -> server" if sender is client else "server -> client"
    print(f"{arrow}: {len(octets)} octets")
    for event in events:
        print(f"    {event}")
    return events


# A client may send its first request together with the preface and its SETTINGS.
stream_id = client.open_stream(
    field_list([(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/echo")])
)
client.send_data(stream_id, b"hello", end_stream=True)
request = carry(client, server)

for event in request:
    if isinstance(event, RequestReceived):
        server.send_headers(event.stream_id, field_list([(":status", "200"), ("content-type", "text/plain")]))
    elif isinstance(event, DataReceived):
        server.send_data(event.stream_id, event.data.upper())
        server.consume(event.stream_id, len(event.data))  # done with it: the client may send as much again
        server.send_headers(event.stream_id, field_list([("checksum", "none")]), end_stream=True)
response = carry(server, client)

for event in response:
    if isinstance(event, DataReceived):
        client.consume(event.stream_id, len(event.data))
assert isinstance(response[-1], TrailersReceived)

client.shut_down()  # no streams are open, so the connection ends at once
carry(client, server)
print(f"the client's end: {client.termination}")
