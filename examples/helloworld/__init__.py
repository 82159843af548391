"""The messages, stub and servicer of `examples/protos/helloworld.proto`, as generated; see `docs/codegen.md`."""
