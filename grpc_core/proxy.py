"""HTTP CONNECT proxies (gRFC A1): whether a target is reached through one, and what is said to it.

    grpc.http_proxy (an option)  >  grpc_proxy  >  https_proxy  >  http_proxy        (environment variables)
    no_grpc_proxy  >  no_proxy: names, suffixes and networks that are reached without it; "*" is everything

Only dns targets go through a proxy, and the proxy looks the name up. `http://user:password@host:port` is sent as Basic
authorization. `grpc.enable_http_proxy` 0 turns all of it off. Without I/O: the environment is an argument.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from grpc_core.target import Address

ANSWER_BYTES_MAX: Final = 16_384
"""The longest head of an answer that is read."""


class ProxyError(OSError):
    """The proxy did not open the tunnel; the text says who said what."""


class Proxy(NamedTuple):
    """Where the proxy listens, and the value of `proxy-authorization`, if there is one."""

    address: Address
    authorization: str = ""

    def request(self, host_port: str) -> bytes:
        """The octets that ask for a tunnel to "host:port"."""
        lines = [f"CONNECT {host_port} HTTP/1.1", f"Host: {host_port}"]
        if self.authorization:
            lines.append(f"Proxy-Authorization: {self.authorization}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def check_answer(self, head: bytes) -> None:
        """Raise ProxyError unless the head of the answer, up to its empty line, says that the tunnel is open."""
        line = head.split(b"\r\n", 1)[0].decode("latin-1")
        version, _, status = line.partition(" ")
        if not version.startswith("HTTP/1."):
            raise ProxyError(f"the HTTP proxy {self.address} answered {line[:100]!r}, which is not HTTP/1")
        if not (status[:1] == "2" and status[:3].isdigit()):
            raise ProxyError(f"the HTTP proxy {self.address} refused the tunnel: {status[:200]}")


def proxy_for(
    host: str, port: int, option: str | None, is_enabled: bool, environment: Mapping[str, str]
) -> Proxy | None:
    """The proxy on the way to a name, or None. Raises ValueError for a proxy that cannot be understood."""
    if not is_enabled:
        return None
    text, source = option, "grpc.http_proxy"
    if text is None:
        for source in ("grpc_proxy", "https_proxy", "http_proxy"):
            if text := environment.get(source):
                break
    if not text:
        return None
    exceptions = environment.get("no_grpc_proxy") or environment.get("no_proxy") or ""
    if any(_matches(host, entry.strip()) for entry in exceptions.split(",")):
        return None
    return _parse(text, source)


def _parse(text: str, source: str) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme != "http":
        raise ValueError(f"{source} is {text!r}: only http:// proxies can be used")
    try:
        port = parts.port or 80
    except ValueError:
        raise ValueError(f"{source} is {text!r}: its port is no number")
    if not parts.hostname:
        raise ValueError(f"{source} is {text!r}: it has no host")
    authorization = ""
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(user.encode()).decode()
    return Proxy(Address(parts.hostname, port), authorization)


def _matches(host: str, entry: str) -> bool:
    """Whether an entry of no_proxy covers a host: "*", a network, a name, or the end of one at a dot."""
    if not entry:
        return False
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        pass  # one of them is a name
    name, suffix = host.lower().rstrip("."), entry.lower().strip(".")
    return name == suffix or name.endswith("." + suffix)
