"""`python -m grpc_core.codegen`: the plugin, for where the command `protoc-gen-plait` is not on the path."""

from grpc_core.codegen.plugin import main

if __name__ == "__main__":
    raise SystemExit(main())
