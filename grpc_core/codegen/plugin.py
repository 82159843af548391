"""The protoc plugin: request in, response out, and the options between.

plugin.proto asks two things of a plugin that are easy to get wrong: a mistake in the user's files or options goes into
`CodeGeneratorResponse.error`, with exit status 0; and a feature that the plugin does not announce, protoc refuses on
its behalf. Services do not depend on proto3 `optional` or on the edition, so both are announced.
"""

from __future__ import annotations

import sys

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2
from google.protobuf.message import DecodeError

from grpc_core.codegen.generator import generate

USAGE = """\
protoc-gen-plait is a plugin: protoc runs it and talks to it over standard input and output.

    protoc --python_out=OUT --pyi_out=OUT --plait_out=OUT [--plait_opt=relative_imports] FILE.proto

(With protoc from grpcio-tools: python -m grpc_tools.protoc ...)
"""

_OPTIONS = ("relative_imports",)


def respond(request: plugin_pb2.CodeGeneratorRequest) -> plugin_pb2.CodeGeneratorResponse:
    """One `*_pb2_grpc.py` for each file to generate that has services, or the reason why there is none."""
    response = plugin_pb2.CodeGeneratorResponse(
        supported_features=plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
        | plugin_pb2.CodeGeneratorResponse.FEATURE_SUPPORTS_EDITIONS,
        minimum_edition=descriptor_pb2.EDITION_PROTO2,
        maximum_edition=descriptor_pb2.EDITION_2024,
    )
    options = {option.strip() for option in request.parameter.split(",")} - {""}
    if unknown := sorted(options.difference(_OPTIONS)):
        response.error = f"unknown option {unknown[0]!r}: protoc-gen-plait has the option {', '.join(_OPTIONS)}"
        return response
    files = {file.name: file for file in request.proto_file}
    for name in request.file_to_generate:
        if files[name].service:
            response.file.append(generate(name, files, request.file_to_generate, "relative_imports" in options))
    return response


def main() -> int:
    """The command: a filter from standard input to standard output. Returns its exit status."""
    if len(sys.argv) > 1 or sys.stdin.isatty():
        print(USAGE, end="", file=sys.stderr)
        return 2
    try:
        request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    except DecodeError:
        print("protoc-gen-plait: standard input is not a CodeGeneratorRequest\n\n" + USAGE, end="", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(respond(request).SerializeToString())
    return 0
