"""`python -m grpc_core.compat program.py ...`: runs a program in which `import grpc` gets Plait."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from pathlib import Path

from grpc_core.compat.alias import install_as_grpc

USAGE = """\
usage: python -m grpc_core.compat PROGRAM.py [ARGUMENT ...]
       python -m grpc_core.compat -m MODULE [ARGUMENT ...]

Runs a Python program in which "import grpc" gets Plait instead of grpcio.
"""


def main(arguments: list[str]) -> int:
    """Run what the arguments name. Returns an exit status when there is nothing to run; else as the program ends."""
    if not arguments or arguments[0] in ("-h", "--help") or arguments == ["-m"]:
        print(USAGE, end="", file=sys.stdout if arguments[:1] in (["-h"], ["--help"]) else sys.stderr)
        return 0 if arguments and arguments[0] != "-m" else 2
    install_as_grpc()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        name = arguments[1]
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            print(f"python -m grpc_core.compat: there is no module {name}", file=sys.stderr)
            return 2
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        path = Path(arguments[0])
        if not path.exists():
            print(f"python -m grpc_core.compat: there is no {path}", file=sys.stderr)
            return 2
        sys.argv = arguments
        sys.path[0] = str(path.resolve().parent)
        runpy.run_path(str(path), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
