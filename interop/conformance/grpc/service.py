"""`grpc.testing.TestService`: what cases send to it, and what it must answer.

It is the service of gRPC's own interop tests, which every official implementation ships a server for. A server under
test needs of it EmptyCall, UnaryCall, StreamingInputCall, StreamingOutputCall and FullDuplexCall; UnimplementedCall and
UnimplementedService are there by not being there.

`reply_due` is the service as a function: from a request, as it went over the wire, to the reply. So every reply is
compared with what its own request asked for, and no case has to say it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError

from interop.conformance.grpc.calls import Call, decode_binary, field_of, values_of
from interop.conformance.script import POST, STREAM, Block, Frame, Literal, data, headers, idle, replacing
from interop.official_service import (
    ECHO_INITIAL,
    ECHO_TRAILING,
    METHODS,
    SERVICE,
    EchoStatus,
    ResponseParameters,
    SimpleRequest,
    StreamingInputCallRequest,
    StreamingOutputCallRequest,
    payload,
)

EMPTY: Final = f"/{SERVICE}/EmptyCall".encode()
UNARY: Final = f"/{SERVICE}/UnaryCall".encode()
INPUT: Final = f"/{SERVICE}/StreamingInputCall".encode()
OUTPUT: Final = f"/{SERVICE}/StreamingOutputCall".encode()
DUPLEX: Final = f"/{SERVICE}/FullDuplexCall".encode()
INITIAL: Final = ECHO_INITIAL.encode()
TRAILING: Final = ECHO_TRAILING.encode()

GRPC_FIELDS: Final[Block] = (Literal(b"te", b"trailers"), Literal(b"content-type", b"application/grpc"))


def head(path: bytes = UNARY, *extra: Literal) -> Block:
    """The fields of a request, with more of them at its end."""
    return (*replacing(POST, b":path", path), *GRPC_FIELDS, *extra)


def framed(octets: bytes = b"", flag: int = 0, length: int | None = None) -> bytes:
    """A length-prefixed message, whose prefix may lie."""
    return bytes((flag,)) + (len(octets) if length is None else length).to_bytes(4, "big") + octets


def simple(size: int = 0, body: int = 0, code: int = 0, text: str = "", **fields: Any) -> bytes:
    """A SimpleRequest: `size` octets are asked for and `body` come with it; with `code` a status is asked for."""
    request = SimpleRequest(response_size=size, **fields)
    if body:
        request.payload.CopyFrom(payload(body))
    if code:
        request.response_status.CopyFrom(EchoStatus(code=code, message=text))
    octets: bytes = request.SerializeToString()
    return octets


def output(*sizes: int, interval_us: int = 0, code: int = 0, text: str = "") -> bytes:
    """A StreamingOutputCallRequest: responses of these sizes are asked for."""
    request = StreamingOutputCallRequest()
    request.response_parameters.extend(ResponseParameters(size=size, interval_us=interval_us) for size in sizes)
    if code:
        request.response_status.CopyFrom(EchoStatus(code=code, message=text))
    octets: bytes = request.SerializeToString()
    return octets


def streamed(body: int) -> bytes:
    """A StreamingInputCallRequest with a payload of so many octets."""
    octets: bytes = StreamingInputCallRequest(payload=payload(body)).SerializeToString()
    return octets


def unary(content: bytes, *extra: Literal, path: bytes = UNARY) -> tuple[Frame, Frame]:
    """The two frames of a request whose content, prefixes and all, goes in one DATA frame."""
    return headers(idle(), *head(path, *extra)), data(STREAM, content, end_stream=True)


# -- what is due -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """What a call ends with: a status, and of each message what is in it (the octets of a payload, a sum, nothing)."""

    code: int
    text: str | None = None  # None: any
    contents: tuple[Any, ...] = ()
    initial: bytes = b""
    trailing: bytes = b""


def reply_due(request: Call) -> Reply | None:
    """What a request that was sent whole must get; None where it does not say so itself, wrong as it is."""
    name = field_of(request.head, b":path").rpartition(b"/")[2].decode("latin-1")
    kind, request_type, _ = METHODS.get(name, ("", None, None))
    if request_type is None:
        return None
    try:
        messages = [request_type.FromString(request.plain(message)) for message in request.messages]
        trailing = decode_binary(values_of(request.head, TRAILING))
    except (DecodeError, ValueError):
        return None
    if kind.startswith("unary") and len(messages) != 1:
        return None
    echoes = name in ("UnaryCall", "FullDuplexCall")
    initial = field_of(request.head, INITIAL) if echoes else b""
    contents, status = _contents(name, messages)
    code, text = (status.code, status.message) if status is not None else (0, None)
    return Reply(code, text, tuple(contents), initial, b",".join(trailing) if echoes else b"")


def _contents(name: str, messages: Sequence[Any]) -> tuple[list[Any], Any]:
    """Of each response what is in it, and the status that was asked for."""
    if name == "EmptyCall":
        return [None], None
    if name == "UnaryCall":
        status = messages[0].response_status
        return ([], status) if status.code else ([bytes(messages[0].response_size)], None)
    if name == "StreamingInputCall":
        return [sum(len(message.payload.body) for message in messages)], None
    contents: list[Any] = []
    for message in messages:
        if message.response_status.code and name == "FullDuplexCall":
            return contents, message.response_status
        contents += [bytes(parameters.size) for parameters in message.response_parameters]
    return contents, None


def content_of(path: bytes, octets: bytes) -> Any:
    """What is in a response, to be compared with what is due. Raises ValueError where it cannot be read."""
    _, _, response_type = METHODS[path.rpartition(b"/")[2].decode("latin-1")]
    try:
        response = response_type.FromString(octets)
    except DecodeError:
        raise ValueError(f"it is no {response_type.DESCRIPTOR.name}") from None
    if response_type.DESCRIPTOR.name == "Empty":
        return None
    if response_type.DESCRIPTOR.name == "StreamingInputCallResponse":
        return response.aggregated_payload_size
    return response.payload.body


def difference(request: Call, answer: Call, due: Reply) -> str:
    """What is wrong with an answer; empty when it is what is due."""
    if answer.status != due.code:
        return f"the status is {answer.status} {answer.text!r}; {due.code} is due"
    if due.text is not None and answer.text != due.text:
        return f"the message of the status is {answer.text!r}; {due.text!r} is due"
    path = field_of(request.head, b":path")
    try:
        contents = tuple(content_of(path, answer.plain(message)) for message in answer.messages)
    except ValueError as error:
        return f"a response cannot be read: {error}"
    if contents != due.contents:
        return f"the responses are {_shown(contents)}; {_shown(due.contents)} are due"
    if due.initial and due.initial not in values_of(answer.head, INITIAL):
        return f"{ECHO_INITIAL} has not come back in the initial metadata"
    if due.trailing:
        try:
            came = b",".join(decode_binary(values_of(answer.ending, TRAILING)))
        except ValueError:
            came = b""
        if came != due.trailing:
            return f"{ECHO_TRAILING} has not come back in the trailing metadata, but {came!r}"
    return ""


def _shown(contents: tuple[Any, ...]) -> str:
    said = [f"{len(content)} octets" if isinstance(content, bytes) else f"{content}" for content in contents]
    return f"[{', '.join(said)}]"
