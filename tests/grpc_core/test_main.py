"""`python -m grpc_core`: `call` against our server and grpcio's with its own reflection, and `serve`, as programs."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import any_pb2, descriptor_pb2
from google.protobuf.message_factory import GetMessageClass

from grpc_core import aio, reflection
from grpc_core.__main__ import main
from grpc_core.stub import service_handler
from tests.grpc_core.support import run
from tests.grpc_core.support_main import (
    EVERY_SERVER,
    Animal,
    Capture,
    Outcome,
    environment,
    grpcio_server,
    our_server,
    outcome,
    program,
)
from tests.grpc_core.support_services import describe_zoo, running


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Capture:
    return Capture(capsys)


# -- what the server has -----------------------------------------------------------------------------------------------


def test_list_is_what_is_done_without_a_command(call: Capture) -> None:
    expected = (0, "".join(f"{name}\n" for name in (*reflection.SERVICE_NAMES, "zoo.Keeper")), "")
    assert outcome(our_server, call) == expected
    assert outcome(our_server, call, "list") == expected


def test_list_of_a_grpcio_server(call: Capture) -> None:
    """It has only v1alpha, so the first question is asked in vain."""
    assert outcome(grpcio_server, call, "list") == (0, "zoo.Keeper\n", "")


SERVICE_TEXT = """\
// zoo.Keeper
service Keeper {
  rpc Unary (zoo.Animal) returns (zoo.Animal);
  rpc Out (zoo.Animal) returns (stream zoo.Animal);
  rpc In (stream zoo.Animal) returns (zoo.Animal);
  rpc Both (stream zoo.Animal) returns (stream zoo.Animal);
}
"""
MESSAGE_TEXT = """\
// zoo.Animal
message Animal {
  string name = 1;
  int32 legs = 2;
  zoo.left.Side side = 3;
  zoo.Kind kind = 4;
  repeated string friends = 5;
  map<string, int32> ages = 6;
  oneof food {
    string meat = 7;
    int32 plants = 8;
  }
  optional string nick = 9;
}
"""


@EVERY_SERVER
@pytest.mark.parametrize(
    ("symbol", "text"),
    [
        ("zoo.Keeper", SERVICE_TEXT),
        (".zoo.Keeper", SERVICE_TEXT),
        ("zoo.Animal", MESSAGE_TEXT),
        ("zoo.Kind", "// zoo.Kind\nenum Kind {\n  WILD = 0;\n  TAME = 1;\n}\n"),
        ("zoo.base.Open", "// zoo.base.Open\nmessage Open {\n  optional string name = 1;\n}\n"),
    ],
)
def test_describe_a_symbol(make_server: Callable[[], Any], call: Capture, symbol: str, text: str) -> None:
    assert outcome(make_server, call, "describe", symbol) == (0, text, "")


def test_describe_a_method(call: Capture) -> None:
    expected = "// zoo.Keeper.Out\nrpc Out (zoo.Animal) returns (stream zoo.Animal);\n"
    assert outcome(our_server, call, "describe", "zoo.Keeper.Out") == (0, expected, "")


@EVERY_SERVER
def test_describe_all_services(make_server: Callable[[], Any], call: Capture) -> None:
    exit_code, text, error = outcome(make_server, call, "describe")
    assert (exit_code, error) == (0, "")
    assert text.endswith(SERVICE_TEXT)


# -- calls -------------------------------------------------------------------------------------------------------------


@EVERY_SERVER
@pytest.mark.parametrize(
    ("method", "data", "expected"),
    [
        ("Unary", None, [{"legs": 1}]),
        ("Unary", "", [{"legs": 1}]),
        ("Unary", '{"name": "Ämil", "legs": 3}', [{"name": "Ämil", "legs": 4}]),
        ("Out", None, []),
        ("Out", '{"legs": 2}', [{"legs": 1}, {"legs": 2}]),
        ("In", None, [{}]),
        ("In", '{"name": "a"}{"name": "b"}\n\n{"name": "c"} ', [{"friends": ["a", "b", "c"]}]),
        ("Both", None, []),
        ("Both", '{"name": "a"} {"name": "b"}', [{"name": "a"}, {"name": "b"}]),
    ],
)
def test_each_kind_of_method(
    make_server: Callable[[], Any], call: Capture, method: str, data: str | None, expected: list[Any]
) -> None:
    arguments = [] if data is None else ["-d", data]
    exit_code, text, error = outcome(make_server, call, f"zoo.Keeper/{method}", *arguments)
    assert (exit_code, error) == (0, "")
    assert [json.loads(line) for line in text.splitlines()] == expected, "one line for each message"


def test_a_slash_before_the_method_does_no_harm(call: Capture) -> None:
    assert outcome(our_server, call, "/zoo.Keeper/Unary") == (0, '{"legs": 1}\n', "")


@EVERY_SERVER
def test_metadata_reaches_the_method(make_server: Callable[[], Any], call: Capture) -> None:
    headers = ["-H", "X-A: one: two", "-H", "x-a:3", "-H", "x-b-bin: AP8"]
    exit_code, text, _ = outcome(make_server, call, "zoo.Keeper/Unary", "-d", '{"name": "metadata"}', *headers)
    assert exit_code == 0
    assert json.loads(text)["friends"] == ["x-a='3'", "x-a='one: two'", r"x-b-bin=b'\x00\xff'"]


def test_the_message_may_come_from_a_file(call: Capture, tmp_path: Any) -> None:
    file = tmp_path / "messages"
    file.write_text('{"name": "ä"}\n{"name": "b"}', encoding="utf-8")
    assert outcome(our_server, call, "zoo.Keeper/In", "-d", f"@{file}") == (0, '{"friends": ["ä", "b"]}\n', "")


def server_of_boxes() -> Any:
    """`box.Boxes/Open` takes a `box.Box` with a google.protobuf.Any in it, and sends it back."""
    file = descriptor_pb2.FileDescriptorProto(
        name="box.proto", package="box", syntax="proto3", dependency=["google/protobuf/any.proto"]
    )
    box = file.message_type.add(name="Box")
    for number, (name, label) in enumerate((("inside", 1), ("more", 3)), 1):
        box.field.add(name=name, number=number, type=11, type_name=".google.protobuf.Any", label=label)
    file.service.add(name="Boxes").method.add(name="Open", input_type=".box.Box", output_type=".box.Box")
    pool = describe_zoo()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    boxes = pool.FindServiceByName("box.Boxes")
    box_class: Any = GetMessageClass(boxes.methods[0].input_type)

    class Boxes:
        async def Open(self, request: Any, context: Any) -> Any:
            if request.more:
                response = box_class()
                response.inside.Pack(box_class(more=[{"type_url": "x/zoo.left.Side", "value": b"\n\x03\n\x01o"}]))
                return response
            if not request.HasField("inside"):
                return box_class(more=[{"type_url": "x/no.Such", "value": b""}])
            if request.inside.Is(Animal.DESCRIPTOR):
                return box_class(inside={"type_url": "x/zoo.Animal", "value": b"\xff"})
            return request

    server = aio.server()
    server.add_generic_rpc_handlers((service_handler(boxes, Boxes()),))
    reflection.enable_reflection([boxes], server)
    return server


def test_a_message_of_any_type_is_looked_up(call: Capture) -> None:
    """Nothing in the file of the method refers to it, so its own name is asked for."""
    inner = {"@type": "x/box.Box", "more": [{"@type": "x/zoo.left.Side", "open": {"name": "o"}}]}
    exit_code, text, error = outcome(server_of_boxes, call, "box.Boxes/Open", "-d", json.dumps({"inside": inner}))
    assert (exit_code, error) == (0, "")
    assert json.loads(text) == {"inside": inner}


def test_a_type_that_only_the_response_names_is_looked_up(call: Capture) -> None:
    exit_code, text, error = outcome(server_of_boxes, call, "box.Boxes/Open", "-d", '{"more": [{}]}')
    assert (exit_code, error) == (0, "")
    side = {"@type": "x/zoo.left.Side", "open": {"name": "o"}}
    assert json.loads(text) == {"inside": {"@type": "type.googleapis.com/box.Box", "more": [side]}}


def test_a_message_of_a_type_that_nobody_knows(call: Capture) -> None:
    exit_code, _, error = outcome(server_of_boxes, call, "box.Boxes/Open", "-d", '{"inside": {"@type": "x/no.Such"}}')
    assert exit_code == 2
    assert "-d, document 1 is not a box.Box: " in error
    exit_code, _, error = outcome(server_of_boxes, call, "box.Boxes/Open")
    assert exit_code == 1
    assert error.startswith("INTERNAL: a response cannot be written as JSON: ")
    exit_code, _, error = outcome(
        server_of_boxes, call, "box.Boxes/Open", "-d", '{"inside": {"@type": "x/zoo.Animal", "name": "a"}}'
    )
    assert exit_code == 1
    assert error.startswith("INTERNAL: a response cannot be written as JSON: "), "what is in it cannot be read"


# -- what goes wrong: the server ---------------------------------------------------------------------------------------


@EVERY_SERVER
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["zoo.Keeper/Unary", "-d", '{"name": "bad"}'], (1, "", "FAILED_PRECONDITION: bad\\nanimal\n")),
        (
            ["zoo.Keeper/Out", "-d", '{"name": "bad", "legs": 1}'],
            (1, '{"name": "bad", "legs": 1}\n', "DATA_LOSS: no more\n"),
        ),
        (
            ["zoo.Keeper/Unary", "-d", '{"name": "slow"}', "--timeout", "0.3"],
            (1, "", "DEADLINE_EXCEEDED: Deadline Exceeded\n"),
        ),
        (
            ["zoo.Keeper/Nothing"],
            (1, "", "NOT_FOUND: zoo.Keeper has no method 'Nothing'; it has Unary, Out, In, Both\n"),
        ),
        (["zoo.Animal/Unary"], (1, "", "NOT_FOUND: zoo.Animal is not a service\n")),
        (
            ["describe", "zoo.Animal.name"],
            (1, "", "NOT_FOUND: zoo.Animal.name is not a service, a method, a message or an enum\n"),
        ),
    ],
)
def test_a_status_is_one_line_and_exit_code_1(
    make_server: Callable[[], Any], call: Capture, arguments: list[str], expected: Outcome
) -> None:
    assert outcome(make_server, call, *arguments) == expected


@EVERY_SERVER
@pytest.mark.parametrize("arguments", [["describe", "no.Thing"], ["no.Thing/Method"]])
def test_an_unknown_name_is_not_found(make_server: Callable[[], Any], call: Capture, arguments: list[str]) -> None:
    exit_code, text, error = outcome(make_server, call, *arguments)
    assert (exit_code, text) == (1, "")
    assert re.fullmatch("NOT_FOUND: .*\n", error, re.IGNORECASE)


def test_a_server_without_reflection(call: Capture) -> None:
    assert outcome(aio.server, call) == (
        1,
        "",
        "UNIMPLEMENTED: the server has no reflection, so what it has is unknown\n",
    )


# -- what goes wrong: the user -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["zoo.Keeper/Unary", "-d", '{"name": 5}'], r"-d, document 1 is not a zoo\.Animal: "),
        (["zoo.Keeper/In", "-d", '{} {"no": 5}'], r"-d, document 2 is not a zoo\.Animal: .*no field named"),
        (["zoo.Keeper/Unary", "-d", "5"], r"-d, document 1 is not a zoo\.Animal: "),
        (["zoo.Keeper/Unary", "-d", "null"], r"-d, document 1 is not a zoo\.Animal: "),
        (["zoo.Keeper/Unary", "-d", '["a"]'], r"-d, document 1 is not a zoo\.Animal: "),
        (["zoo.Keeper/Unary", "-d", '"name"'], r"-d, document 1 is not a zoo\.Animal: "),
        (["zoo.Keeper/Unary", "-d", "{}{}"], "-d has 2 JSON documents; Unary takes one message"),
        (["zoo.Keeper/Unary", "-d", '{"name"'], "-d is not JSON: Expecting ':' delimiter: line 1 column 8"),
        (["zoo.Keeper/Unary", "-d", "[" * 100_000], "-d is nested too deeply"),
        (["zoo.Keeper/Unary", "-d", "@no-such-file"], "-d @no-such-file: No such file or directory"),
        (["zoo.Keeper/Unary", "-H", "colonless"], "-H 'colonless' is not 'key: value'"),
        (["zoo.Keeper/Unary", "-H", "a b: c"], "-H 'a b: c': metadata was invalid"),
        (["zoo.Keeper/Unary", "-H", "a-bin: *"], "-H 'a-bin: \\*': the value of a key that ends in -bin is base64"),
        (["zoo.Keeper/Unary", "--timeout", "soon"], "--timeout 'soon' is not a number of seconds above 0"),
        (["zoo.Keeper/Unary", "--timeout", "0"], "--timeout '0' is not a number of seconds above 0"),
        (["zoo.Keeper/Unary", "--timeout", "nan"], "--timeout 'nan' is not a number of seconds above 0"),
        (["list", "-d", "{}"], "-d is for calls; list sends nothing"),
        (["list", "zoo.Keeper"], "'zoo.Keeper' is one argument too many"),
        (["zoo.Keeper"], "'zoo.Keeper' is not list, describe or SERVICE/METHOD"),
    ],
)
def test_what_the_user_got_wrong_is_one_line_and_exit_code_2(call: Capture, arguments: list[str], reason: str) -> None:
    exit_code, text, error = outcome(our_server, call, *arguments)
    assert (exit_code, text) == (2, "")
    assert re.fullmatch(f"{reason}.*\n", error), error


def test_a_file_that_is_no_text(call: Capture, tmp_path: Any) -> None:
    file = tmp_path / "messages"
    file.write_bytes(b"\xff\xfe")
    exit_code, _, error = outcome(our_server, call, "zoo.Keeper/In", "-d", f"@{file}")
    assert exit_code == 2
    assert "codec can't decode byte 0xff" in error


def test_a_malformed_target_and_an_unknown_option(call: Capture) -> None:
    async def main() -> None:
        assert await call("localhost:port", "list") == (2, "", "target 'localhost:port': 'port' is not a port\n")
        exit_code, _, error = await call("localhost:1", "--nonsense")
        assert exit_code == 2
        assert "unrecognized arguments: --nonsense" in error

    run(main())


# -- what goes wrong: the way there ------------------------------------------------------------------------------------


def test_nobody_listens(call: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        target = f"127.0.0.1:{taken.getsockname()[1]}"

    async def main() -> None:
        exit_code, text, error = await call(target, "list")
        assert (exit_code, text) == (3, "")
        assert re.fullmatch(f"no connection to {target}: failed to connect .* Connection refused\n", error), error

    run(main())


def test_who_listens_says_nothing(call: Capture) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            target = f"127.0.0.1:{silent.getsockname()[1]}"
            assert await call(target, "list", "--timeout", "0.2") == (
                3,
                "",
                f"no connection to {target}: Deadline Exceeded\n",
            )

    run(main())


def test_who_listens_speaks_http_1(call: Capture) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await reader.read()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        exit_code, _, error = await call(f"127.0.0.1:{port}", "list")
        server.close()
        assert exit_code == 3
        assert error.count("\n") == 1
        assert "HTTP/1" in error

    run(main())


# -- as programs -------------------------------------------------------------------------------------------------------


def test_demo_shows_two_calls(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    text = capsys.readouterr().out
    assert "==> the reply: 'Hello world'" in text
    assert "==> the error: StatusCode.INVALID_ARGUMENT, 'say who you are'" in text


def test_standard_input_and_a_terminal_without_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")

    async def main() -> None:
        async with (
            running(our_server()) as port,
            program("call", f"127.0.0.1:{port}", "zoo.Keeper/Both", "-d", "-") as caller,
        ):
            assert await caller.communicate('{"name": "ä"}\n{"name": "b"}'.encode()) == (
                b'{"name": "\\u00e4"}\n{"name": "b"}\n',
                b"",
            )
            assert caller.returncode == 0

    run(main())


def test_ctrl_c_ends_a_call_without_a_traceback() -> None:
    async def main() -> None:
        async with (
            running(our_server()) as port,
            program("call", f"127.0.0.1:{port}", "zoo.Keeper/Out", "-d", '{"legs": 1000000000}') as caller,
        ):
            await caller.stdout.readline()
            caller.send_signal(signal.SIGINT)
            while await caller.stdout.read(1 << 16):
                pass
            assert await caller.stderr.read() == b""
            await caller.wait()
            assert caller.returncode == 130

    run(main())


def test_a_reader_that_has_enough_ends_a_call_without_a_traceback() -> None:
    async def main() -> None:
        async with running(our_server()) as port:
            arguments = f"call 127.0.0.1:{port} zoo.Keeper/Out -d '{{\"legs\": 1000000000}}'"
            process = await asyncio.create_subprocess_shell(
                f"{sys.executable} -m grpc_core {arguments} | head -n 2",
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(),
            )
            assert await process.communicate() == (b'{"legs": 1}\n{"legs": 2}\n', b"")

    run(main())
