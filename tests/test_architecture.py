"""The arrows between the packages and the absence of I/O below them, read from the imports of every file.

    hpack_codec  <-  http2  <-  grpc_core  <-  interop          (arrows: "is imported by")

The rules are the table `RULES`; `violations` holds one file's text against them. That the rules can be broken is shown
by samples, each of which breaks one. What reading cannot tell, what an import loads in turn, is asked of fresh
interpreters.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

from tests.conftest import LONGEST

ROOT = Path(__file__).parent.parent

MAY_IMPORT = {
    "hpack_codec": {"hpack_codec"},
    "http2": {"hpack_codec", "http2"},
    "grpc_core": {"hpack_codec", "http2", "grpc_core", "google", "zstandard"},
    "interop": {"hpack_codec", "http2", "grpc_core", "interop", "google", "grpc", "cryptography", "h2", "httpx"},
}
"""What each package may import besides the standard library. Tests, examples, fuzz and benchmarks stand nowhere."""

ALIAS_FILES = ("grpc_core/compat/alias.py",)
"""What makes `grpc` a name of ours may import it by that name."""

WAITING_MODULES_OF = {
    "files": "fcntl fileinput io mmap os pathlib pty shutil tempfile termios",
    "the network": "asyncio asyncore ftplib http select selectors smtplib socket socketserver ssl urllib",
    "clocks": "calendar datetime sched time timeit",
    "threads and processes": "_thread concurrent contextvars multiprocessing queue signal subprocess threading",
    "logs": "logging syslog",
    "randomness": "random secrets uuid",
}
WAITING_MODULES = frozenset(name for names in WAITING_MODULES_OF.values() for name in names.split())
WAITING_BUILTINS = frozenset({"open", "print", "input", "breakpoint"})


class Where(Enum):
    """When an import is carried out."""

    MODULE = "at module level"
    FUNCTION = "in a function"
    TYPING = "for type checkers alone"


class Use(NamedTuple):
    """An import of a module, or, where `is_call` is true, a call of a builtin function."""

    name: str
    line: int
    where: Where
    is_call: bool = False

    def is_of(self, module: str) -> bool:
        return not self.is_call and (self.name == module or self.name.startswith(f"{module}."))

    @property
    def top(self) -> str:
        return self.name.split(".")[0]


# Reading.


def uses(path: str, source: str) -> list[Use]:
    """Every import in the text of the file at the path, wherever it stands, and every call of a builtin that waits."""
    return list(_uses(ast.parse(source), PurePosixPath(path).parent.parts, Where.MODULE))


def _uses(node: ast.AST, package: tuple[str, ...], where: Where) -> Iterator[Use]:
    if isinstance(node, ast.Import):
        yield from (Use(alias.name, node.lineno, where) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = [] if node.level == 0 else [*package[: len(package) - node.level + 1]]
        base += node.module.split(".") if node.module else []
        # `from grpc_core import aio` imports a module: which names are modules, the text does not say.
        yield from (Use(".".join([*base, alias.name]), node.lineno, where) for alias in node.names)
    elif isinstance(node, ast.Call):
        yield from _called(node, where)
    for name, value in ast.iter_fields(node):
        inner = where
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and name == "body":
            inner = Where.FUNCTION
        elif isinstance(node, ast.If) and name == "body" and _is_type_checking(node.test):
            inner = Where.TYPING
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _uses(child, package, inner)


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _called(node: ast.Call, where: Where) -> Iterator[Use]:
    function = ast.unparse(node.func)
    if function in WAITING_BUILTINS:
        yield Use(function, node.lineno, where, is_call=True)
    if function in ("importlib.import_module", "import_module", "__import__"):
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield Use(first.value, node.lineno, where)


# Rules.


class Rule(NamedTuple):
    """Says of a file whether the rule is for it, and of a use in such a file whether it breaks the rule."""

    reason: str
    is_for: Callable[[str], bool]
    is_broken_by: Callable[[str, Use], bool]


def _package(path: str) -> str:
    return path.split("/")[0]


PYTEST_FILES = ("grpc_core/testing/plugin.py",)
"""Loaded by pytest alone, and by name: see tests/grpc_core/test_testing_plugin.py."""


def _is_against_the_arrows(path: str, use: Use) -> bool:
    if use.top == "typing_extensions" and use.where is Where.TYPING:
        return False  # Type checkers bring it along; nobody has to install it.
    if path in ALIAS_FILES and use.name == "grpc" and use.where is Where.FUNCTION:
        return False  # By then it is Plait.
    if path in PYTEST_FILES and use.is_of("pytest"):
        return False
    return not use.is_call and use.top not in sys.stdlib_module_names and use.top not in MAY_IMPORT[_package(path)]


def _does_not_wait(path: str) -> bool:
    return _package(path) in ("hpack_codec", "http2") and not (
        path.startswith("http2/aio/") or path in ("hpack_codec/__main__.py", "http2/__main__.py")
    )


def _waits(path: str, use: Use) -> bool:
    return use.top in (WAITING_BUILTINS if use.is_call else WAITING_MODULES) or use.is_of("http2.aio")


GRPC_COMMAND_LINES = (
    "grpc_core/__main__.py",
    "grpc_core/caller.py",
    "grpc_core/channelz.py",
    "grpc_core/demo.py",
    "grpc_core/serve.py",
    "grpc_core/standard_input.py",
)
PROTOBUF_FILES = (
    "grpc_core/caller.py",
    "grpc_core/demo.py",
    "grpc_core/descriptions.py",
    "grpc_core/descriptor_set.py",
    "grpc_core/health.py",
    "grpc_core/json_messages.py",
    "grpc_core/proto_text.py",
    "grpc_core/reflection.py",
    "grpc_core/reflection_client.py",
    "grpc_core/status_details.py",
)
PROTOBUF_WHEN_ASKED_FILES = ("grpc_core/stub.py",)
BOTH_FACES_FILES = ("grpc_core/experimental/__init__.py", "grpc_core/generated.py")


def _loads_protobuf(path: str, use: Use) -> bool:
    if not use.is_of("google") or use.where is Where.TYPING:
        return False
    return use.where is Where.MODULE or path not in PROTOBUF_WHEN_ASKED_FILES


def _loads_asyncio(path: str, use: Use) -> bool:
    if path == "grpc_core/__init__.py" and use.where is not Where.MODULE:
        return use.is_of("asyncio")  # It knows `aio` and `sync` by name, and imports them when it is asked for them.
    if path in BOTH_FACES_FILES and use.where is Where.TYPING:
        return False  # It gives types to both faces, and loads neither.
    if path in ("grpc_core/credentials.py", "grpc_core/caller_arguments.py") and use.where is not Where.MODULE:
        return use.is_of("asyncio")  # TLS contexts are made when they are asked for, as http2.aio.tls says.
    return any(use.is_of(module) for module in ("asyncio", "grpc_core.aio", "grpc_core.sync", "http2.aio"))


RULES = (
    Rule("only the standard library, itself and what the arrows allow", lambda path: True, _is_against_the_arrows),
    Rule("no I/O, clock, thread, log or randomness", _does_not_wait, _waits),
    Rule(
        "no protobuf, but in codegen and, when asked for a stub, in stub.py",
        lambda path: (
            _package(path) == "grpc_core" and not path.startswith("grpc_core/codegen/") and path not in PROTOBUF_FILES
        ),
        _loads_protobuf,
    ),
    Rule(
        "no asyncio outside grpc_core/aio, its facade grpc_core/sync, grpc_core/testing and the command lines",
        lambda path: (
            _package(path) == "grpc_core"
            and not path.startswith(("grpc_core/aio/", "grpc_core/sync/", "grpc_core/testing/"))
            and path not in GRPC_COMMAND_LINES
        ),
        _loads_asyncio,
    ),
)


def violations(path: str, source: str) -> list[str]:
    """A line for each use in the file that breaks a rule. The path is relative to the repository, with slashes."""
    return [
        f"{path}:{use.line}: {'calls' if use.is_call else 'imports'} {use.name} {use.where.value}; rule: {rule.reason}"
        for rule in RULES
        if rule.is_for(path)
        for use in uses(path, source)
        if rule.is_broken_by(path, use)
    ]


# The files.


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_no_file_breaks_a_rule(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert ROOT / package / "__init__.py" in files, "the package is where the test looks for it"
    broken = [
        line
        for file in files
        for line in violations(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8"))
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    "path",
    [*GRPC_COMMAND_LINES, *PROTOBUF_FILES, *PROTOBUF_WHEN_ASKED_FILES, *PYTEST_FILES, *BOTH_FACES_FILES, *ALIAS_FILES],
)
def test_every_exception_is_for_a_file_that_exists(path: str) -> None:
    assert (ROOT / path).is_file(), f"{path} is excepted from a rule, and is not there"


def test_the_files_that_begin_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / name).is_file()] == []


BAD_SAMPLES = [
    ("hpack_codec/encoder.py", "import http2", "hpack_codec/encoder.py:1: imports http2 at module level"),
    ("hpack_codec/encoder.py", "import google.protobuf", "imports google.protobuf"),
    ("hpack_codec/encoder.py", "from http2.frames import parse", "imports http2.frames.parse"),
    ("hpack_codec/encoder.py", "from ..http2 import frames", "rule: only the standard library"),
    ("hpack_codec/explain.py", "def f():\n    print(1)", ":2: calls print in a function"),
    ("hpack_codec/decoder.py", "import hpack", "imports hpack at"),
    ("grpc_core/testing/clock.py", "import pytest", "imports pytest at"),
    ("http2/stream.py", "import grpc_core", "imports grpc_core"),
    ("http2/stream.py", "if TYPE_CHECKING:\n    from grpc_core.session import Session", "for type checkers alone"),
    ("http2/stream.py", "def f():\n    import grpc_core.aio as aio", "imports grpc_core.aio in a function"),
    ("http2/stream.py", "from typing_extensions import TypeVar", "imports typing_extensions.TypeVar at module level"),
    ("http2/stream.py", "import asyncio", "rule: no I/O"),
    ("http2/stream.py", "import os.path", "imports os.path"),
    ("http2/stream.py", "import sys, time", "imports time"),
    ("http2/stream.py", "from concurrent.futures import Future", "imports concurrent.futures.Future"),
    ("http2/stream.py", "from random import random", "imports random.random"),
    ("http2/stream.py", "try:\n    import ssl\nexcept ImportError:\n    ssl = None", ":2: imports ssl"),
    ("http2/stream.py", "class A:\n    import logging", "imports logging at module level"),
    ("http2/stream.py", "from http2.aio import serve", "imports http2.aio.serve"),
    ("http2/stream.py", "from .aio import serve", "imports http2.aio.serve"),
    ("http2/stream.py", "from . import aio", "imports http2.aio"),
    ("http2/stream.py", "text = open('file').read()", "calls open at module level"),
    ("http2/stream.py", "importlib.import_module('socket')", "imports socket"),
    ("http2/stream.py", "f = lambda: __import__('threading')", "imports threading in a function"),
    ("http2/aio/server.py", "import grpc_core.wire", "rule: only the standard library"),
    ("http2/aio/server.py", "import uvloop", "imports uvloop"),
    ("http2/__main__.py", "import interop.cli", "rule: only the standard library"),
    ("grpc_core/wire.py", "from interop import cases", "imports interop.cases"),
    ("grpc_core/wire.py", "from tests.support import pair", "imports tests.support.pair"),
    ("grpc_core/wire.py", "import grpc", "imports grpc at"),
    ("grpc_core/compat/alias.py", "import grpc", "imports grpc at module level"),
    ("grpc_core/wire.py", "from google.protobuf import message", "rule: no protobuf"),
    ("grpc_core/wire.py", "def f():\n    import google.protobuf", "imports google.protobuf in a function"),
    ("grpc_core/stub.py", "from google.protobuf import message", "imports google.protobuf.message at module level"),
    ("grpc_core/aio/call.py", "from google.protobuf import message", "rule: no protobuf"),
    ("grpc_core/calls.py", "import asyncio.events", "rule: no asyncio"),
    ("grpc_core/calls.py", "def f():\n    from asyncio import sleep", "imports asyncio.sleep in a function"),
    ("grpc_core/calls.py", "from grpc_core import aio", "imports grpc_core.aio at module level"),
    ("grpc_core/calls.py", "if TYPE_CHECKING:\n    from grpc_core import aio", "grpc_core.aio for type checkers alone"),
    ("grpc_core/generated.py", "from grpc_core import aio", "imports grpc_core.aio at module level"),
    ("grpc_core/calls.py", "from grpc_core.aio.call import Call", "imports grpc_core.aio.call.Call"),
    ("grpc_core/calls.py", "from http2.aio import transport", "imports http2.aio.transport"),
    ("grpc_core/calls.py", "from grpc_core.sync import server", "imports grpc_core.sync.server"),
    ("grpc_core/__init__.py", "from grpc_core.sync import server", "imports grpc_core.sync.server at module level"),
    ("grpc_core/sync/call.py", "from google.protobuf import message", "rule: no protobuf"),
    ("grpc_core/__init__.py", "from grpc_core import aio", "imports grpc_core.aio at module level"),
    ("grpc_core/__init__.py", "def f():\n    import asyncio", "imports asyncio in a function"),
    ("interop/matrix.py", "from tests.support import pair", "imports tests.support.pair"),
    ("interop/matrix.py", "import examples.helloworld", "imports examples.helloworld"),
    ("interop/matrix.py", "import benchmarks", "imports benchmarks"),
]


@pytest.mark.parametrize(("path", "source", "expected"), BAD_SAMPLES)
def test_a_bad_sample_is_found(path: str, source: str, expected: str) -> None:
    found = violations(path, source)
    assert any(expected in line for line in found), found


GOOD_SAMPLES = [
    ("hpack_codec/encoder.py", "import re\nfrom hpack_codec.errors import HpackError\nfrom . import huffman"),
    ("hpack_codec/__main__.py", "import os\nprint(1)"),
    ("http2/stream.py", "from hpack_codec import Field\nfrom http2 import errors\nimport struct"),
    ("http2/stream.py", "def timer(time):\n    return time.opened\n\nself.open()\n'import asyncio'"),
    ("http2/__main__.py", "def f():\n    import asyncio\n    from http2.aio import commands"),
    ("http2/stream.py", "if TYPE_CHECKING:\n    from typing_extensions import TypeVar"),
    ("http2/aio/server.py", "import asyncio, ssl, logging\nfrom .. import errors"),
    ("grpc_core/calls.py", "from http2 import Connection\nfrom hpack_codec import Field"),
    ("grpc_core/generated.py", "if TYPE_CHECKING:\n    from grpc_core import aio"),
    ("grpc_core/stub.py", "if TYPE_CHECKING:\n    import google.protobuf\ndef f():\n    import google.protobuf"),
    ("grpc_core/codegen/plugin.py", "from google.protobuf import descriptor_pb2"),
    ("grpc_core/aio/call.py", "import asyncio\nfrom http2.aio import transport"),
    ("grpc_core/sync/loop.py", "import asyncio, threading\nfrom grpc_core import aio"),
    ("grpc_core/__init__.py", "if TYPE_CHECKING:\n    from . import aio\ndef f():\n    import grpc_core.aio"),
    ("interop/peers/grpcio/client.py", "import grpc\nimport asyncio\nfrom interop import cases"),
]


@pytest.mark.parametrize(("path", "source"), GOOD_SAMPLES)
def test_a_good_sample_passes(path: str, source: str) -> None:
    assert violations(path, source) == []


# What is loaded.


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after the statement."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {"dataclasses", "inspect", "logging", "platform", "socket", "ssl", "zlib"}
"""What the standard library takes longest to load."""


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import hpack_codec", {"http2", "asyncio", "socket", "ssl", "logging", "threading"}),
        ("import http2", {"grpc_core", "http2.aio", "asyncio", "socket", "ssl", "logging", "threading"}),
        (
            "import grpc_core",
            {
                "grpc_core.aio",
                "grpc_core.sync",
                "http2",
                "hpack_codec",
                "interop",
                "asyncio",
                "google.protobuf",
                *HEAVY,
            },
        ),
        ("import grpc_core.sync", {"google.protobuf", "interop"}),
        (
            "import grpc_core.aio",
            {
                "grpc_core.aio.call",
                "grpc_core.sync",
                "http2",
                "hpack_codec",
                "interop",
                "asyncio",
                "google.protobuf",
                *HEAVY,
            },
        ),
        (
            "from grpc_core.aio import insecure_channel",
            {"grpc_core.aio.serving", "grpc_core.aio.rpc", "grpc_core.aio.context", "grpc_core.aio.intercepted"}
            | {"grpc_core.sync", "http2.aio.client", "http2.aio.server", "google.protobuf"},
        ),
        (
            "from grpc_core.aio import server",
            {"grpc_core.aio.channel", "grpc_core.aio.call", "grpc_core.aio.link", "grpc_core.aio.streaming"}
            | {"grpc_core.sync", "http2.aio.client", "http2.aio.server", "google.protobuf"},
        ),
        ("from http2.aio import connect", {"http2.aio.server", "http2.aio.site"}),
        ("from http2.aio import serve", {"http2.aio.client", "http2.aio.site"}),
        ("import interop.cli", {"hpack_codec", "http2", "grpc_core", "asyncio", "google.protobuf"}),
    ],
)
def test_an_import_loads_no_more_than_it_should(statement: str, unwanted: set[str]) -> None:
    assert loaded_by(statement) & unwanted == set()


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("import grpc_core\ngrpc_core.aio", {"grpc_core.aio"}),
        ("from grpc_core.aio import insecure_channel", {"grpc_core.aio.channel", "http2.aio.transport", "asyncio"}),
        ("from grpc_core.aio import server", {"grpc_core.aio.serving", "http2.aio.transport", "asyncio"}),
        ("from http2.aio import connect, serve", {"http2.aio.client", "http2.aio.server"}),
        ("import grpc_core\ngrpc_core.server", {"grpc_core.sync", "grpc_core.aio", "asyncio"}),
        ("import grpc_core.codegen.plugin", {"google.protobuf"}),
    ],
)
def test_what_is_loaded_is_seen(statement: str, wanted: set[str]) -> None:
    """Else the test above could not fail."""
    assert loaded_by(statement) >= wanted


@pytest.mark.parametrize("package", ["grpc_core", "grpc_core.aio", "http2.aio"])
def test_names_that_are_not_loaded_are_listed(package: str) -> None:
    """Asked of a new interpreter: in this one they may be loaded."""
    program = f"import {package} as package\nprint({{*package.__all__}} - {{*dir(package)}})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
