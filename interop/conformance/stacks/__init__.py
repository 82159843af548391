"""The Python stacks that the kit knows by name, each behind an adapter of a few lines (`memory.Stack`)."""

from __future__ import annotations

import importlib

from interop.conformance.memory import MemoryConnector

STACKS = {"plait": "interop.conformance.stacks.plait", "h2": "interop.conformance.stacks.h2_stack"}
"""Name -> the module with its `connector()`."""


def connector(name: str) -> MemoryConnector:
    """The stack with that name. Raises LookupError for an unknown one, ImportError for one that is not installed."""
    if name not in STACKS:
        raise LookupError(f"there is no stack {name!r}; there are {', '.join(STACKS)}")
    made: MemoryConnector = importlib.import_module(STACKS[name]).connector()
    return made


GRPC_STACKS = {"plait": "interop.conformance.grpc.stack"}
"""The same for the gRPC level."""


def grpc_connector(name: str) -> MemoryConnector:
    """The gRPC stack with that name. Raises LookupError where there is none, ImportError."""
    if name not in GRPC_STACKS:
        raise LookupError(f"the stack {name} speaks no gRPC; there are {', '.join(GRPC_STACKS)}")
    made: MemoryConnector = importlib.import_module(GRPC_STACKS[name]).connector()
    return made
