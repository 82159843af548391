"""`python -m interop.peers.grpc_java.run FOLDER server|client ...`: becomes grpc-java's program.

It is `Peer.java` that has the contract of our peers. What cannot be done inside a virtual machine is done here: its
class path.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from interop.official_cases import SOAK_ITERATIONS
from interop.peers.certificate import FOLDER

# A program that runs for seconds gains nothing from the optimizing compiler and a parallel collector.
_JVM_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def command(programs: Path, certificates: Path | None, arguments: list[str]) -> list[str]:
    """The command line; `certificates` is a file of the folder that `certificate` has filled, or None in plaintext.

    Raises ValueError where the file lies in no such folder.
    """
    class_path = [str(programs / "classes"), f"{programs / 'libraries'}/*"]
    if certificates is not None:
        folder = certificates.resolve().parent
        if folder.name != FOLDER:
            raise ValueError(f"{certificates} is not in a folder named {FOLDER}, where grpc-java looks")
        class_path.insert(0, str(folder.parent))
    properties = [f"-Dsoak_iterations={SOAK_ITERATIONS}"]
    program = ["-cp", os.pathsep.join(class_path), "io.grpc.testing.integration.Peer"]
    return ["java", *_JVM_OPTIONS, *properties, *program, *arguments]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="grpc-java's interop programs.")
    parser.add_argument("programs", type=Path, metavar="FOLDER", help="where they are")
    parser.add_argument("role", choices=("server", "client"))
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="speak TLS with the certificates beside this one")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="is beside it")
    parser.add_argument("--tls-ca", type=Path, metavar="FILE", help="speak TLS, and trust this authority, in PEM")
    parser.add_argument("--tls-name", metavar="NAME", help="the name that the server proves")
    options, rest = parser.parse_known_args()
    if options.tls_ca is not None:
        rest += ["--tls-name", options.tls_name]
    elif options.tls_cert is not None:
        rest += ["--tls", "yes"]
    try:
        become = command(options.programs, options.tls_ca or options.tls_cert, [options.role, *rest])
    except ValueError as error:
        parser.error(str(error))
    os.execvp(become[0], become)
