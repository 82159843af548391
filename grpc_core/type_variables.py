"""The type variables of the API: what a method takes and what it gives.

A type checker sees them with defaults (PEP 696), so that `grpc.UnaryUnaryMultiCallable` without brackets means "of any
messages", as in code written before there were brackets. `typing_extensions` is part of what type checkers bring along
and is not needed at run time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Request = TypeVar("Request", default=Any)
    Response = TypeVar("Response", default=Any)
    Result = TypeVar("Result", default=Any, covariant=True)
else:
    from typing import TypeVar

    Request = TypeVar("Request")
    Response = TypeVar("Response")
    Result = TypeVar("Result", covariant=True)
