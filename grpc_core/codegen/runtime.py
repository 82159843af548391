"""`.proto` files as modules, at run time (gRFC L64): `protos`, `services` and `protos_and_services`.

    messages, services = grpc_core.protos_and_services("helloworld.proto")

finds the file below a folder of `sys.path`, as an import finds a module, has it parsed by the protoc that grpcio-tools
brings, and makes of it what generated files would hold: `helloworld_pb2` from the descriptor, by protobuf's builder, as
the code that protoc writes does; `helloworld_pb2_grpc` from the text that `generator` writes. The modules stand in
`sys.modules` under the names of generated files; a file that is already a module, generated or made here, is imported
and not made again, and so are the files that it imports.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Final

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.internal import builder

from grpc_core.codegen.generator import generate, module_name

_lock: Final = threading.RLock()
_Maker = Callable[[str, dict[str, FileDescriptorProto]], ModuleType]


class ProtoError(Exception):
    """A `.proto` file cannot be parsed, or is not there. The text is protoc's."""


def protos(protobuf_path: str) -> ModuleType:
    """The module of the messages of a `.proto` file, whose path is relative to a folder of `sys.path`.

    Raises NotImplementedError without grpcio-tools, ProtoError for what protoc does not accept.
    """
    return _made(protobuf_path, "protos", _messages)


def services(protobuf_path: str) -> ModuleType:
    """The module of the stubs and servicers of a `.proto` file. Raises as `protos`."""
    return _made(protobuf_path, "services", _services)


def protos_and_services(protobuf_path: str) -> tuple[ModuleType, ModuleType]:
    """Both modules of a `.proto` file. Raises as `protos`."""
    return _made(protobuf_path, "protos_and_services", _messages), services(protobuf_path)


def _made(protobuf_path: str, asked: str, make: _Maker) -> ModuleType:
    with _lock:
        known = _known(module_name(protobuf_path) + ("_grpc" if make is _services else ""))
        return known if known is not None else make(protobuf_path, _parsed(protobuf_path, asked))


def _known(name: str) -> ModuleType | None:
    """The module of that name, if it has been made, or can be imported."""
    if name in sys.modules:
        return sys.modules[name]
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    return None if found is None else importlib.import_module(name)


def _parsed(path: str, asked: str) -> dict[str, FileDescriptorProto]:
    """The file and all that it imports, by name, each behind those that it imports itself."""
    if importlib.util.find_spec("grpc_tools") is None:
        raise NotImplementedError(f"Install the grpcio-tools package (1.32.0+) to use the {asked} function.")
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "descriptors")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc"),
                *(f"-I{entry or os.curdir}" for entry in sys.path if os.path.isdir(entry or os.curdir)),
                *("--include_imports", "--include_source_info", f"--descriptor_set_out={out}", path),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProtoError(done.stderr.strip())
        with open(out, "rb") as file:
            return {file.name: file for file in FileDescriptorSet.FromString(file.read()).file}


def _messages(path: str, files: dict[str, FileDescriptorProto]) -> ModuleType:
    """The message module of the file, after those of the files that it imports."""
    name = module_name(path)
    known = _known(name)
    if known is not None:
        return known
    file = files[path]
    for imported in file.dependency:
        _messages(imported, files)
    bare = FileDescriptorProto()
    bare.CopyFrom(file)
    bare.ClearField("source_code_info")  # as in generated code
    module = ModuleType(name, f"The messages of {path}.")
    descriptor = descriptor_pool.Default().AddSerializedFile(bare.SerializeToString())
    names = vars(module)
    names["DESCRIPTOR"] = descriptor
    builder.BuildMessageAndEnumDescriptors(descriptor, names)
    builder.BuildTopDescriptorsAndMessages(descriptor, name, names)
    return _entered(module)


def _services(path: str, files: dict[str, FileDescriptorProto]) -> ModuleType:
    """The module that the plugin would write, after all that it imports."""
    for name in files:
        _messages(name, files)
    module = ModuleType(module_name(path) + "_grpc", f"The services of {path}.")
    if files[path].service:
        text = generate(path, files, [path], relative_imports=False).content
        exec(compile(text, f"<generated from {path}>", "exec"), vars(module))
    return _entered(module)


def _entered(module: ModuleType) -> ModuleType:
    """The module, where an import finds it."""
    sys.modules[module.__name__] = module
    package, _, name = module.__name__.rpartition(".")
    if package:  # the folder that the .proto file is in
        setattr(importlib.import_module(package), name, module)
    return module
