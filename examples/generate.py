"""Writes the generated code of the examples: `make generate`, which runs this file twice.

    python examples/generate.py messages [FOLDER]    *_pb2.py and *_pb2.pyi, by protoc's own generator
    python examples/generate.py grpc [FOLDER]        *_pb2_grpc.py, by protoc-gen-plait

The protoc is that of the grpcio-tools which the interpreter has. For messages an old one is wanted: code that a protoc
writes runs on its own protobuf runtime and on later ones only (docs/codegen.md says which). For the gRPC part any will
do.
"""

from __future__ import annotations

import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
NAMES = ("chat", "files", "helloworld", "route_guide")
"""`protos/NAME.proto` is generated into the package `examples.NAME`."""


def generate(what: str, into: Path = EXAMPLES) -> int:
    """Write `messages` or `grpc` of every example; the exit status of protoc."""
    from grpc_tools import protoc

    for name in NAMES:
        folder = into / name
        folder.mkdir(exist_ok=True)
        if what == "messages":
            outputs = [f"--python_out={folder}", f"--pyi_out={folder}"]
        else:
            plugin = Path(sys.executable).with_name("protoc-gen-plait")
            outputs = [f"--plugin=protoc-gen-plait={plugin}", f"--plait_out={folder}", "--plait_opt=relative_imports"]
        status = protoc.main(["protoc", f"-I{EXAMPLES / 'protos'}", *outputs, f"{name}.proto"])
        if status:
            return int(status)
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in ("messages", "grpc"):
        sys.exit("usage: python examples/generate.py messages|grpc [FOLDER]")
    sys.exit(generate(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) == 3 else EXAMPLES))
