"""`protoc-gen-plait`: a protoc plugin that writes `*_pb2_grpc.py` for `grpc_core`.

A protoc plugin is a filter: a `CodeGeneratorRequest` on standard input, a `CodeGeneratorResponse` on standard output.
`plugin` is that filter and its options; `generator` turns one file descriptor into the text of one module.
How to run it, and what comes out, is in `docs/codegen.md`.
"""
