"""`protos`, `services`, `protos_and_services`: what is made of a `.proto` at run time, or said if nothing is."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.modules import grpcio

ROOT = Path(__file__).parents[2]

GREETER = """\
    syntax = "proto3";
    package demo;
    import "shared/names.proto";
    import "google/protobuf/empty.proto";
    // Greets.
    service Greeter {
      rpc Hello(shared.Name) returns (Reply);
      rpc All(google.protobuf.Empty) returns (stream Reply);
    }
    message Reply { string text = 1; }
"""
NAMES = """\
    syntax = "proto3";
    package shared;
    message Name { string name = 1; }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("demo/greeter.proto", GREETER), ("shared/names.proto", NAMES)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path


def run(folder: Path, program: str, check: bool = True) -> str:
    """What a program prints that is run in the folder by an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "GRPC_VERBOSITY": "NONE"},  # grpcio logs some GOAWAYs
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert not check or (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout + done.stderr


CALL = """
    import {module} as grpc
    from concurrent.futures import ThreadPoolExecutor

    messages, services = grpc.protos_and_services("demo/greeter.proto")
    assert grpc.protos("demo/greeter.proto") is messages
    assert grpc.services("demo/greeter.proto") is services
    names = grpc.protos("shared/names.proto")

    class Greeter(services.GreeterServicer):
        def Hello(self, request, context):
            return messages.Reply(text="Hello, " + request.name)

    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        services.add_GreeterServicer_to_server(Greeter(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{{port}}") as channel:
            stub = services.GreeterStub(channel)
            print(stub.Hello(names.Name(name="you"), timeout=30).text)
            try:
                list(stub.All(__import__("google.protobuf.empty_pb2").protobuf.empty_pb2.Empty(), timeout=30))
            except grpc.RpcError as error:
                print(error.code().name, error.details())
        server.stop(None)

    import demo.greeter_pb2
    from demo import greeter_pb2_grpc
    from shared import names_pb2
    assert (demo.greeter_pb2, greeter_pb2_grpc, names_pb2) == (messages, services, names)
    print(messages.__name__, services.__name__, type(names.Name(name="x")).__module__)
"""


@pytest.mark.parametrize("module", ["grpc_core", "grpc"])
def test_a_program_without_generated_files(folder: Path, module: str) -> None:
    if module == "grpc":
        grpcio()
    assert run(folder, CALL.format(module=module)) == (
        "Hello, you\nUNIMPLEMENTED Method not implemented!\ndemo.greeter_pb2 demo.greeter_pb2_grpc shared.names_pb2\n"
    )


def test_what_has_been_generated_is_not_made_again(folder: Path) -> None:
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I.", "--python_out=.", "shared/names.proto"]
    subprocess.run(protoc, cwd=folder, check=True)
    program = """
        import grpc_core
        services = grpc_core.services("demo/greeter.proto")
        from shared import names_pb2
        from demo import greeter_pb2
        print(hasattr(names_pb2, "__file__"), hasattr(greeter_pb2, "__file__"))
    """
    assert run(folder, program) == "True False\n"


def test_what_protoc_says_is_said(folder: Path) -> None:
    (folder / "bad.proto").write_text('syntax = "proto3"; message M { string a = 0; }')
    program = """
        import grpc_core
        from grpc_core.codegen.runtime import ProtoError
        for path in ("bad.proto", "none.proto"):
            try:
                grpc_core.protos(path)
            except ProtoError as error:
                print(error)
    """
    said = run(folder, program)
    assert "bad.proto:1:43: Field numbers must be positive integers." in said
    assert "none.proto: No such file or directory" in said


def test_a_dash_in_a_file_name_and_a_file_without_services(folder: Path) -> None:
    (folder / "a-b.proto").write_text('syntax = "proto3"; message M {}')
    program = """
        import grpc_core
        messages, services = grpc_core.protos_and_services("a-b.proto")
        print(messages.__name__, services.__name__, messages.M().SerializeToString())
    """
    assert run(folder, program) == "a_b_pb2 a_b_pb2_grpc b''\n"


def test_without_grpcio_tools_the_functions_say_what_to_install(folder: Path) -> None:
    program = """
        import importlib.util, sys
        find = importlib.util.find_spec
        importlib.util.find_spec = lambda name, package=None: None if name == "grpc_tools" else find(name, package)
        import grpc_core
        for name in ("protos", "services", "protos_and_services"):
            try:
                getattr(grpc_core, name)("demo/greeter.proto")
            except NotImplementedError as error:
                print(error)
    """
    said = [
        f"Install the grpcio-tools package (1.32.0+) to use the {name} function."
        for name in ("protos", "services", "protos_and_services")
    ]
    assert run(folder, program).splitlines() == said
