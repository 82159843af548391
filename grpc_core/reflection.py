"""Server reflection: the server tells what services it has, and with what messages (gRPC Server Reflection Protocol).

    enable_reflection(["helloworld.Greeter"], server)

A client asks on one bidirectional stream, and each question has one answer on it:

| question                        | answer                                                          |
|---------------------------------|-----------------------------------------------------------------|
| `list_services`                 | full names                                                      |
| `file_by_filename`              | the file, and what it imports, and so on                        |
| `file_containing_symbol`        | the same of the file that defines the symbol                    |
| `file_containing_extension`     | the same of the file that defines the extension                 |
| `all_extension_numbers_of_type` | the numbers                                                     |
| unknown name                    | an `ErrorResponse` with the code NOT_FOUND; the stream goes on  |

The file that is asked for is always sent; of those behind it, each once on a stream. The protocol exists under two
names, `v1` and `v1alpha`, which differ in nothing else: older clients know only the second.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool

from grpc_core.descriptions import POOL, describe, message_class
from grpc_core.status import StatusCode
from grpc_core.stub import service_handler

Found = TypeVar("Found")


def _describe(package: str) -> ServiceDescriptor:
    query, answer = "message_request", "message_response"
    file = describe(
        f"{package.replace('.', '/')}/reflection.proto",
        package,
        messages={
            "ServerReflectionRequest": (
                "string host = 1",
                f"{query}: string file_by_filename = 3",
                f"{query}: string file_containing_symbol = 4",
                f"{query}: ExtensionRequest file_containing_extension = 5",
                f"{query}: string all_extension_numbers_of_type = 6",
                f"{query}: string list_services = 7",
            ),
            "ExtensionRequest": ("string containing_type = 1", "int32 extension_number = 2"),
            "ServerReflectionResponse": (
                "string valid_host = 1",
                "ServerReflectionRequest original_request = 2",
                f"{answer}: FileDescriptorResponse file_descriptor_response = 4",
                f"{answer}: ExtensionNumberResponse all_extension_numbers_response = 5",
                f"{answer}: ListServiceResponse list_services_response = 6",
                f"{answer}: ErrorResponse error_response = 7",
            ),
            "FileDescriptorResponse": ("repeated bytes file_descriptor_proto = 1",),
            "ExtensionNumberResponse": ("string base_type_name = 1", "repeated int32 extension_number = 2"),
            "ListServiceResponse": ("repeated ServiceResponse service = 1",),
            "ServiceResponse": ("string name = 1",),
            "ErrorResponse": ("int32 error_code = 1", "string error_message = 2"),
        },
        services={
            "ServerReflection": {
                "ServerReflectionInfo": ("stream ServerReflectionRequest", "stream ServerReflectionResponse")
            }
        },
    )
    return file.services_by_name["ServerReflection"]


DESCRIPTORS: Final = (_describe("grpc.reflection.v1"), _describe("grpc.reflection.v1alpha"))
"""The service under its two names, the newer first."""
SERVICE_NAMES: Final = tuple(descriptor.full_name for descriptor in DESCRIPTORS)
SERVICE_NAME: Final = SERVICE_NAMES[1]
"""The name that grpcio-reflection has under this one."""


class _NotFound(Exception):
    """Nothing has that name."""


class ReflectionServicer:
    """Answers the questions under one of the two names, from the given pools; the first that knows a name counts."""

    def __init__(self, descriptor: ServiceDescriptor, service_names: Iterable[str], pools: Iterable[DescriptorPool]):
        self._response_class = message_class(descriptor.methods[0].output_type.full_name)
        self._service_names = sorted(service_names)
        self._pools = tuple(pools)

    async def ServerReflectionInfo(self, requests: Any, context: Any) -> None:
        """One answer for each question, until there are no more."""
        sent: set[str] = set()
        async for request in requests:
            await context.write(self.answer(request, sent))

    def answer(self, request: Any, sent: set[str]) -> Any:
        """The answer to one question; `sent` are the files that the stream has had, to which it adds."""
        response = self._response_class(valid_host=request.host)
        response.original_request.CopyFrom(request)
        self._fill(request, response, sent)
        return response

    def _fill(self, request: Any, response: Any, sent: set[str]) -> None:
        query = request.WhichOneof("message_request")
        try:
            if query == "list_services":
                for name in self._service_names:
                    response.list_services_response.service.add(name=name)
            elif query == "all_extension_numbers_of_type":
                name = request.all_extension_numbers_of_type
                response.all_extension_numbers_response.base_type_name = name
                response.all_extension_numbers_response.extension_number.extend(self._extension_numbers(name))
            elif query is None:
                response.error_response.error_code = StatusCode.INVALID_ARGUMENT.value[0]
                response.error_response.error_message = "the request asks for nothing that is known here"
            else:
                files = _with_imports(self._file(query, getattr(request, query)), sent)
                response.file_descriptor_response.file_descriptor_proto.extend(file.serialized_pb for file in files)
        except _NotFound as error:
            response.error_response.error_code = StatusCode.NOT_FOUND.value[0]
            response.error_response.error_message = str(error)

    def _file(self, query: str, asked: Any) -> FileDescriptor:
        if query == "file_by_filename":
            return self._find(lambda pool: pool.FindFileByName(asked), f"file {asked!r}")
        if query == "file_containing_symbol":
            return self._find(lambda pool: file_of_symbol(pool, asked), f"symbol {asked!r}")
        return self._find(
            lambda pool: _file_of_extension(pool, asked.containing_type, asked.extension_number),
            f"extension {asked.extension_number} of {asked.containing_type!r}",
        )

    def _extension_numbers(self, name: str) -> list[int]:
        extensions = self._find(
            lambda pool: pool.FindAllExtensions(pool.FindMessageTypeByName(name)), f"message {name!r}"
        )
        return sorted(extension.number for extension in extensions)

    def _find(self, look: Callable[[DescriptorPool], Found], what: str) -> Found:
        for pool in self._pools:
            try:
                return look(pool)
            except KeyError:
                pass
        raise _NotFound(f"{what} is not known here")


class _BlockingServicer:
    """The same service for a blocking server."""

    def __init__(self, servicer: ReflectionServicer) -> None:
        self._servicer = servicer

    def ServerReflectionInfo(self, requests: Any, context: Any) -> Iterator[Any]:
        sent: set[str] = set()
        for request in requests:
            yield self._servicer.answer(request, sent)


def file_of_symbol(pool: DescriptorPool, symbol: str) -> FileDescriptor:
    """The file that defines the symbol: anything with a full name, methods too. Raises KeyError."""
    try:
        return pool.FindFileContainingSymbol(symbol)
    except KeyError:  # protobuf does not count methods among the symbols, and the protocol does
        return pool.FindMethodByName(symbol).containing_service.file


def _file_of_extension(pool: DescriptorPool, containing_type: str, number: int) -> FileDescriptor:
    extension = pool.FindExtensionByNumber(pool.FindMessageTypeByName(containing_type), number)
    return pool.FindFileContainingSymbol(extension.full_name)


def _with_imports(file: FileDescriptor, sent: set[str]) -> list[FileDescriptor]:
    """The file, and of all behind its imports those not yet sent; notes that they are."""
    files: list[FileDescriptor] = []
    waiting = deque([file])
    while waiting:
        found = waiting.popleft()
        if not files or found.name not in sent:
            sent.add(found.name)
            files.append(found)
            waiting.extend(found.dependencies)
    return files


def enable_reflection(
    service_names: Iterable[str | ServiceDescriptor], server: Any, pool: DescriptorPool | None = None
) -> None:
    """Make the server, of either face, tell about these services, and about reflection itself.

    A service is its full name, for what is in `pool` (protobuf's default one when it is left out) or comes with Plait;
    or its descriptor, wherever that is from. Raises ValueError for a name that no pool has.
    """
    names = set(SERVICE_NAMES)
    pools = [pool if pool is not None else descriptor_pool.Default()]
    for service in service_names:
        if isinstance(service, str):
            names.add(service)
        else:
            names.add(service.full_name)
            pools.append(service.file.pool)
    pools = list(dict.fromkeys([*pools, POOL]))
    for name in sorted(names):
        if not any(_has_service(candidate, name) for candidate in pools):
            raise ValueError(
                f"enable_reflection: no descriptor pool has the service {name!r}; is its *_pb2 module imported?"
            )
    for descriptor in DESCRIPTORS:
        servicer = ReflectionServicer(descriptor, names, pools)
        methods = servicer if inspect.iscoroutinefunction(server.start) else _BlockingServicer(servicer)
        server.add_generic_rpc_handlers((service_handler(descriptor, methods),))


def _has_service(pool: DescriptorPool, name: str) -> bool:
    try:
        pool.FindServiceByName(name)
    except KeyError:
        return False
    return True


enable_server_reflection = enable_reflection
"""The name that grpcio-reflection gives it."""
