"""`python -m interop.negative_server --case CASE,...`: the servers of negative-http2-interop-test-descriptions.md.

Each answers UnaryCall of TestService, and does something on the way that HTTP/2 allows and that a careless client gets
wrong:

| case                        | what the server does                              | what it must see           |
|-----------------------------|---------------------------------------------------|----------------------------|
| `goaway`                    | GOAWAY after the first call of a connection       | no second call on it       |
| `rst_after_header`          | RST_STREAM after the response headers             |                            |
| `rst_during_data`           | RST_STREAM after half of the message              |                            |
| `rst_after_data`            | RST_STREAM in place of the trailers               |                            |
| `ping`                      | a PING before and after each of its frames        | an acknowledgement of each |
| `max_streams`               | allows one stream at a time                       | never two                  |
| `data_frame_padding`        | DATA frames of 5 octets and 255 octets of padding |                            |
| `no_df_padding_sanity_test` | DATA frames of 5 octets                           |                            |

Each case has a port of its own; the first line of output has them all, with commas. The servers speak in frames, not
through `http2.connection`, which would not do any of this. Where one did not see what it must, the program says so on
standard error, `CASE: what it saw`, and ends with exit status 1.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from hpack_codec import Encoder
from http2 import frames
from http2.settings import Setting
from interop.official_service import SimpleRequest, SimpleResponse, payload
from interop.peers.command_line import told_to_stop

WINDOW_BYTES_MAX: Final = 2**31 - 1
WINDOW_BYTES: Final = 65_535  # RFC 9113 §6.9.2: what windows begin with.
DATA_BYTES: Final = 16_384
SMALL_DATA_BYTES: Final = 5
PADDING_BYTES: Final = 255
PREFIX_BYTES: Final = 5
WRITE_BYTES: Final = 65_536
ACK_TIMEOUT_S: Final = 5.0

_HEADERS: Final = ((b":status", b"200"), (b"content-type", b"application/grpc"))
_TRAILERS: Final = ((b"grpc-status", b"0"),)


class NegativeServer:
    """The connections of one case, and what was wrong with them: `complaints`."""

    def __init__(self, case: str) -> None:
        self.case = case
        self.complaints: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection to its end."""
        connection = _Connection(self, reader, writer)
        try:
            await connection.run()
        except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
            pass  # The client has closed the connection, which is its right.
        except Exception as error:
            self.complaints.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()


class _Connection:
    """One connection: reads frames, keeps the client's windows, and answers each call in a task of its own."""

    def __init__(self, server: NegativeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self._reader = reader
        self._writer = writer
        self._encoder = Encoder()
        self._requests: dict[int, bytearray] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # What may be sent: on the connection, on each stream, and on a stream that comes.
        self._window_bytes = WINDOW_BYTES
        self._stream_windows_bytes: dict[int, int] = {}
        self._initial_window_bytes = WINDOW_BYTES
        self._credit_came = asyncio.Event()
        self._ping_numbers = itertools.count(1)
        self._pings: dict[bytes, asyncio.Future[None]] = {}
        self._settings_are_acknowledged = False
        self.calls = 0

    async def run(self) -> None:
        """Reads frames until the client closes the connection."""
        settings = {Setting.INITIAL_WINDOW_SIZE: WINDOW_BYTES_MAX}
        if self.server.case == "max_streams":
            settings[Setting.MAX_CONCURRENT_STREAMS] = 1
        self._writer.write(frames.build_settings({int(key): value for key, value in settings.items()}))
        self._writer.write(frames.build_window_update(0, WINDOW_BYTES_MAX - WINDOW_BYTES))
        await self._reader.readexactly(len(frames.PREFACE))
        while True:
            length_and_type, flags, stream_id = frames.unpack_header(
                await self._reader.readexactly(frames.FRAME_HEADER_BYTES)
            )
            self._on_frame(
                length_and_type & 0xFF, flags, stream_id, await self._reader.readexactly(length_and_type >> 8)
            )

    def close(self) -> None:
        """Ends what is still answered, and the connection."""
        for task in self._tasks:
            task.cancel()
        self._writer.close()

    # What the client sends. Field blocks are not decoded: there is one method, and nothing is asked of the metadata.

    def _on_frame(self, frame_type: int, flags: int, stream_id: int, content: bytes) -> None:
        if frame_type == frames.HEADERS:
            self._on_headers(stream_id)
        elif frame_type == frames.DATA:
            self._on_data(flags, stream_id, content)
        elif frame_type == frames.SETTINGS:
            self._on_settings(flags, content)
        elif frame_type == frames.PING:
            self._on_ping(flags, content)
        elif frame_type == frames.WINDOW_UPDATE:
            self._on_window_update(stream_id, frames.parse_window_update(content))

    def _on_headers(self, stream_id: int) -> None:
        self._requests[stream_id] = bytearray()
        self._stream_windows_bytes[stream_id] = self._initial_window_bytes
        self.calls += 1
        if self.server.case == "goaway" and self.calls > 1:
            self.server.complaints.append("a call on a connection after its GOAWAY")
        is_open = len(self._stream_windows_bytes)
        if self.server.case == "max_streams" and self._settings_are_acknowledged and is_open > 1:
            self.server.complaints.append(f"{is_open} streams at once; one is allowed")

    def _on_data(self, flags: int, stream_id: int, content: bytes) -> None:
        if flags & frames.PADDED:
            content = frames.remove_padding(content, "DATA", "RFC 9113 §6.1")
        self._requests[stream_id] += content
        if flags & frames.END_STREAM:
            request = SimpleRequest.FromString(bytes(self._requests.pop(stream_id)[PREFIX_BYTES:]))
            message = SimpleResponse(payload=payload(request.response_size)).SerializeToString()
            answer = self._answer(stream_id, b"\0" + len(message).to_bytes(4, "big") + message)
            task = asyncio.get_running_loop().create_task(answer)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _on_settings(self, flags: int, content: bytes) -> None:
        if flags & frames.ACK:
            self._settings_are_acknowledged = True
            return
        for identifier, value in frames.parse_settings(content):
            if identifier == Setting.INITIAL_WINDOW_SIZE:
                for stream_id in self._stream_windows_bytes:
                    self._stream_windows_bytes[stream_id] += value - self._initial_window_bytes
                self._initial_window_bytes = value
        self._credit_came.set()
        self._writer.write(frames.SETTINGS_ACK)

    def _on_ping(self, flags: int, content: bytes) -> None:
        if not flags & frames.ACK:
            self._writer.write(frames.build_ping(content, ack=True))
        elif content in self._pings:
            self._pings.pop(content).set_result(None)

    def _on_window_update(self, stream_id: int, increment: int) -> None:
        if stream_id == 0:
            self._window_bytes += increment
        elif stream_id in self._stream_windows_bytes:
            self._stream_windows_bytes[stream_id] += increment
        self._credit_came.set()

    # What the server sends.

    async def _answer(self, stream_id: int, message: bytes) -> None:
        try:
            await ANSWERS[self.server.case](self, stream_id, message)
            await self._writer.drain()
        except ConnectionError:
            pass  # The client has gone; `run` sees it too.
        except Exception as error:
            self.server.complaints.append(f"{type(error).__name__}: {error}")
        finally:
            self._stream_windows_bytes.pop(stream_id, None)

    def send_headers(self, stream_id: int) -> None:
        """The response headers."""
        self._writer.write(frames.build_field_block(self._encoder.encode(_HEADERS), stream_id, False, DATA_BYTES))

    def send_trailers(self, stream_id: int) -> None:
        """The trailers, which say OK."""
        self._stream_windows_bytes.pop(stream_id)
        self._writer.write(frames.build_field_block(self._encoder.encode(_TRAILERS), stream_id, True, DATA_BYTES))

    def send_reset(self, stream_id: int) -> None:
        """RST_STREAM with NO_ERROR."""
        self._writer.write(frames.build_rst_stream(stream_id, 0))

    def send_goaway(self, last_stream_id: int) -> None:
        """GOAWAY with NO_ERROR."""
        self._writer.write(frames.build_goaway(last_stream_id, 0))

    def send_ping(self) -> None:
        """A PING of its own number."""
        content = next(self._ping_numbers).to_bytes(8, "big")
        self._pings[content] = asyncio.get_running_loop().create_future()
        self._writer.write(frames.build_ping(content))

    async def expect_ping_acks(self) -> None:
        """Waits for the acknowledgement of every PING."""
        if self._pings:
            await asyncio.wait(list(self._pings.values()), timeout=ACK_TIMEOUT_S)
        if self._pings:
            self.server.complaints.append(f"{len(self._pings)} PINGs without acknowledgement after {ACK_TIMEOUT_S:g} s")

    async def send_data(self, stream_id: int, content: bytes, data_bytes: int = DATA_BYTES, padding: int = 0) -> None:
        """The content in DATA frames of so many octets, within the client's windows."""
        overhead = 1 + padding if padding else 0
        batch: list[bytes] = []
        batch_bytes = 0
        for start in range(0, len(content), data_bytes):
            piece = content[start : start + data_bytes]
            length = len(piece) + overhead
            while min(self._window_bytes, self._stream_windows_bytes[stream_id]) < length:
                self._writer.write(b"".join(batch))
                batch, batch_bytes = [], 0
                self._credit_came.clear()
                await self._credit_came.wait()
            self._window_bytes -= length
            self._stream_windows_bytes[stream_id] -= length
            if padding:
                piece = bytes((padding,)) + piece + bytes(padding)
            batch.append(frames.build_frame(frames.DATA, frames.PADDED if padding else 0, stream_id, piece))
            batch_bytes += length
            if batch_bytes >= WRITE_BYTES:
                self._writer.write(b"".join(batch))
                await self._writer.drain()
                batch, batch_bytes = [], 0
        self._writer.write(b"".join(batch))


# The cases, in the words of the table above.


async def _goaway(connection: _Connection, stream_id: int, message: bytes) -> None:
    connection.send_headers(stream_id)
    await connection.send_data(stream_id, message)
    connection.send_trailers(stream_id)
    connection.send_goaway(stream_id)


async def _rst_after_header(connection: _Connection, stream_id: int, message: bytes) -> None:
    connection.send_headers(stream_id)
    connection.send_reset(stream_id)


async def _rst_during_data(connection: _Connection, stream_id: int, message: bytes) -> None:
    connection.send_headers(stream_id)
    await connection.send_data(stream_id, message[: len(message) // 2])
    connection.send_reset(stream_id)


async def _rst_after_data(connection: _Connection, stream_id: int, message: bytes) -> None:
    connection.send_headers(stream_id)
    await connection.send_data(stream_id, message)
    connection.send_reset(stream_id)


async def _ping(connection: _Connection, stream_id: int, message: bytes) -> None:
    connection.send_ping()
    connection.send_headers(stream_id)
    connection.send_ping()
    for start in range(0, len(message), DATA_BYTES):
        await connection.send_data(stream_id, message[start : start + DATA_BYTES])
        connection.send_ping()
    await connection.expect_ping_acks()
    connection.send_trailers(stream_id)


async def _max_streams(connection: _Connection, stream_id: int, message: bytes) -> None:
    connection.send_headers(stream_id)
    await connection.send_data(stream_id, message)
    connection.send_trailers(stream_id)


async def _data_frame_padding(connection: _Connection, stream_id: int, message: bytes) -> None:
    connection.send_headers(stream_id)
    await connection.send_data(stream_id, message, SMALL_DATA_BYTES, PADDING_BYTES)
    connection.send_trailers(stream_id)


async def _no_df_padding_sanity_test(connection: _Connection, stream_id: int, message: bytes) -> None:
    connection.send_headers(stream_id)
    await connection.send_data(stream_id, message, SMALL_DATA_BYTES)
    connection.send_trailers(stream_id)


ANSWERS: Final[dict[str, Callable[[_Connection, int, bytes], Awaitable[None]]]] = {
    "goaway": _goaway,
    "rst_after_header": _rst_after_header,
    "rst_during_data": _rst_during_data,
    "rst_after_data": _rst_after_data,
    "ping": _ping,
    "max_streams": _max_streams,
    "data_frame_padding": _data_frame_padding,
    "no_df_padding_sanity_test": _no_df_padding_sanity_test,
}


async def _serve(cases: list[str], port: int) -> int:
    negatives = [NegativeServer(case) for case in cases]
    try:
        servers = [await asyncio.start_server(negative.serve, "127.0.0.1", port) for negative in negatives]
    except OSError as error:
        print(f"cannot listen on 127.0.0.1:{port}: {error}", file=sys.stderr)
        return 1
    stop = told_to_stop()
    addresses = [f"127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    print(f"LISTENING {','.join(addresses)}", flush=True)
    await stop.wait()
    for server in servers:
        server.close()
    complaints = [f"{negative.case}: {complaint}" for negative in negatives for complaint in negative.complaints]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


def main() -> int:
    """Serves what the command line names until it is told to stop; the exit status."""
    parser = argparse.ArgumentParser(description="Servers that do what HTTP/2 allows and clients get wrong.")
    parser.add_argument("--case", required=True, metavar="CASE,...", help=f"what they do, of {', '.join(ANSWERS)}")
    parser.add_argument("--port", type=int, default=0, help="the port of a single case (default: any free one)")
    options = parser.parse_args()
    cases = options.case.split(",")
    for case in cases:
        if case not in ANSWERS:
            parser.error(f"no case is named {case!r}; there are {', '.join(ANSWERS)}")
    if options.port and len(cases) > 1:
        parser.error("one port is for one case")
    return asyncio.run(_serve(cases, options.port))


if __name__ == "__main__":
    sys.exit(main())
