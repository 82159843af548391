"""Every public name of grpcio, and every signature, is here too; what differs stands in a table with its reason.

The tables are shown in docs/migration.md, which this file checks. A row for something that no longer differs fails.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grpc_core.compat.names import PUBLIC
from tests.support.modules import grpcio

ROOT = Path(__file__).parents[2]
OURS = {"grpc": "grpc_core", "grpc.aio": "grpc_core.aio", "grpc.experimental": "grpc_core.experimental"}

OPAQUE = "made by functions only; what is inside is nobody's business there or here"

DIFFERENCES: dict[str, tuple[str, str]] = {
    # what: (here, the reason)
    "CallCredentials.__init__": ("other parameters", OPAQUE),
    "ChannelCredentials.__init__": ("other parameters", OPAQUE),
    "ServerCredentials.__init__": ("other parameters", OPAQUE),
    "ServerCertificateConfiguration.__init__": ("other parameters", OPAQUE),
    "aio.InterceptedUnaryUnaryCall.__init__": ("other parameters", OPAQUE),
    "HandlerCallDetails.__init__": ("a named tuple", "there a `typing.Protocol`, which cannot be made"),
    "alts_channel_credentials": ("raises NotImplementedError", "ALTS is Google's, and only there"),
    "alts_server_credentials": ("raises NotImplementedError", "ALTS is Google's, and only there"),
    "experimental.ssl_channel_credentials_with_custom_signer": (
        "raises NotImplementedError",
        "Python's `ssl` needs the private key itself",
    ),
    "aio.Channel": (
        "can be made as it is",
        "an abstract class there; a fake may subclass it and override what it needs",
    ),
    "aio.Server": (
        "can be made as it is",
        "an abstract class there; a fake may subclass it and override what it needs",
    ),
    "aio.ServicerContext": ("can be made as it is", "an abstract class there; made by the server"),
    "aio.UnaryUnaryMultiCallable": ("can be made as it is", "an abstract class there; made by the channel"),
    "aio.UnaryStreamMultiCallable": ("can be made as it is", "an abstract class there; made by the channel"),
    "aio.StreamUnaryMultiCallable": ("can be made as it is", "an abstract class there; made by the channel"),
    "aio.StreamStreamMultiCallable": ("can be made as it is", "an abstract class there; made by the channel"),
}


def _short(module: str, name: str) -> str:
    """How the tables call a name: `aio.Channel`, `insecure_channel`."""
    return ".".join([*module.split(".")[1:], name])


def _parameters(function: Any) -> list[tuple[str, str, str]]:
    """(name, kind, default) of each parameter, but for those that are private to the library."""
    none = inspect.Parameter.empty
    return [
        (parameter.name, parameter.kind.name, "" if parameter.default is none else repr(parameter.default))
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name == "_registered_method" or not parameter.name.startswith("_")
    ]


def _methods(class_: type) -> dict[str, Any]:
    """The functions of a class that have a public name, its own and those it inherits."""
    return {
        name: value
        for base in reversed(class_.__mro__[:-1])
        for name, value in vars(base).items()
        if inspect.isfunction(value) and (name in ("__init__", "__call__") or not name.startswith("_"))
    }


def _compared(module: str, name: str) -> Iterator[tuple[str, str]]:
    """(what, how it differs) for a public name of grpcio."""
    theirs, ours = (getattr(importlib.import_module(where), name, None) for where in (module, OURS[module]))
    what = _short(module, name)
    if ours is None:
        yield what, "missing"
    elif inspect.isclass(theirs):
        if not inspect.isclass(ours):
            yield what, "no class"
            return
        abstract, ours_abstract = (getattr(class_, "__abstractmethods__", frozenset()) for class_ in (theirs, ours))
        if extra := sorted(ours_abstract - abstract):
            yield what, f"must override {extra}"
        if abstract and not ours_abstract:
            yield what, "can be made as it is"
        methods = _methods(ours)
        for method, function in _methods(theirs).items():
            if method not in methods:
                yield f"{what}.{method}", "missing"
            elif _parameters(function) != _parameters(methods[method]):
                yield f"{what}.{method}", "other parameters"
    elif callable(theirs) and _parameters(theirs) != _parameters(ours):
        yield what, "other parameters"


def test_every_name_and_signature_is_grpcios_or_has_a_reason() -> None:
    grpcio()
    found = {what: how for module in OURS for name in PUBLIC[module] for what, how in _compared(module, name)}
    raising = {what for what, (how, _) in DIFFERENCES.items() if how.startswith("raises")}
    # The constructor of a class that is a `Protocol` there; a named tuple has none of its own.
    if found.get("HandlerCallDetails.__init__") == "missing":
        found["HandlerCallDetails.__init__"] = "a named tuple"
    assert found == {what: how for what, (how, _) in DIFFERENCES.items() if what not in raising}


@pytest.mark.parametrize("what", [what for what, (how, _) in DIFFERENCES.items() if how.startswith("raises")])
def test_what_is_said_to_raise_raises(what: str) -> None:
    module, _, name = f"grpc_core.{what}".rpartition(".")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    required = {
        parameter.name: None
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is inspect.Parameter.empty
    }
    with pytest.raises(NotImplementedError):
        function(**required)


@pytest.mark.parametrize("module", ["grpc_core", "grpc_core.aio", "grpc_core.experimental"])
def test_every_exported_name_is_there(module: str) -> None:
    loaded = importlib.import_module(module)
    exported = loaded.__all__
    assert len(set(exported)) == len(exported)
    assert [name for name in exported if not hasattr(loaded, name)] == []
    theirs = next(name for name, ours in OURS.items() if ours == module)
    assert sorted(set(PUBLIC[theirs]) - set(exported)) == []


def test_enumerations_have_grpcios_names_and_values() -> None:
    grpc = grpcio()
    for name in ("StatusCode", "ChannelConnectivity", "Compression", "LocalConnectionType"):
        theirs, ours = getattr(grpc, name), getattr(importlib.import_module("grpc_core"), name)
        known = [(member.name, member.value) for member in theirs]
        assert [(member.name, member.value) for member in ours][: len(known)] == known


@pytest.mark.parametrize("name", ["insecure_channel", "server", "aio.insecure_channel", "aio.server"])
def test_the_logger_has_one_null_handler(name: str) -> None:
    """Before anything can log. Asked of a new interpreter: other tests import the packages anew, and each import adds
    its handler."""
    program = f"import logging, grpc_core; grpc_core.{name}; print(*map(type, logging.getLogger('grpc_core').handlers))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.split("\n")[0] == str(logging.NullHandler)


def test_the_guide_shows_the_table() -> None:
    text = (ROOT / "docs/migration.md").read_text(encoding="utf-8")
    table = text[text.index("## Names") :].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| (.*?) \|$", table, re.MULTILINE)
    shown = {name: (how, reason) for names, how, reason in rows for name in re.findall(r"`(.*?)`", names)}
    assert shown == DIFFERENCES
