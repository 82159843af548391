"""`python -m http2 serve` and `python -m http2 get`: the commands that need an event loop.

Both take what the command line says and return the exit code. What goes wrong is one line on standard error.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from argparse import Namespace
from contextlib import AsyncExitStack
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import quote, urlsplit

from hpack_codec import FieldList
from http2 import explain
from http2.aio.client import Body, connect
from http2.aio.errors import ClientError
from http2.aio.files import chunks
from http2.aio.server import serve
from http2.aio.site import Site
from http2.aio.tls import client_ssl_context, server_ssl_context
from http2.aio.transport import Tap
from http2.errors import UsageError

OK = 0
HTTP_ERROR = 1
USAGE = 2
FAILED = 3


def complain(command: str, reason: object) -> None:
    """One line on standard error."""
    print(f"http2 {command}:", " ".join(str(reason).split()), file=sys.stderr)


def _print_frame(line: str) -> None:
    print(line, file=sys.stderr)


# -- serve -------------------------------------------------------------------------------------------------------------


async def run_server(arguments: Namespace) -> int:
    """Serve until SIGINT or SIGTERM; a second one ends it at once."""
    if arguments.tls_key is not None and arguments.tls_cert is None:
        complain("serve", "--tls-key needs --tls-cert")
        return USAGE
    where = f"{arguments.host}:{arguments.port}"
    try:
        site = Site(_directory(arguments.root))
        ssl = server_ssl_context(arguments.tls_cert, arguments.tls_key) if arguments.tls_cert is not None else None
    except OSError as error:
        complain("serve", _os_reason(error))
        return USAGE
    try:
        tap_factory = _server_tap if arguments.verbose else None
        server = await serve(site, arguments.host, arguments.port, ssl=ssl, tap_factory=tap_factory)
    except (OSError, OverflowError, UnicodeError) as error:
        complain("serve", f"cannot listen on {where}: {getattr(error, 'strerror', None) or error}")
        return USAGE
    stop = asyncio.Event()
    hurry = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: (hurry if stop.is_set() else stop).set())
    host, port = server.addresses[0]
    print(f"LISTENING {f'[{host}]' if ':' in host else host}:{port}", flush=True)
    await stop.wait()
    closing = asyncio.ensure_future(server.close())
    hurrying = asyncio.ensure_future(hurry.wait())
    await asyncio.wait([closing, hurrying], return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if not closing.done():
        await server.close(0)
    await closing
    return OK


def _server_tap() -> Tap:
    return explain.tap(False, _print_frame)


def _directory(root: str | None) -> Path | None:
    if root is None:
        return None
    os.listdir(root)  # raises, with the reason, when it is no directory or cannot be read
    return Path(root)


def _os_reason(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.args[-1])


# -- get ---------------------------------------------------------------------------------------------------------------


async def run_get(arguments: Namespace) -> int:
    """Send one request, write the response's content to standard output or a file."""
    async with AsyncExitStack() as stack:
        try:
            exchange = _Exchange(arguments, stack)
        except ValueError as error:
            complain("get", error)
            return USAGE
        except OSError as error:
            complain("get", _os_reason(error))
            return USAGE
        try:
            async with asyncio.timeout(arguments.timeout):
                status = await exchange.run(stack)
        except UsageError as error:
            complain("get", error)
            return USAGE
        except TimeoutError:
            complain("get", f"no complete response from {exchange.origin} within {arguments.timeout:g} s")
            return FAILED
        except ClientError as error:
            complain("get", error)
            return FAILED
        return OK if status < 400 else HTTP_ERROR


class _Exchange:
    """What the command line of `get` asks for. Raises ValueError and OSError for what is wrong with it."""

    def __init__(self, arguments: Namespace, stack: AsyncExitStack) -> None:
        self.origin, self._path = _split(arguments.url)
        self._headers = [_header(line) for line in arguments.header]
        self._body = _body(arguments.data, self._headers, stack)
        self._method = arguments.method or ("GET" if self._body is None else "POST")
        self._include = arguments.include
        self._tap = explain.tap(True, _print_frame) if arguments.verbose else None
        is_tls = self.origin.startswith("https:")
        self._ssl = client_ssl_context(arguments.cacert, verify=not arguments.insecure) if is_tls else None
        path = arguments.output
        self._output = sys.stdout.buffer if path is None else stack.enter_context(_open(path, "wb"))

    async def run(self, stack: AsyncExitStack) -> int:
        """Make the exchange; return the status."""
        client = await connect(self.origin, ssl=self._ssl, tap=self._tap, timeout_s=None)
        await stack.enter_async_context(client)
        response = await client.request(self._method, self._path, self._headers, self._body)
        output = self._output
        if self._include:
            output.write(b"HTTP/2 %d\n" % response.status + _lines(response.headers) + b"\n")
        async for chunk in response:
            output.write(chunk)
            output.flush()  # what drips should be seen to drip
        if self._include and response.trailers:
            output.write(b"\n" + _lines(response.trailers))
        output.flush()
        return response.status


def _split(url: str) -> tuple[str, str]:
    """(origin, path with query) of a URL. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not a URL like http://host:port/path or https://...")
    if "@" in parts.netloc:
        raise ValueError("a URL with a user name is not supported (RFC 9113 §8.3.1)")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port is not None else ""
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    query = f"?{quote(parts.query, safe=_PATH_SAFE + '?')}" if parts.query else ""
    return f"{parts.scheme}://{host}{port}", path + query


_PATH_SAFE = "/%:@!$&'()*+,;=~-._"  # RFC 3986 §3.3, and what is percent-encoded already


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"-H {line!r}: 'name: value' is required")
    return name.strip(), value.strip()


def _body(data: str | None, headers: list[tuple[str, str]], stack: AsyncExitStack) -> Body | None:
    """The content that -d describes; a file is sent piece by piece, with its size in `headers`."""
    if data is None or not data.startswith("@"):
        return None if data is None else os.fsencode(data)
    file = stack.enter_context(_open(data[1:], "rb"))
    size = os.fstat(file.fileno()).st_size
    headers.append(("content-length", str(size)))
    return chunks(file, size)


def _open(path: str, mode: str) -> BinaryIO:
    return cast(BinaryIO, open(path, mode))


def _lines(fields: FieldList) -> bytes:
    return b"".join(name + b": " + value + b"\n" for name, value in fields)
