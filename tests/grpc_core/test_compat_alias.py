"""Plait as `grpc`: what grpcio-tools generates and what uses grpc's public API runs on it, changed in nothing.

Each test runs a program in an interpreter of its own. In most of them grpcio cannot be imported, as if it were not
installed; the alias then is all the grpc that there is.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.modules import grpcio

ROOT = Path(__file__).parents[2]

HIDE = """\
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == "grpc" or name.startswith("grpc."):
            raise ModuleNotFoundError(f"{name} is hidden by the test", name=name)

sys.meta_path.insert(0, Hidden())
try:
    import grpc
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("it is hidden")
"""
INSTALL = "from grpc_core import compat\ncompat.install_as_grpc()\n"

PROTO = """\
syntax = "proto3";
package kinds;
message Number { int32 value = 1; }
service Sum {
  rpc Double(Number) returns (Number);
  rpc Count(Number) returns (stream Number);
  rpc Add(stream Number) returns (Number);
  rpc Running(stream Number) returns (stream Number);
  rpc Missing(Number) returns (Number);
}
"""


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `kinds_pb2.py` and `kinds_pb2_grpc.py`, as grpcio-tools writes them."""
    grpcio()
    folder = tmp_path_factory.mktemp("generated")
    (folder / "kinds.proto").write_text(PROTO)
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I.", "--python_out=.", "--grpc_python_out=.", "kinds.proto"]
    subprocess.run(protoc, cwd=folder, check=True, timeout=60)
    assert "import grpc\n" in (folder / "kinds_pb2_grpc.py").read_text()
    return folder


def run(program: str, folder: Path = ROOT, *options: str, status: int = 0) -> str:
    """What a program prints, to either stream. Warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *options, *(["-c", textwrap.dedent(program)] if program else [])],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "GRPC_VERBOSITY": "NONE"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def hidden(program: str, folder: Path = ROOT) -> str:
    """What a program prints where grpcio is hidden and Plait is grpc."""
    return run(HIDE + INSTALL + textwrap.dedent(program), folder)


# -- generated code ----------------------------------------------------------------------------------------------------

SUM_SYNC = """\
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.experimental
from kinds_pb2 import Number
from kinds_pb2_grpc import Sum, SumServicer, SumStub, add_SumServicer_to_server


class Servicer(SumServicer):
    def Double(self, request, context):
        return Number(value=2 * request.value)

    def Count(self, request, context):
        for value in range(request.value):
            yield Number(value=value)

    def Add(self, request_iterator, context):
        return Number(value=sum(number.value for number in request_iterator))

    def Running(self, request_iterator, context):
        total = 0
        for number in request_iterator:
            total += number.value
            yield Number(value=total)


def numbers(*values):
    return iter([Number(value=value) for value in values])


with ThreadPoolExecutor(4) as pool:
    server = grpc.server(pool)
    add_SumServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        stub = SumStub(channel)
        print(stub.Double(Number(value=21), timeout=30).value)
        print([number.value for number in stub.Count(Number(value=3), timeout=30)])
        print(stub.Add(numbers(1, 2, 3), timeout=30).value)
        print([number.value for number in stub.Running(numbers(1, 2, 3), timeout=30)])
        try:
            stub.Missing(Number(), timeout=30)
        except grpc.RpcError as error:
            print(error.code(), error.details())
    import warnings
    warnings.simplefilter("ignore", grpc.experimental.ExperimentalApiWarning)
    print(Sum.Double(Number(value=4), f"localhost:{port}", insecure=True).value)
    server.stop(None).wait()
print(grpc.StatusCode.__module__.split(".")[0])
"""
SUM_SYNC_SAYS = "42\n[0, 1, 2]\n6\n[1, 3, 6]\nStatusCode.UNIMPLEMENTED Method not implemented!\n8\n"

SUM_AIO = """\
import asyncio

import grpc
from kinds_pb2 import Number
from kinds_pb2_grpc import SumServicer, SumStub, add_SumServicer_to_server


class Servicer(SumServicer):
    async def Double(self, request, context):
        return Number(value=2 * request.value)

    async def Count(self, request, context):
        for value in range(request.value):
            yield Number(value=value)

    async def Add(self, request_iterator, context):
        return Number(value=sum([number.value async for number in request_iterator]))

    async def Running(self, request_iterator, context):
        total = 0
        async for number in request_iterator:
            total += number.value
            await context.write(Number(value=total))


async def main():
    server = grpc.aio.server()
    add_SumServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("localhost:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        stub = SumStub(channel)
        print((await stub.Double(Number(value=21), timeout=30)).value)
        print([number.value async for number in stub.Count(Number(value=3), timeout=30)])
        print((await stub.Add([Number(value=value) for value in (1, 2, 3)], timeout=30)).value)
        call = stub.Running(timeout=30)
        for value in (1, 2, 3):
            await call.write(Number(value=value))
        await call.done_writing()
        print([number.value async for number in call])
    await server.stop(None)


asyncio.run(main())
"""


def test_generated_code_runs_on_the_blocking_face(generated: Path) -> None:
    assert hidden(SUM_SYNC, generated) == SUM_SYNC_SAYS + "grpc_core\n"


def test_generated_code_runs_on_asyncio(generated: Path) -> None:
    assert hidden(SUM_AIO, generated) == "42\n[0, 1, 2]\n6\n[1, 3, 6]\n"


def test_the_same_with_grpcio_itself_says_the_same(generated: Path) -> None:
    assert run(SUM_SYNC, generated) == SUM_SYNC_SAYS + "grpc\n"


def test_the_alias_goes_before_an_installed_grpcio(generated: Path) -> None:
    assert run(INSTALL + SUM_SYNC, generated) == SUM_SYNC_SAYS + "grpc_core\n"


def test_generated_stubs_of_grpcio_work_on_our_channel_without_the_alias(generated: Path) -> None:
    program = SUM_SYNC.replace("import grpc\n", "import grpc\nimport grpc_core\n", 1)
    program = program.replace("grpc.server", "grpc_core.server").replace("grpc.insecure", "grpc_core.insecure")
    assert "except grpc.RpcError" in program, "our errors are caught by grpcio's name"
    assert run(program, generated) == SUM_SYNC_SAYS + "grpc\n"


@pytest.mark.parametrize(
    ("first", "second", "lower"),
    [
        ("1.85.3", "1.85.1", False),
        ("1.85.3", "99.0.0", False),
        ("1.84.0", "1.85.1", True),
        ("1.9.0", "1.10.0", True),
        ("1.85.1", "1.85.1", False),
        ("abc", "1.2.0", False),
        ("1.85.0.dev0", "1.85.0", False),
    ],
)
def test_versions_are_compared_as_generated_code_does(first: str, second: str, lower: bool) -> None:
    from grpc_core.compat.stand_ins import API_VERSION, first_version_is_lower

    assert first_version_is_lower(first, second) is lower
    if second != "99.0.0" or first != API_VERSION:
        utilities = pytest.importorskip("grpc._utilities")
        assert utilities.first_version_is_lower(first, second) is lower, "as grpcio answers"


def test_our_version_is_that_of_the_grpcio_we_compare_with() -> None:
    from grpc_core.compat.stand_ins import API_VERSION, first_version_is_lower

    assert not first_version_is_lower(grpcio().__version__, API_VERSION), "nothing older was compared"


# -- packages that use grpc's public API -------------------------------------------------------------------------------

HEALTH_SYNC = """
    from concurrent.futures import ThreadPoolExecutor
    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        servicer = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        servicer.set("a", health_pb2.HealthCheckResponse.SERVING)
        port = server.add_insecure_port("localhost:0")
        server.start()
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            print(stub.Check(health_pb2.HealthCheckRequest(service="a"), timeout=30).status)
            try:
                stub.Check(health_pb2.HealthCheckRequest(service="b"), timeout=30)
            except grpc.RpcError as error:
                print(error.code().name)
            watch = stub.Watch(health_pb2.HealthCheckRequest(service="a"), timeout=30)
            print(next(watch).status)
            servicer.set("a", health_pb2.HealthCheckResponse.NOT_SERVING)
            print(next(watch).status)
            watch.cancel()
        server.stop(None).wait()
"""

HEALTH_AIO = """
    import asyncio
    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    async def main():
        server = grpc.aio.server()
        servicer = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        await servicer.set("a", health_pb2.HealthCheckResponse.SERVING)
        port = server.add_insecure_port("localhost:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            print((await stub.Check(health_pb2.HealthCheckRequest(service="a"), timeout=30)).status)
            try:
                await stub.Check(health_pb2.HealthCheckRequest(service="b"), timeout=30)
            except grpc.RpcError as error:
                print(error.code().name)
            watch = stub.Watch(health_pb2.HealthCheckRequest(service="a"), timeout=30)
            print((await watch.read()).status)
            await servicer.set("a", health_pb2.HealthCheckResponse.NOT_SERVING)
            print((await watch.read()).status)
            watch.cancel()
        await server.stop(None)

    asyncio.run(main())
"""


@pytest.mark.parametrize("program", [HEALTH_SYNC, HEALTH_AIO], ids=["sync", "aio"])
def test_grpcio_health_checking(program: str) -> None:
    pytest.importorskip("grpc_health")
    assert hidden(program) == "1\nNOT_FOUND\n1\n2\n"


REFLECTION_SYNC = """
    from concurrent.futures import ThreadPoolExecutor
    import grpc
    import kinds_pb2, kinds_pb2_grpc
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_reflection.v1alpha import reflection
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        kinds_pb2_grpc.add_SumServicer_to_server(kinds_pb2_grpc.SumServicer(), server)
        reflection.enable_server_reflection(["kinds.Sum", reflection.SERVICE_NAME], server)
        port = server.add_insecure_port("localhost:0")
        server.start()
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            print(sorted(database.get_services()))
            service = DescriptorPool(database).FindServiceByName("kinds.Sum")
            print([method.name for method in service.methods])
        server.stop(None).wait()
"""
REFLECTION_AIO = """
    import asyncio
    import grpc
    from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc
    import kinds_pb2
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    async def main():
        server = grpc.aio.server()
        reflection.enable_server_reflection(["kinds.Sum", reflection.SERVICE_NAME], server)
        port = server.add_insecure_port("localhost:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            requests = [
                reflection_pb2.ServerReflectionRequest(list_services=""),
                reflection_pb2.ServerReflectionRequest(file_containing_symbol="kinds.Sum"),
            ]
            listed, found = [response async for response in stub.ServerReflectionInfo(requests, timeout=30)]
            print(sorted(service.name for service in listed.list_services_response.service))
            (file,) = found.file_descriptor_response.file_descriptor_proto
            print([method.name for method in FileDescriptorProto.FromString(file).service[0].method])
        await server.stop(None)

    asyncio.run(main())
"""


@pytest.mark.parametrize("program", [REFLECTION_SYNC, REFLECTION_AIO], ids=["sync", "aio"])
def test_grpcio_reflection(program: str, generated: Path) -> None:
    pytest.importorskip("grpc_reflection")
    services = ["grpc.reflection.v1alpha.ServerReflection", "kinds.Sum"]
    assert hidden(program, generated) == f"{services}\n['Double', 'Count', 'Add', 'Running', 'Missing']\n"


def test_grpcio_status() -> None:
    pytest.importorskip("grpc_status")
    program = """
        import asyncio
        from concurrent.futures import ThreadPoolExecutor
        import grpc
        from google.protobuf import any_pb2
        from google.rpc import code_pb2, error_details_pb2, status_pb2
        from grpc_status import rpc_status

        def fail(request, context):
            detail = any_pb2.Any()
            detail.Pack(error_details_pb2.DebugInfo(detail="why"))
            rich = status_pb2.Status(code=code_pb2.NOT_FOUND, message="gone", details=[detail])
            context.abort_with_status(rpc_status.to_status(rich))

        with ThreadPoolExecutor(4) as pool:
            server = grpc.server(pool)
            handlers = {"M": grpc.unary_unary_rpc_method_handler(fail)}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", handlers),))
            port = server.add_insecure_port("localhost:0")
            server.start()
            with grpc.insecure_channel(f"localhost:{port}") as channel:
                try:
                    channel.unary_unary("/s/M")(b"", timeout=30)
                except grpc.RpcError as error:
                    rich = rpc_status.from_call(error)
                    detail = error_details_pb2.DebugInfo()
                    rich.details[0].Unpack(detail)
                    print(rich.code, rich.message, detail.detail)

            async def main():
                async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
                    call = channel.unary_unary("/s/M")(b"", timeout=30)
                    await call.code()
                    print((await rpc_status.aio.from_call(call)).message)

            asyncio.run(main())
            server.stop(None).wait()
    """
    assert hidden(program) == "5 gone why\ngone\n"


def test_grpcio_testing(generated: Path) -> None:
    pytest.importorskip("grpc_testing")
    program = """
        import logging
        import threading
        import grpc
        import grpc_testing
        import kinds_pb2, kinds_pb2_grpc
        from kinds_pb2 import Number

        logging.disable()  # it sets up logging, and tells of the handler that aborts
        SUM = kinds_pb2.DESCRIPTOR.services_by_name["Sum"]

        class Servicer(kinds_pb2_grpc.SumServicer):
            def Double(self, request, context):
                if request.value < 0:
                    context.abort(grpc.StatusCode.OUT_OF_RANGE, "negative")
                return Number(value=2 * request.value)

            def Running(self, request_iterator, context):
                for number in request_iterator:
                    yield number

        clock = grpc_testing.strict_real_time()
        server = grpc_testing.server_from_dictionary({SUM: Servicer()}, clock)
        rpc = server.invoke_unary_unary(SUM.methods_by_name["Double"], (), Number(value=4), None)
        response, metadata, code, details = rpc.termination()
        print(response.value, code, details)
        rpc = server.invoke_unary_unary(SUM.methods_by_name["Double"], (), Number(value=-4), None)
        print(*rpc.termination()[2:])
        rpc = server.invoke_stream_stream(SUM.methods_by_name["Running"], (), None)
        rpc.send_request(Number(value=7))
        print(rpc.take_response().value)
        rpc.requests_closed()
        print(rpc.termination()[1])

        channel = grpc_testing.channel([SUM], clock)
        stub = kinds_pb2_grpc.SumStub(channel)
        calls = []
        thread = threading.Thread(target=lambda: calls.append(stub.Double(Number(value=1))))
        thread.start()
        metadata, request, rpc = channel.take_unary_unary(SUM.methods_by_name["Double"])
        rpc.send_initial_metadata(())
        rpc.terminate(Number(value=request.value + 10), (), grpc.StatusCode.OK, "")
        thread.join()
        print(calls[0].value)

        def caught():
            try:
                stub.Double(Number(value=1))
            except grpc.RpcError as error:
                calls.append(error)

        thread = threading.Thread(target=caught)
        thread.start()
        _, _, rpc = channel.take_unary_unary(SUM.methods_by_name["Double"])
        rpc.terminate(None, (), grpc.StatusCode.DATA_LOSS, "lost")
        thread.join()
        print(calls[1].code(), calls[1].details(), isinstance(calls[1], grpc.Call))
    """
    assert hidden(program, generated) == (
        "8 StatusCode.OK \nStatusCode.OUT_OF_RANGE negative\n7\nStatusCode.OK\n11\nStatusCode.DATA_LOSS lost True\n"
    )


# -- putting it in place and taking it away ----------------------------------------------------------------------------


def test_an_imported_grpcio_is_an_error_unless_it_is_forced_out() -> None:
    grpcio()
    program = """
        import grpc
        real = grpc
        import grpc_core
        from grpc_core import compat
        try:
            compat.install_as_grpc()
        except compat.AlreadyImported as error:
            print(str(error).partition(", from ")[0], "|", isinstance(error, RuntimeError))
        assert not compat.is_installed()
        compat.install_as_grpc(force=True)
        compat.install_as_grpc()
        compat.install_as_grpc(force=True)
        import grpc
        import grpc.aio
        assert grpc is not real and grpc.StatusCode is grpc_core.StatusCode
        assert sys.meta_path.count(sys.meta_path[0]) == 1
        compat.uninstall()
        compat.uninstall()
        import grpc
        import grpc.aio as theirs
        assert grpc is real and theirs is real.aio and not compat.is_installed()
    """
    assert run("import sys\n" + textwrap.dedent(program)) == "grpc has been imported already | True\n"


def test_without_grpcio_it_can_be_taken_away_again() -> None:
    program = """
        import grpc, grpc.experimental
        assert compat.is_installed()
        compat.uninstall()
        assert not [name for name in sys.modules if name.split(".")[0] == "grpc"]
        try:
            import grpc
        except ModuleNotFoundError as error:
            print(error)
        compat.install_as_grpc()
        import grpc
        print(grpc.__version__)
    """
    assert hidden(program) == "grpc is hidden by the test\n1.85.3\n"


def test_it_looks_like_a_package() -> None:
    program = """
        import importlib, importlib.util, inspect, pkgutil
        import grpc
        assert importlib.util.find_spec("grpc").origin == "grpc_core.compat"
        assert list(pkgutil.iter_modules(grpc.__path__)) == []
        assert importlib.reload(grpc) is grpc
        assert {"StatusCode", "aio", "experimental", "_channel"} <= set(dir(grpc))
        assert "asyncio" not in sys.modules, "nothing is loaded before it is asked for"
        import grpc.aio as a
        assert a is grpc.aio and grpc.experimental.aio.Channel is a.Channel
        for name in ("no_such_name", "beta"):
            try:
                getattr(grpc, name)
            except AttributeError as error:
                print(error)
        try:
            import grpc.beta
        except ModuleNotFoundError as error:
            print(error)
    """
    assert hidden(program) == (
        "module 'grpc' has no attribute 'no_such_name' (it is Plait's, by grpc_core.compat)\n"
        "module 'grpc' has no attribute 'beta' (it is Plait's, by grpc_core.compat)\n"
        "grpc.beta is hidden by the test\n"
    )


def test_the_public_names_are_grpcios() -> None:
    from grpc_core.compat.names import AIO, EXPERIMENTAL, GRPC

    grpc = grpcio()
    assert sorted(GRPC) == sorted(grpc.__all__)
    assert sorted(AIO) == sorted(grpc.aio.__all__)
    assert sorted(EXPERIMENTAL) == sorted(__import__("grpc.experimental").experimental.__all__)


def test_grpcio_has_every_private_module_and_name() -> None:
    """Else a stand-in stands for nothing."""
    grpcio()
    program = """
        import importlib
        from grpc_core.compat.names import MODULES
        for module, names in MODULES.items():
            if module != "grpc.experimental.gevent":  # gevent is not installed
                theirs = importlib.import_module(module)
                print(*[f"{module}.{name}" for name in names if not hasattr(theirs, name)], sep="\\n", end="")
    """
    assert run(program) == ""


def test_tests_that_make_errors_by_private_names_get_them() -> None:
    program = """
        import grpc
        state = grpc._channel._RPCState((), None, (("k", "v"),), grpc.StatusCode.ABORTED, "no")
        try:
            raise grpc._channel._InactiveRpcError(state)
        except grpc.RpcError as error:
            print(error.code(), error.details(), error.trailing_metadata(), isinstance(error, grpc.Call))
        from grpc._cython import cygrpc
        print(cygrpc.ChannelArgKey.max_send_message_length, cygrpc.OperationType.receive_message,
              cygrpc.ReceiveMessageOperation(0).type() == 5, cygrpc.get_fork_epoch(), cygrpc.EOF is grpc.aio.EOF)
        try:
            grpc._channel._handle_event(None, None, None)
        except NotImplementedError as error:
            print(error)
        import os
        child = os.fork()
        if child == 0:
            os._exit(cygrpc.get_fork_epoch())
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), cygrpc.get_fork_epoch())
        print(grpc._common.encode("a"), grpc._common.decode(b"a"))
    """
    assert hidden(program) == (
        "StatusCode.ABORTED no (('k', 'v'),) True\n"
        "b'grpc.max_send_message_length' 5 True 0 True\n"
        "Plait has no completion queue whose events could be handled\n"
        "1 0\n"
        "b'a' a\n"
    )


# -- programs as they are ----------------------------------------------------------------------------------------------


def test_a_program_is_run_unchanged(generated: Path) -> None:
    (generated / "program.py").write_text(SUM_SYNC + "import sys\nprint(sys.argv[1:], __name__)\n")
    said = run("", generated, "-m", "grpc_core.compat", "program.py", "--flag", "x")
    assert said == SUM_SYNC_SAYS + "grpc_core\n['--flag', 'x'] __main__\n"


def test_a_module_is_run_unchanged(generated: Path) -> None:
    program = "import sys, grpc, kinds_pb2_grpc\nprint(grpc.RpcError.__module__, sys.argv[1:])\n"
    (generated / "module.py").write_text(program)
    assert run("", generated, "-m", "grpc_core.compat", "-m", "module", "x") == "grpc_core.errors ['x']\n"


def test_a_program_decides_on_its_exit_status(tmp_path: Path) -> None:
    (tmp_path / "exits.py").write_text("import grpc\nraise SystemExit(7)\n")
    run("", tmp_path, "-m", "grpc_core.compat", "exits.py", status=7)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "usage: python -m grpc_core.compat PROGRAM.py"),
        (["-m"], 2, "usage:"),
        (["--help"], 0, "usage:"),
        (["none.py"], 2, "python -m grpc_core.compat: there is no none.py\n"),
        (["-m", "no_such_module"], 2, "python -m grpc_core.compat: there is no module no_such_module\n"),
    ],
)
def test_a_command_line_that_names_nothing_says_so(
    tmp_path: Path, arguments: list[str], status: int, said: str
) -> None:
    assert run("", tmp_path, "-m", "grpc_core.compat", *arguments, status=status).startswith(said)


def test_a_missing_module_inside_the_program_is_its_own_affair(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    said = run("", tmp_path, "-m", "grpc_core.compat", "-m", "broken", status=1)
    assert "ModuleNotFoundError: No module named 'no_such_module'" in said


def test_a_star_import_gives_the_public_names_and_no_others() -> None:
    program = """
        names = {}
        exec("from grpc import *", names)
        exec("from grpc.aio import *", aio := {})
        exec("from grpc.experimental import *", experimental := {})
        import grpc
        assert sorted(set(names) - {"__builtins__"}) == sorted(grpc.__all__)
        print(len(grpc.__all__), len(aio) - 1, len(experimental) - 1)
    """
    assert hidden(program) == "64 33 10\n"


def test_every_private_name_can_be_had_and_is_one_of_grpcios() -> None:
    program = """
        import importlib
        from grpc_core.compat.names import MODULES
        for module, names in MODULES.items():
            for name in names:
                getattr(importlib.import_module(module), name)
        print(sum(map(len, MODULES.values())) > 200)
    """
    assert hidden(program) == "True\n"
