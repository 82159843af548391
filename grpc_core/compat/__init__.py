"""Plait under the name `grpc`, for programs that say `import grpc` and cannot be changed.

    import grpc_core.compat
    grpc_core.compat.install_as_grpc()

    import helloworld_pb2_grpc          # as grpcio-tools wrote it; its `import grpc` gets Plait
    from grpc_health.v1 import health   # and so do packages that use grpc's public API

or, without a change of the program, `python -m grpc_core.compat program.py` or `-m grpc_core.compat -m package`.

The alias is a finder in front of `sys.meta_path`: it answers for `grpc`, `grpc.aio`, `grpc.experimental` and the
private modules of `names.MODULES`, whether grpcio is installed or not. It is nobody's default: a process has one
`grpc`, and its main program says which.
"""

from __future__ import annotations

from grpc_core.compat.alias import AlreadyImported, install_as_grpc, is_installed, uninstall

__all__ = ["AlreadyImported", "install_as_grpc", "is_installed", "uninstall"]
