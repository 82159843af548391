"""The protoc plugin, run by protoc: what it writes is imported and used with a stand-in channel and server."""

from __future__ import annotations

import importlib
import inspect
import io
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from google.protobuf import descriptor_pb2, empty_pb2
from google.protobuf.compiler import plugin_pb2

from grpc_core.codegen import plugin
from grpc_core.methods import HandlerCallDetails, RpcMethodHandler
from grpc_core.status import StatusCode
from tests.support import modules

ROOT = Path(__file__).parents[2]
KINDS = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]

Protoc = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def protoc(tmp_path: Path) -> Protoc:
    """Runs protoc with our plugin on `.proto` files in `tmp_path`; the output goes into `tmp_path / "out"`."""
    command = tmp_path / "protoc-gen-plait"
    python = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)}"
    command.write_text(f"#!/bin/sh\n{python} -m grpc_core.codegen\n")
    command.chmod(0o755)
    out = tmp_path / "out"
    out.mkdir()

    def run(*arguments: str, options: str = "", check: bool = True, **protos: str) -> subprocess.CompletedProcess[str]:
        for name, text in protos.items():
            path = tmp_path / f"{name.replace('__', '/')}.proto"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc"),
                *(f"--plugin={command}", f"-I{tmp_path}", f"--python_out={out}", f"--pyi_out={out}"),
                *(f"--plait_out={out}", f"--plait_opt={options}"),
                *(arguments or [f"{name.replace('__', '/')}.proto" for name in protos]),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a generated module; afterwards the import system is as it was."""
    before = set(sys.modules)
    sys.path.insert(0, str(tmp_path / "out"))
    importlib.invalidate_caches()
    yield importlib.import_module
    sys.path.remove(str(tmp_path / "out"))
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


class _Channel:
    """A channel whose multi-callables are the arguments that they were asked for with."""

    def __getattr__(self, kind: str) -> Any:
        assert kind in KINDS
        return lambda path, **serializers: (kind, path, serializers)


class _Server:
    """A server that keeps what it is given."""

    def __init__(self) -> None:
        self.generic_handlers: list[Any] = []

    def add_generic_rpc_handlers(self, handlers: tuple[Any, ...]) -> None:
        self.generic_handlers += handlers

    def find(self, path: str) -> RpcMethodHandler | None:
        (generic_handler,) = self.generic_handlers
        found: RpcMethodHandler | None = generic_handler.service(HandlerCallDetails(path, ()))
        return found


class _Context:
    code: object = None
    details: object = None

    def set_code(self, code: object) -> None:
        self.code = code

    def set_details(self, details: object) -> None:
        self.details = details


ALL_KINDS = """\
    syntax = "proto3";
    package all.kinds;
    message Ask { optional string question = 1; message Inner { int32 number = 1; } }
    message Say { string answer = 1; }
    service Talk {
      rpc UnaryUnary(Ask) returns (Say);
      rpc UnaryStream(Ask) returns (stream Say);
      rpc StreamUnary(stream Ask.Inner) returns (Say);
      rpc StreamStream(stream Ask) returns (stream Ask.Inner);
    }
"""


def test_all_four_kinds(protoc: Protoc, load: Callable[[str], ModuleType]) -> None:
    protoc(all_kinds=ALL_KINDS)
    messages, generated = load("all_kinds_pb2"), load("all_kinds_pb2_grpc")
    ask, say, inner = messages.Ask(question="q"), messages.Say(answer="a"), messages.Ask.Inner(number=1)
    expected = {
        "UnaryUnary": ("unary_unary", ask, say),
        "UnaryStream": ("unary_stream", ask, say),
        "StreamUnary": ("stream_unary", inner, say),
        "StreamStream": ("stream_stream", ask, inner),
    }
    stub = generated.TalkStub(_Channel())
    assert vars(stub).keys() == expected.keys()
    servicer, server = generated.TalkServicer(), _Server()
    generated.add_TalkServicer_to_server(servicer, server)
    for name, (kind, request, response) in expected.items():
        path = f"/all.kinds.Talk/{name}"
        made_kind, made_path, serializers = getattr(stub, name)
        assert (made_kind, made_path) == (kind, path)
        assert serializers.keys() == {"request_serializer", "response_deserializer"}
        wire = serializers["request_serializer"](request)
        handler = server.find(path)
        assert handler is not None
        assert (handler.request_streaming, handler.response_streaming) == (kind[:6] == "stream", kind[-6:] == "stream")
        assert handler.request_deserializer is not None
        assert handler.request_deserializer(wire) == request, "what the stub writes the server reads"
        assert handler.response_serializer is not None
        assert serializers["response_deserializer"](handler.response_serializer(response)) == response
        assert {k: getattr(handler, k) for k in KINDS} == dict.fromkeys(KINDS) | {kind: getattr(servicer, name)}
    assert server.find("/all.kinds.Talk/Other") is None


def test_a_method_that_is_not_overridden_is_unimplemented(protoc: Protoc, load: Callable[[str], ModuleType]) -> None:
    protoc(all_kinds=ALL_KINDS)
    servicer = load("all_kinds_pb2_grpc").TalkServicer()
    for name in ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream"):
        context = _Context()
        with pytest.raises(NotImplementedError, match="Method not implemented!"):
            getattr(servicer, name)(None, context)
        assert (context.code, context.details) == (StatusCode.UNIMPLEMENTED, "Method not implemented!")


def test_names_of_every_sort(protoc: Protoc, load: Callable[[str], ModuleType]) -> None:
    """Nested folders, a dash in a file name, well-known types, keywords in all places, no package, no methods."""
    protoc(
        "names/deep-er/service.proto",
        "names/messages.proto",
        "names/import/odd.proto",
        **{
            "names__messages": """\
                syntax = "proto3";
                package names.v1;
                message None { message Inner { message True {} } }
                message Plain {}
            """,
            "names__import__odd": """\
                syntax = "proto3";
                message Odd {}
            """,
            "names__deep-er__service": """\
                syntax = "proto3";
                import "google/protobuf/empty.proto";
                import "names/messages.proto";
                import "names/import/odd.proto";
                message Own {}
                service Empty {}
                service class {
                  rpc import(google.protobuf.Empty) returns (Own);
                  rpc import_(.names.v1.Plain) returns (.names.v1.None);
                  rpc match(.names.v1.None.Inner.True) returns (Odd);
                }
            """,
        },
    )
    generated = load("names.deep_er.service_pb2_grpc")
    own = load("names.deep_er.service_pb2")
    messages, odd = load("names.messages_pb2"), load("names.import.odd_pb2")
    server = _Server()
    generated.add_classServicer_to_server(generated.classServicer(), server)
    none = getattr(messages, "None")
    for method, request, response in (
        ("import", empty_pb2.Empty, own.Own),
        ("import_", messages.Plain, none),
        ("match", getattr(none.Inner, "True"), odd.Odd),
    ):
        handler = server.find(f"/class/{method}")
        assert handler is not None
        assert handler.request_deserializer is not None
        assert type(handler.request_deserializer(b"")) is request
        assert handler.response_serializer == response.SerializeToString
    paths = {name: path for name, (_, path, _) in vars(generated.classStub(_Channel())).items()}
    assert paths == {"import__": "/class/import", "import_": "/class/import_", "match": "/class/match"}
    assert vars(generated.EmptyStub(_Channel())) == {}
    server = _Server()
    generated.add_EmptyServicer_to_server(generated.EmptyServicer(), server)
    assert server.find("/Empty/Any") is None


def test_relative_imports(protoc: Protoc, load: Callable[[str], ModuleType], tmp_path: Path) -> None:
    protoc(
        "top.proto",
        "sub/other.proto",
        "sub/deeper/service.proto",
        options="relative_imports",
        top="""\
                syntax = "proto3";
                message Top {}
            """,
        sub__other="""\
                syntax = "proto3";
                message Other {}
            """,
        sub__deeper__service="""\
                syntax = "proto3";
                import "google/protobuf/empty.proto";
                import "top.proto";
                import "sub/other.proto";
                message Own {}
                service Relative { rpc A(Top) returns (Other); rpc B(Own) returns (google.protobuf.Empty); }
            """,
    )
    text = (tmp_path / "out/sub/deeper/service_pb2_grpc.py").read_text()
    assert [line for line in text.splitlines() if "_pb2 as" in line] == [
        "from . import service_pb2 as sub_dot_deeper_dot_service__pb2",
        "from .. import other_pb2 as sub_dot_other__pb2",
        "from ... import top_pb2 as top__pb2",
        "from google.protobuf import empty_pb2 as google_dot_protobuf_dot_empty__pb2",
    ]


def test_relative_imports_through_a_folder_that_is_a_keyword(protoc: Protoc, tmp_path: Path) -> None:
    protoc(
        options="relative_imports",
        keyword__is__service="""\
            syntax = "proto3";
            message Own {}
            service S { rpc A(Own) returns (Own); }
        """,
        keyword__service="""\
            syntax = "proto3";
            import "keyword/is/service.proto";
            service T { rpc A(Own) returns (Own); }
        """,
    )
    text = (tmp_path / "out/keyword/service_pb2_grpc.py").read_text()
    line = 'keyword_dot_is_dot_service__pb2 = importlib.import_module(".is.service_pb2", __package__)'
    assert line in text.splitlines()
    text = (tmp_path / "out/keyword/is/service_pb2_grpc.py").read_text()
    line = 'keyword_dot_is_dot_service__pb2 = importlib.import_module(".service_pb2", __package__)'
    assert line in text.splitlines()


def test_comments_become_docstrings(protoc: Protoc, load: Callable[[str], ModuleType]) -> None:
    protoc(
        comments=r'''
            syntax = "proto3";
            message M {}
            // Talks, with """quotes""" and a \ backslash.
            //
            //   - indented "list"
            // End.
            service Talk {
              // One {line}.
              rpc Before(M) returns (M);
              rpc Behind(M) returns (M);  // Ends in a "quote"
              /* Old. */
              rpc Old(M) returns (M) { option deprecated = true; }
              rpc Bare(M) returns (M);
              //
              rpc Blank(M) returns (M);
            }
            service Gone { option deprecated = true; }
        '''
    )
    generated = load("comments_pb2_grpc")
    for class_ in (generated.TalkStub, generated.TalkServicer):
        assert inspect.getdoc(class_) == 'Talks, with """quotes""" and a \\ backslash.\n\n  - indented "list"\nEnd.'
    documented = {
        name: inspect.getdoc(getattr(generated.TalkServicer, name))
        for name in ("Before", "Behind", "Old", "Bare", "Blank")
    }
    assert documented == {
        "Before": "One {line}.",
        "Behind": 'Ends in a "quote"',
        "Old": "Old.\n\nDeprecated.",
        "Bare": None,
        "Blank": None,
    }
    assert inspect.getdoc(generated.GoneStub) == "Deprecated."


@pytest.mark.parametrize("edition", ["2023", "2024"])
def test_editions(protoc: Protoc, load: Callable[[str], ModuleType], edition: str) -> None:
    text = f'edition = "{edition}"; package e{edition}; message M {{}} service S {{ rpc A(M) returns (M); }}'
    protoc(**{f"edition_{edition}": text})
    assert load(f"edition_{edition}_pb2_grpc").SStub(_Channel()).A[1] == f"/e{edition}.S/A"


def test_a_file_without_services_gives_no_file(protoc: Protoc, tmp_path: Path) -> None:
    protoc(messages_only='syntax = "proto3"; message OnlyMessage {}')
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "messages_only_pb2.py",
        "messages_only_pb2.pyi",
    ]


@pytest.mark.parametrize("options", ["relativ_imports", "relative_imports,mode=async", "relative_imports=yes"])
def test_an_unknown_option_is_an_error_that_names_it(protoc: Protoc, options: str) -> None:
    done = protoc(options=options, check=False, all_kinds=ALL_KINDS)
    assert done.returncode != 0
    wrong = options.split(",")[-1]
    assert f"unknown option {wrong!r}: protoc-gen-plait has the option relative_imports" in done.stderr


def test_the_committed_example_is_what_the_plugin_writes(protoc: Protoc, tmp_path: Path) -> None:
    protoc(options="relative_imports", helloworld=(ROOT / "examples/protos/helloworld.proto").read_text())
    written = (tmp_path / "out/helloworld_pb2_grpc.py").read_bytes()
    assert written == (ROOT / "examples/helloworld/helloworld_pb2_grpc.py").read_bytes()


def test_the_committed_messages_are_those_of_the_proto(protoc: Protoc, tmp_path: Path) -> None:
    """`*_pb2.py` differs from protoc to protoc, the descriptor inside does not."""
    protoc(helloworld=(ROOT / "examples/protos/helloworld.proto").read_text())
    serialized = [
        next(line for line in path.read_text().splitlines() if line.startswith("DESCRIPTOR ="))
        for path in (tmp_path / "out/helloworld_pb2.py", ROOT / "examples/helloworld/helloworld_pb2.py")
    ]
    assert serialized[0] == serialized[1]


def test_the_committed_example_is_a_package_that_imports_itself() -> None:
    generated = importlib.import_module("examples.helloworld.helloworld_pb2_grpc")
    _, path, serializers = generated.GreeterStub(_Channel()).SayHello
    assert path == "/helloworld.Greeter/SayHello"
    assert serializers["response_deserializer"](b"\n\x05hello").message == "hello"


# --- Types ------------------------------------------------------------------------------------------------------------

USE = """\
from collections.abc import AsyncIterator, Iterator

import grpc_core as grpc
from all_kinds_pb2 import Ask, Say
from all_kinds_pb2_grpc import TalkAsyncStub, TalkServicer, TalkStub, add_TalkServicer_to_server


class AsyncTalk(TalkServicer):
    async def UnaryUnary(self, request: Ask, context: grpc.aio.ServicerContext[Ask, Say]) -> Say:
        return Say(answer=request.question)

    async def UnaryStream(self, request: Ask, context: grpc.aio.ServicerContext) -> AsyncIterator[Say]:
        yield Say()

    async def StreamUnary(
        self, request_iterator: AsyncIterator[Ask.Inner], context: grpc.aio.ServicerContext
    ) -> Say:
        return Say(answer=str([inner.number async for inner in request_iterator]))

    async def StreamStream(self, request_iterator: AsyncIterator[Ask], context: grpc.aio.ServicerContext) -> None:
        await context.write(Ask.Inner())


class Talk(TalkServicer):
    def UnaryUnary(self, request: Ask, context: grpc.ServicerContext) -> Say:
        context.abort(grpc.StatusCode.ABORTED, request.question)

    def UnaryStream(self, request: Ask, context: grpc.ServicerContext) -> Iterator[Say]:
        yield Say()

    def StreamUnary(self, request_iterator: Iterator[Ask.Inner], context: grpc.ServicerContext) -> Say:
        return Say(answer=str([inner.number for inner in request_iterator]))

    def StreamStream(self, request_iterator: Iterator[Ask], context: grpc.ServicerContext) -> Iterator[Ask.Inner]:
        return (Ask.Inner(number=len(request.question)) for request in request_iterator)


def serve(server: grpc.Server, aio_server: grpc.aio.Server) -> None:
    add_TalkServicer_to_server(Talk(), server)
    add_TalkServicer_to_server(AsyncTalk(), aio_server)


def blocking() -> str:
    with grpc.insecure_channel("localhost:1") as channel:
        stub = TalkStub(channel)
        reveal_type(stub.UnaryUnary(Ask(question="q"), timeout=1))
        reveal_type(stub.UnaryUnary.with_call(Ask())[0])
        reveal_type(stub.UnaryUnary.future(Ask()).result())
        reveal_type([say for say in stub.UnaryStream(Ask())])
        reveal_type(stub.StreamUnary(request_iterator=iter([Ask.Inner()])))
        reveal_type([inner.number for inner in stub.StreamStream(iter([Ask()]))])
        stub.UnaryStream(Ask()).cancel()
        return annotated(stub)


def annotated(stub: TalkStub) -> str:
    return stub.UnaryUnary(Ask()).answer


async def asynchronous() -> str:
    async with grpc.aio.insecure_channel("localhost:1") as channel:
        stub: TalkAsyncStub = TalkStub(channel)
        reveal_type(await stub.UnaryUnary(Ask(question="q"), timeout=1))
        reveal_type([say async for say in TalkStub(channel).UnaryStream(Ask())])
        reveal_type(await stub.StreamUnary([Ask.Inner()]))
        reveal_type([inner.number async for inner in stub.StreamStream()])
        return (await TalkAsyncStub(channel).UnaryUnary(Ask())).answer
"""

REVEALED = ["Say", "Say", "Say", "list[Say]", "Say", "list[int]", "Say", "list[Say]", "Say", "list[int]"]

WRONG = """\
from collections.abc import AsyncIterator, Iterator

import grpc_core as grpc
from all_kinds_pb2 import Ask, Say
from all_kinds_pb2_grpc import TalkAsyncStub, TalkServicer, TalkStub


class Talk(TalkServicer):
    def UnaryUnary(self, request: Ask, context: grpc.ServicerContext) -> Ask:  # wrong
        return request

    def StreamUnary(self, request_iterator: Iterator[Ask], context: grpc.ServicerContext) -> Say:  # wrong
        return Say()


async def call(channel: grpc.Channel, aio_channel: grpc.aio.Channel) -> None:
    TalkStub(channel).UnaryUnary(Say())  # wrong
    TalkStub(channel).UnaryUnary(Ask(), 1.0).number  # wrong
    TalkStub(channel).Other(Ask())  # wrong
    await TalkStub(channel).UnaryUnary(Ask())  # wrong
    TalkStub(aio_channel).UnaryUnary(Ask()).answer  # wrong
    stub: TalkAsyncStub = TalkStub(channel)  # wrong
    TalkStub("localhost:1")  # wrong
    grpc.insecure_chanel("localhost:1")  # wrong
    grpc.aio.insecure_chanel("localhost:1")  # wrong
"""


class Checked(NamedTuple):
    """What a type checker says of one file: the types it reveals, and the lines on which it finds an error."""

    revealed: list[str]
    wrong: list[int]
    text: str


def _mypy(folder: Path, file: str) -> Checked:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent"),
            *(str(folder / file), str(folder / "all_kinds_pb2_grpc.py")),
        ],
        env=dict(os.environ, MYPYPATH=os.pathsep.join([str(folder), str(ROOT)])),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
    )
    text = done.stdout + done.stderr
    revealed = re.findall(r'Revealed type is "(.*)"', text)
    return Checked(revealed, [int(line) for line in re.findall(r":(\d+): error:", text)], text)


def _pyright(folder: Path, file: str) -> Checked:
    command = modules.required_command("pyright", "pyright")
    config = {"include": ["."], "extraPaths": [str(folder), str(ROOT)], "typeCheckingMode": "strict"}
    # protoc's own *.pyi has private names in it, and `reveal_type` is not to be called.
    config |= {"reportPrivateUsage": False, "reportUnusedVariable": False, "reportUnusedCoroutine": False}
    config |= {"reportUnusedExpression": False, "reportUnusedImport": False, "reportUnknownMemberType": False}
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    arguments = ["--pythonpath", sys.executable, "--outputjson", "--project", str(folder)]
    done = subprocess.run([command, *arguments], cwd=folder, capture_output=True, text=True, timeout=110)
    said = [
        report
        for report in json.loads(done.stdout)["generalDiagnostics"]
        if report["file"].endswith((f"/{file}", "/all_kinds_pb2_grpc.py"))
    ]
    revealed = [found[1] for report in said if (found := re.search(r'Type of ".*" is "(.*)"', report["message"]))]
    wrong = [report["range"]["start"]["line"] + 1 for report in said if report["severity"] == "error"]
    return Checked(revealed, wrong, done.stdout + done.stderr)


@pytest.mark.parametrize("check", [_mypy, _pyright])
def test_a_type_checker_knows_both_faces(protoc: Protoc, tmp_path: Path, check: Callable[[Path, str], Checked]) -> None:
    protoc(all_kinds=ALL_KINDS)
    (tmp_path / "out/use.py").write_text(USE)
    checked = check(tmp_path / "out", "use.py")
    assert checked.wrong == [], checked.text
    assert [re.sub(r"all_kinds_pb2\.|builtins\.", "", revealed) for revealed in checked.revealed] == REVEALED


@pytest.mark.parametrize("check", [_mypy, _pyright])
def test_a_type_checker_finds_what_is_wrong(
    protoc: Protoc, tmp_path: Path, check: Callable[[Path, str], Checked]
) -> None:
    protoc(all_kinds=ALL_KINDS)
    (tmp_path / "out/wrong.py").write_text(WRONG)
    checked = check(tmp_path / "out", "wrong.py")
    wrong = [number for number, line in enumerate(WRONG.splitlines(), 1) if line.endswith("# wrong")]
    assert sorted(set(checked.wrong)) == wrong, checked.text


# --- The filter itself ------------------------------------------------------------------------------------------------


class _Stdin(io.TextIOWrapper):
    """Standard input, at a terminal or not."""

    def __init__(self, data: bytes, at_terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data))
        self.at_terminal = at_terminal

    def isatty(self) -> bool:
        return self.at_terminal


def _main(monkeypatch: pytest.MonkeyPatch, stdin: _Stdin, *arguments: str) -> tuple[int, bytes]:
    stdout = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "argv", ["protoc-gen-plait", *arguments])
    status = plugin.main()
    stdout.flush()
    buffer: Any = stdout.buffer
    return status, buffer.getvalue()


def test_the_command_answers_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    request = plugin_pb2.CodeGeneratorRequest(
        file_to_generate=["x.proto"],
        proto_file=[
            descriptor_pb2.FileDescriptorProto(
                name="x.proto", service=[descriptor_pb2.ServiceDescriptorProto(name="Lone")]
            )
        ],
    )
    status, written = _main(monkeypatch, _Stdin(request.SerializeToString()))
    response = plugin_pb2.CodeGeneratorResponse.FromString(written)
    assert status == 0
    assert [file.name for file in response.file] == ["x_pb2_grpc.py"]
    assert response.supported_features == 3, "proto3 optional and editions"
    assert (response.minimum_edition, response.maximum_edition) == (998, 1001)


def test_the_command_explains_itself_instead_of_waiting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for stdin, arguments in ((_Stdin(b"", at_terminal=True), ()), (_Stdin(b""), ("--help",))):
        assert _main(monkeypatch, stdin, *arguments) == (2, b"")
        assert "--plait_out=OUT" in capsys.readouterr().err


def test_the_command_refuses_what_is_not_a_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main(monkeypatch, _Stdin(b"\xff\xff")) == (1, b"")
    assert "standard input is not a CodeGeneratorRequest" in capsys.readouterr().err
