"""GET is answered with a known content, POST with its own, after the whole request. For hypercorn and granian."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

KNOWN_BODY = b"A known body, the same for every request.\n"

Message = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """One request."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    content = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        content += message.get("body", b"")
        if not message.get("more_body", False):
            break
    answer = bytes(content) if scope["method"] in ("POST", "PUT", "PATCH") else KNOWN_BODY
    fields = [(b"content-type", b"text/plain"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer})
