"""What a server has, from a file in place of its reflection: a `FileDescriptorSet`, as `protoc -o` writes it.

    protoc --include_imports -o shop.pb shop.proto

What the files import has to be in the set too; of protobuf's own (`google/protobuf/...`) those that come with protobuf
may be missing.
"""

from __future__ import annotations

import contextlib
import graphlib
import importlib

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from grpc_core.reflection import file_of_symbol
from grpc_core.reflection_client import ReflectionError
from grpc_core.status import StatusCode


class DescriptorSet:
    """Answers what a `ReflectionClient` answers, and asks nobody."""

    def __init__(self, serialized: bytes) -> None:
        """Raises ValueError for what is not a descriptor set, or not a whole one."""
        self.pool = DescriptorPool()
        try:
            files = {file.name: file for file in FileDescriptorSet.FromString(serialized).file}
        except DecodeError as error:
            raise ValueError(f"is not a FileDescriptorSet: {error}")
        if not files:
            raise ValueError("is a FileDescriptorSet without files")
        waiting = [(name, file.name) for file in files.values() for name in file.dependency]
        while waiting:
            name, importer = waiting.pop()
            if name not in files:
                files[name] = _own_file(name, importer)
                waiting += [(imported, name) for imported in files[name].dependency]
        try:
            for name in graphlib.TopologicalSorter({n: f.dependency for n, f in files.items()}).static_order():
                self.pool.AddSerializedFile(files[name].SerializeToString())
                self.pool.FindFileByName(name)
        except (graphlib.CycleError, TypeError, KeyError) as error:
            raise ValueError(f"is a FileDescriptorSet whose files do not fit together: {error}")
        self._services = sorted(
            f"{file.package}.{service.name}".lstrip(".") for file in files.values() for service in file.service
        )

    async def services(self) -> list[str]:
        """The full names of the services, sorted."""
        return self._services

    async def find(self, symbol: str) -> None:
        """Raises ReflectionError for a symbol that the pool does not have."""
        try:
            file_of_symbol(self.pool, symbol)
        except KeyError:
            raise ReflectionError(StatusCode.NOT_FOUND, f"symbol {symbol!r} is not in the descriptor set")

    async def find_message(self, name: str) -> Descriptor | None:
        """The descriptor of a message, or None."""
        with contextlib.suppress(KeyError):
            return self.pool.FindMessageTypeByName(name)
        return None

    def close(self) -> None:
        """Nothing is open."""


def _own_file(name: str, importer: str) -> FileDescriptorProto:
    """A file that comes with protobuf. Raises ValueError."""
    if name.startswith("google/protobuf/"):
        with contextlib.suppress(ImportError):
            module = importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
            return FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
    raise ValueError(
        f"is a FileDescriptorSet without {name!r}, which {importer!r} imports (protoc has --include_imports)"
    )
