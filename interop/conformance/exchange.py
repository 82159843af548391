"""One request and its answer: what was sent of it, what came, what a client's user was told, and what was due."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hpack_codec import FieldList
from interop.conformance.model import Behaviour, Role
from interop.conformance.wire import show

if TYPE_CHECKING:
    from interop.conformance.tester import Tester


@dataclass(frozen=True)
class Answer:
    """What a request gets: the reference that others are compared with."""

    status: int
    content: bytes


@dataclass(frozen=True)
class Target:
    """Whom the requests are for, and what is known of the answers.

    `get` is the answer to GET of `path`, `post` that to a POST of `echo_path`; with `echoes` the content of the latter
    is the request's. None: not learned yet. In the role of a server the tester answers with `get` itself.
    """

    scheme: str = "http"
    authority: str = "localhost"
    path: str = "/"
    echo_path: str = "/echo"
    hold_path: str = "/hold"
    echoes: bool = True
    get: Answer | None = None
    post: Answer | None = None

    def tester(self, role: Role, behaviour: Behaviour) -> Tester:
        """The peer of whom is tested, for one connection."""
        from interop.conformance.tester import Tester  # which builds on this module

        return Tester(role, self, behaviour)


@dataclass(frozen=True)
class ClientResult:
    """What a client tells its user about a request: nothing yet (`is_done` false), an answer, or an error."""

    is_done: bool = False
    answer: Answer | None = None
    error: str = ""
    retried: bool = False
    """Whether it has made the request again, on another connection, where it was answered as it should be."""


UNSEEN = Answer(0, b"")
"""An answer of which nothing is known but that the client called it complete."""


@dataclass
class Exchange:
    """One stream of requests and answers: what we sent of it and what came."""

    stream_id: int
    method: bytes = b""
    sent_head: bool = False
    sent_status: int = 0  # of the final response
    sent_end: bool = False
    sent_reset: int | None = None  # the code
    content_sent: bytearray = field(default_factory=bytearray)
    asked: bytes | None = None  # what the user of a client under test gave it as content
    heads: list[FieldList] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset_code: int | None = None

    @property
    def status(self) -> int:
        """The final status of a response; 0 before it."""
        for fields in self.heads:
            status = dict(fields).get(b":status", b"")
            if status.isdigit() and not status.startswith(b"1"):
                return int(status)
        return 0

    @property
    def is_sent(self) -> bool:
        """Whether we sent all of our half: ended, and not broken off by a RST_STREAM that says more than NO_ERROR."""
        return self.sent_end and not self.sent_reset

    @property
    def is_decided(self) -> bool:
        """Whether nothing more comes."""
        return self.ended or self.reset_code is not None


def difference(name: str, came: Answer, wanted: Answer) -> str:
    """How an answer differs from the one that was due, in words; empty where it does not."""
    if came.status not in (wanted.status, UNSEEN.status):
        return f"{name} was answered with {came.status}; {wanted.status} is what such a request gets"
    if came.content != wanted.content:
        return f"the content on {name} is {show(came.content)}; {show(wanted.content)} was due"
    return ""
