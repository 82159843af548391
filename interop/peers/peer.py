"""What the harness knows of a gRPC peer: how its two programs are started, or why they cannot be."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Missing(Exception):
    """The peer, or something that it needs, is not on this machine. The text names it."""


class NeedsCheckout(Missing):
    """Something that the repository holds and an installed distribution does not."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} not part of an installed Plait: run from a checkout of the repository")


class BuildFailed(Exception):
    """The peer's toolchain is here and did not build it. `output` is what it printed."""

    def __init__(self, reason: str, output: str) -> None:
        super().__init__(reason)
        self.output = output


class Commands(NamedTuple):
    """The command lines of a peer, without the `--port` of the server and the `--addr` of the client."""

    server: list[str]
    client: list[str]
    version: str
    """The library and its version, for the reader of a report."""
    lacks: Mapping[str, str] = MappingProxyType({})
    """Cases that the client does not have: case -> why."""
    server_lacks: Mapping[str, str] = MappingProxyType({})
    """Cases that ask for what the server does not have: case -> why."""


def python_commands(package: str, version: str) -> Commands:
    """The commands of a peer whose programs are the modules `server` and `client` of a package."""
    server, client = ([sys.executable, "-m", f"{package}.{role}"] for role in ("server", "client"))
    return Commands(server, client, version)


def blocking(commands: Commands) -> Commands:
    """The same programs of a Python peer with its blocking API."""
    flag = ["--blocking"]
    return commands._replace(
        server=commands.server + flag, client=commands.client + flag, version=f"{commands.version}, its blocking API"
    )
