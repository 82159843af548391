"""What answers behind servers that pass requests on: an HTTP/1.1 server that echoes, never before the request's end.

python -m interop.conformance.peers.backend      says LISTENING HOST:PORT, and ends when its standard input does

POST, PUT and PATCH are answered with 200 and their own content, any other with 200 and `KNOWN_BODY`. It is not
`http.server`, which refuses what the servers in front of it may pass on: more than 100 fields, say.
"""

from __future__ import annotations

import socketserver
import sys
import threading

from interop.conformance.run import KNOWN_BODY


class Echo(socketserver.StreamRequestHandler):
    """One connection: request after request."""

    timeout = 60.0
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Until the other end goes, or says what is no HTTP/1.1."""
        try:
            while self._exchange():
                pass
        except (OSError, ValueError):
            pass  # a proxy that gives up a request is no news

    def _exchange(self) -> bool:
        """Read a whole request, then answer it. Whether another one may come."""
        method = self.rfile.readline().partition(b" ")[0]
        if not method:
            return False
        fields = dict(self._fields())
        if fields.get(b"expect", b"").lower() == b"100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
            content = self._chunks()
        else:
            content = self.rfile.read(int(fields.get(b"content-length", b"0")))
        if method not in (b"POST", b"PUT", b"PATCH"):
            content = KNOWN_BODY
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(content)
        self.wfile.write(head + (b"" if method == b"HEAD" else content))
        return fields.get(b"connection", b"").lower() != b"close"

    def _fields(self) -> list[tuple[bytes, bytes]]:
        fields = []
        while line := self.rfile.readline().strip():
            name, _, value = line.partition(b":")
            fields.append((name.lower(), value.strip()))
        return fields

    def _chunks(self) -> bytes:
        content = bytearray()
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self._fields()  # trailers
        return bytes(content)


class Server(socketserver.ThreadingTCPServer):
    """It ends without waiting for connections that proxies keep open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


def main() -> int:
    """Serve until standard input ends."""
    with Server(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"LISTENING 127.0.0.1:{server.server_address[1]}", flush=True)
        sys.stdin.buffer.read()
        server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
