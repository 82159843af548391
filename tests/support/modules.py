"""The gRPC modules that a test's program can be run with: ours, and grpcio where it is installed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

import pytest

import grpc_core


def grpcio() -> Any:
    """The official module. Where it is missing, the test is skipped; if INTEROP_REQUIRE lists it, that is an error."""
    try:
        import grpc
    except ImportError:
        if "grpcio" in os.environ.get("INTEROP_REQUIRE", "").replace(" ", "").split(","):
            raise
        pytest.skip("grpcio is not installed")
    return grpc


def required_command(command: str, name: str) -> str:
    """The path of a command that runs on node. Where one is missing, the test is skipped; if INTEROP_REQUIRE lists
    `name`, that is an error."""
    path = shutil.which(command, path=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]))
    if path is not None and shutil.which("node") is not None:
        return path
    if name in os.environ.get("INTEROP_REQUIRE", "").replace(" ", "").split(","):
        raise AssertionError(f"{command}, or node, is not installed")
    pytest.skip(f"{command}, or node, is not installed")


MODULES: dict[str, Callable[[], Any]] = {"plait": lambda: grpc_core, "grpcio": grpcio}


@pytest.fixture(params=["plait-plait", "plait-grpcio", "grpcio-plait"])
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """(the server's module, the client's module): every pair in which we are one side."""
    server, client = request.param.split("-")
    return MODULES[server](), MODULES[client]()
