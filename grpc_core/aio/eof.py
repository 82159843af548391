"""What `read` returns when there is nothing more to read (grpcio's `grpc.aio.EOF`). Compare with `is` or `==`."""

from __future__ import annotations

from typing import Final


class EndOfFile:
    """The type of `EOF`."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "<grpc.aio.EOF>"


EOF: Final = EndOfFile()
