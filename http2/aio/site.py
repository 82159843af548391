"""The site that `python -m http2 serve` serves: files, and a few resources that try out a client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from http2.aio.files import INDEX, send_file
from http2.aio.server import Request

BYTES_MAX = 10**12
DRIP_BYTES_MAX = 10_000
DRIP_PAUSE_S = 0.01

_PATTERN = bytes(range(256)) * 256  # 64 KiB; every piece of /bytes/N is one of these or a part of it

INDEX_PAGE = b"""<!doctype html>
<meta charset="utf-8">
<title>python -m http2 serve</title>
<h1>It speaks HTTP/2</h1>
<dl>
<dt>POST /echo</dt><dd>sends the content back as it arrives</dd>
<dt>POST /hold</dt><dd>sends it back when all of it is there, and gives no window before</dd>
<dt><a href="/bytes/1000">/bytes/N</a></dt><dd>N octets: 0 to 255, over and over</dd>
<dt><a href="/drip/10">/drip/N</a></dt><dd>N octets, each in a DATA frame of its own</dd>
<dt>anything else</dt><dd>a file, if --root was given</dd>
</dl>
"""


class Site:
    """A handler for `serve`; `root` is the directory whose files are served, if any."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root.resolve(strict=True) if root is not None else None

    async def __call__(self, request: Request) -> None:
        path = request.path.partition("?")[0]
        first, _, rest = path.removeprefix("/").partition("/")
        route = _ROUTES.get(first) if (first in ("echo", "hold")) != bool(rest) else None
        if route is not None:
            await route(request, rest)
        elif not await _is_read_only(request):
            return
        elif path == "/" and not await self._has_index():
            await request.respond(200, [("content-type", "text/html")], INDEX_PAGE)
        elif self._root is not None:
            await send_file(request, self._root)
        else:
            await request.respond(404)

    async def _has_index(self) -> bool:
        return self._root is not None and await asyncio.to_thread((self._root / INDEX).exists)


async def _is_read_only(request: Request) -> bool:
    """Whether the request is GET or HEAD; it is answered if not (RFC 9110 §15.5.6)."""
    if request.method in ("GET", "HEAD"):
        return True
    await request.respond(405, [("allow", "GET, HEAD")])
    return False


async def _hold(request: Request, rest: str) -> None:
    if request.method in ("POST", "PUT"):
        await request.all_received()
    await _echo(request, rest)


async def _echo(request: Request, rest: str) -> None:
    if request.method not in ("POST", "PUT"):
        return await request.respond(405, [("allow", "POST, PUT")])
    request.send_headers(200, [("content-type", request.header("content-type", "application/octet-stream"))])
    async for chunk in request:
        await request.send_data(chunk)


async def _bytes(request: Request, number: str) -> None:
    length = _number(number, BYTES_MAX)
    if length is None:
        return await request.respond(404)
    if not await _is_read_only(request):
        return
    headers = [("content-type", "application/octet-stream"), ("content-length", str(length))]
    if length <= len(_PATTERN):
        return await request.respond(200, headers, _PATTERN[:length])
    request.send_headers(200, headers)
    for start in range(0, length, len(_PATTERN)) if request.method == "GET" else ():
        await request.send_data(_PATTERN[: length - start])


async def _drip(request: Request, number: str) -> None:
    length = _number(number, DRIP_BYTES_MAX)
    if length is None:
        return await request.respond(404)
    if not await _is_read_only(request):
        return
    request.send_headers(200, [("content-type", "text/plain"), ("content-length", str(length))])
    for _ in range(length) if request.method == "GET" else ():
        await request.send_data(b".")
        await asyncio.sleep(DRIP_PAUSE_S)


def _number(text: str, most: int) -> int | None:
    """A decimal number up to `most`, or None."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return None
    number = int(text)
    return number if number <= most else None


_ROUTES: dict[str, Callable[[Request, str], Awaitable[None]]] = {
    "echo": _echo,
    "hold": _hold,
    "bytes": _bytes,
    "drip": _drip,
}
