"""The other end of server reflection: asks a server for its services, and fills a descriptor pool with the answers.

All questions go over one stream, on which a server sends no file twice. It may leave out what a file imports, so that
is asked for by name until nothing is missing; then the files are added, each after what it imports.
"""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable
from typing import Any, Final

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from grpc_core.descriptions import message_class
from grpc_core.errors import AioRpcError
from grpc_core.metadata import MetadataPairs
from grpc_core.reflection import DESCRIPTORS
from grpc_core.status import CODES, StatusCode
from grpc_core.stub import stub

FILES_MAX: Final = 10_000
"""A server could answer each file with one more import for ever."""


class ReflectionError(Exception):
    """The server does not tell, or what it tells is of no use; `code` is what it gave as the reason."""

    def __init__(self, code: StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code


class NotConnected(Exception):
    """The server could not be reached."""


class ReflectionClient:
    """What the server at the other end of a channel tells about itself. `pool` has what it was asked for so far."""

    def __init__(self, channel: Any, metadata: MetadataPairs, remaining_s: Callable[[], float | None]) -> None:
        self.pool = DescriptorPool()
        self._channel = channel
        self._metadata = metadata
        self._remaining_s = remaining_s
        self._known: set[str] = set()
        self._descriptors = list(DESCRIPTORS)
        self._call: Any = None

    async def services(self) -> list[str]:
        """The full names of the services, sorted."""
        response = await self._ask("list_services", "")
        return sorted(service.name for service in response.list_services_response.service)

    async def find(self, symbol: str) -> None:
        """Have the pool know this symbol, and all that it refers to."""
        response = await self._ask("file_containing_symbol", symbol)
        await self._add(response.file_descriptor_response.file_descriptor_proto)

    async def find_message(self, name: str) -> Descriptor | None:
        """The descriptor of a message, asked for when the pool lacks it; None when the server does not know it."""
        try:
            return self.pool.FindMessageTypeByName(name)
        except KeyError:
            pass
        try:
            await self.find(name)
            return self.pool.FindMessageTypeByName(name)
        except (KeyError, ReflectionError):
            return None

    def close(self) -> None:
        """Ask no more."""
        if self._call is not None:
            self._call.cancel()

    # -- the stream ----------------------------------------------------------------------------------------------------

    async def _ask(self, query: str, value: str) -> Any:
        """The answer to one question. Raises AioRpcError, ReflectionError or NotConnected."""
        try:
            return await self._ask_once(query, value)
        except AioRpcError as error:
            if error.code() is not StatusCode.UNIMPLEMENTED:
                raise
            if len(self._descriptors) == 1:
                raise ReflectionError(
                    StatusCode.UNIMPLEMENTED, "the server has no reflection, so what it has is unknown"
                )
        del self._descriptors[0]
        self._call = None
        return await self._ask(query, value)

    async def _ask_once(self, query: str, value: str) -> Any:
        descriptor = self._descriptors[0]
        if self._call is None:
            self._call = stub(descriptor)(self._channel).ServerReflectionInfo(
                metadata=self._metadata, timeout=self._remaining_s()
            )
            try:
                await self._call.wait_for_connection()
            except AioRpcError as error:
                raise NotConnected(error.details())
        if not self._call.done():  # else the next line says why
            await self._call.write(message_class(descriptor.methods[0].input_type.full_name)(**{query: value}))
        response = await self._call.read()
        answer = getattr(response, "WhichOneof", lambda _: "end of the stream")("message_response")
        if answer == "error_response":
            number = response.error_response.error_code
            code = CODES[number] if 0 <= number < len(CODES) else StatusCode.UNKNOWN
            raise ReflectionError(code, response.error_response.error_message or f"no answer to {query} {value!r}")
        if answer not in ("file_descriptor_response", "list_services_response"):
            raise ReflectionError(StatusCode.INTERNAL, f"the server answers {query} with {answer}")
        return response

    # -- the files -----------------------------------------------------------------------------------------------------

    async def _add(self, serialized: Iterable[bytes]) -> None:
        """Add these files to the pool, and whatever they import."""
        files: dict[str, FileDescriptorProto] = {}
        imports = self._take(serialized, files)
        while imports:
            name = imports.pop()
            if name in files or name in self._known:
                continue
            response = await self._ask("file_by_filename", name)
            imports += self._take(response.file_descriptor_response.file_descriptor_proto, files)
            if name not in files:
                raise ReflectionError(StatusCode.INTERNAL, f"the server does not send its file {name!r}")
        graph = {name: set(file.dependency) - self._known for name, file in files.items()}
        try:
            for name in graphlib.TopologicalSorter(graph).static_order():
                self.pool.AddSerializedFile(files[name].SerializeToString())
                self.pool.FindFileByName(name)  # some versions of protobuf look into a file only now
                self._known.add(name)
        except (graphlib.CycleError, TypeError, KeyError) as error:
            raise ReflectionError(StatusCode.INTERNAL, f"the server's descriptors do not fit together: {error}")

    def _take(self, serialized: Iterable[bytes], files: dict[str, FileDescriptorProto]) -> list[str]:
        """Put what is new into `files`; the names that it imports."""
        imports: list[str] = []
        for octets in serialized:
            try:
                file = FileDescriptorProto.FromString(octets)
            except DecodeError as error:
                raise ReflectionError(StatusCode.INTERNAL, f"the server sends what is not a descriptor: {error}")
            if file.name not in files and file.name not in self._known:
                files[file.name] = file
                imports += file.dependency
        if len(files) > FILES_MAX:
            raise ReflectionError(StatusCode.RESOURCE_EXHAUSTED, f"the server sends more than {FILES_MAX} files")
        return imports
