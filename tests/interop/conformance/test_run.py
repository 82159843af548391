"""One case through a driver: the probes, what cannot be done, and whom cannot be tested at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from http2.errors import ErrorCode
from http2.frames import PING, PREFACE, RST_STREAM
from http2.settings import ENABLE_PUSH
from interop.conformance.driving import Delivery, Options
from interop.conformance.exchange import Answer, ClientResult, Target
from interop.conformance.memory import TARGET, MemoryConnector, MemoryDriver
from interop.conformance.model import (
    Ask,
    Await,
    Barrier,
    Begin,
    Behave,
    Close,
    Expectation,
    Finish,
    Level,
    OnlyIf,
    Outcome,
    Role,
    Step,
    What,
    connection_error,
    malformed,
    send,
    stream_error,
    works,
)
from interop.conformance.reference import learn
from interop.conformance.run import KNOWN_BODY, Unusable, run_case
from interop.conformance.script import (
    GET,
    OK,
    STREAM,
    Frame,
    Literal,
    begun,
    headers,
    idle,
    ping,
    rst_stream,
    unknown,
    window_update,
)
from interop.conformance.stacks.plait import PlaitClient, PlaitServer
from tests.interop.conformance.fakes import as_it_is, case, connector, frames_of, run

TOLERATED = case(Begin(), send(unknown(0x20, STREAM)), Finish(), allowed=works())
FATAL = case(send(Frame(PING, payload=(bytes(7),))), allowed=connection_error(ErrorCode.FRAME_SIZE_ERROR))


class Spoiled(PlaitServer):
    """Answers requests after the first with another body."""

    bodies = 0

    def receive(self, octets: bytes) -> bytes:
        output = super().receive(octets)
        if KNOWN_BODY in output:
            Spoiled.bodies += 1
            output = output.replace(KNOWN_BODY, KNOWN_BODY.upper())
        return output


def test_the_body_of_a_probe_is_compared() -> None:
    result = run_case(TOLERATED, MemoryConnector(Spoiled), TARGET)
    assert result.verdict is not None
    assert result.verdict.breaks is Level.MUST
    assert [fault.text.partition(":")[0] for fault in result.verdict.faults] == [
        "the connection does not work afterwards",
        "a fresh connection does not work afterwards",
    ]


def test_a_fresh_connection_must_work_after_a_connection_error() -> None:
    made: list[PlaitServer] = []

    def once() -> PlaitServer:
        if made:
            raise ConnectionRefusedError("it has crashed")
        made.append(PlaitServer())
        return made[0]

    verdict = run_case(FATAL, MemoryConnector(once), TARGET).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.breaks) == (Outcome.EXACT, Level.MUST)
    assert "it cannot be made (it has crashed)" in verdict.faults[0].text


def test_an_error_that_comes_late_is_the_outcome() -> None:
    """A server whose GOAWAY comes only when the next request does."""

    class Late(PlaitServer):
        kept = b""

        def receive(self, octets: bytes) -> bytes:
            was_closed = super().is_closed
            output = super().receive(octets)
            if super().is_closed and not was_closed:
                self.kept, output = output, b""
            elif self.kept and octets[3:4] == b"\x06":
                output = octets[:4] + b"\x01" + octets[5:]  # it still answers PING
            elif self.kept and octets:
                output, self.kept = self.kept, b""
            return output

        @property
        def is_closed(self) -> bool:
            return super().is_closed and not self.kept

    verdict = run_case(FATAL, MemoryConnector(Late), TARGET).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.breaks) == (Outcome.EXACT, None)


def test_what_the_driver_cannot_do_is_skipped_with_the_reason() -> None:
    assert run(replace(FATAL, needs=frozenset({"tls", "hold"}))).skipped == "needs tls"
    result = run_case(case(Ask(), allowed=works()), connector(as_it_is), TARGET)
    assert (result.verdict, result.skipped, result.passed) == (None, "the stack is no client", True)


def test_a_wait_in_vain_hangs_and_says_for_what() -> None:
    verdict = run(case(Begin(), Await(What.ANSWER), allowed=works())).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.breaks) == (Outcome.HUNG, Level.MUST)
    assert verdict.seen == "the whole message on the stream did not come"


def test_a_script_that_names_what_is_not_there_hangs() -> None:
    verdict = run(case(send(window_update(STREAM, 1)), allowed=works())).verdict
    assert verdict is not None
    assert "only 0 streams have begun" in verdict.seen


def test_the_rest_of_the_steps() -> None:
    steps = (Behave(answer_pings=False, give_windows=False), Barrier(), Begin(end=True), Finish(), send(ping()))
    assert run(case(*steps, allowed=works())).passed
    verdict = run(case(Close(), allowed=works())).verdict
    assert verdict is not None
    assert verdict.outcome is Outcome.SILENT_CLOSE


class SpoilsTheSecond(PlaitServer):
    """Answers every stream but the first with another body."""

    def receive(self, octets: bytes) -> bytes:
        first, _, rest = super().receive(octets).partition(b"\0\0\0\x03")
        return first + (b"\0\0\0\x03" + rest.replace(b"finished", b"FINISHED") if rest else b"")


def test_the_other_exchanges_of_a_script_are_compared_also_where_a_stream_error_is_due() -> None:
    steps = (Begin(), send(window_update(STREAM, 0)), Begin(), Finish())
    allowed = stream_error(ErrorCode.PROTOCOL_ERROR, stream=begun(0))
    assert run(case(*steps, allowed=allowed)).passed
    verdict = run_case(case(*steps, allowed=allowed), MemoryConnector(SpoilsTheSecond), TARGET).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.breaks) == (Outcome.EXACT, Level.MUST)
    assert [fault.text for fault in verdict.faults] == ["the content on stream 3 is FINISHED; finished was due"]


def test_a_window_that_never_comes_is_a_fault_beside_a_stream_error() -> None:
    steps = (Begin(), send(window_update(STREAM, 0)), Await(What.WINDOW, 0, 2**31 - 1))
    verdict = run(case(*steps, allowed=stream_error(ErrorCode.PROTOCOL_ERROR))).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.breaks) == (Outcome.EXACT, Level.MUST)
    assert "a window of so many octets did not come" in verdict.faults[0].text


class Shortened(PlaitClient):
    """Sends other content than its user gave it."""

    def request(self, content: bytes | None, hold: bool, head: bool = False) -> None:
        super().request(content and content.upper(), hold, head)


def test_the_content_of_a_request_is_what_the_user_gave() -> None:
    wanted = case(Begin(content=b"mine"), Await(What.ANSWER), Finish(), allowed=works(), role=Role.CLIENT)
    assert run(wanted).passed
    verdict = run_case(wanted, MemoryConnector(client=Shortened), TARGET).verdict
    assert verdict is not None
    assert [fault.text for fault in verdict.faults] == ["the content on stream 1 is MINE; mine was asked for"]


class Counting(PlaitServer):
    """Keeps the sizes of what it gets."""

    sizes: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.sizes = []

    def receive(self, octets: bytes) -> bytes:
        if octets:
            self.sizes.append(len(octets))
        return super().receive(octets)


@pytest.mark.parametrize("delivery", Delivery)
def test_the_octets_are_delivered_as_told(delivery: Delivery) -> None:
    stacks: list[Counting] = []

    def make() -> Counting:
        stacks.append(Counting())
        return stacks[-1]

    result = run_case(TOLERATED, MemoryConnector(make), TARGET, Options(delivery, split_at=5))
    assert result.passed
    sizes = stacks[0].sizes
    assert sum(sizes) == result.octets_sent
    if delivery is Delivery.OCTETS:
        assert set(sizes) == {1}
    elif delivery is Delivery.SPLIT:
        assert sizes[0] == 5
    else:
        assert sizes[0] > 24


def test_of_what_is_long_only_the_ends_are_sent_octet_by_octet() -> None:
    stack = Counting()
    result = run_case(
        case(Begin(), send(unknown(0x20, STREAM, bytes(16_384))), Finish(), allowed=works()),
        MemoryConnector(lambda: stack if not stack.sizes else PlaitServer()),
        TARGET,
        Options(Delivery.OCTETS),
    )
    assert result.passed
    assert stack.sizes.count(997) > 10
    assert stack.sizes.count(1) > 1_000


class Foreign(PlaitServer):
    """A server with a body of its own, that answers POST with 405."""

    def receive(self, octets: bytes) -> bytes:
        output = super().receive(octets).replace(KNOWN_BODY, b"?" * len(KNOWN_BODY))
        return output.replace(b"finished", b"rejected")


def test_the_answers_of_a_foreign_server_are_learnt() -> None:
    connector = MemoryConnector(Foreign)
    target = learn(connector, Target())
    assert (target.get, target.post, target.echoes) == (
        Answer(200, b"?" * len(KNOWN_BODY)),
        Answer(200, b"rejected"),
        False,
    )
    assert run_case(TOLERATED, connector, target).passed
    assert learn(MemoryConnector(PlaitServer), Target()).echoes


class Mute(PlaitServer):
    """Never says anything."""

    def receive(self, octets: bytes) -> bytes:
        super().receive(octets)
        return b""


class OldWorld(PlaitServer):
    """Speaks HTTP/1."""

    def receive(self, octets: bytes) -> bytes:
        return b"HTTP/1.1 400 Bad Request\r\n\r\n" if octets else b""


@pytest.mark.parametrize(
    ("server", "text"),
    [(Mute, "SETTINGS and their acknowledgement did not come"), (OldWorld, "speaks HTTP/1: HTTP/1.1 400 Bad Request")],
)
def test_whom_cannot_be_tested_is_said(server: type[PlaitServer], text: str) -> None:
    with pytest.raises(Unusable, match=text):
        learn(MemoryConnector(server), Target())


class Lying(PlaitClient):
    """Tells its user, whatever comes, that all is well."""

    def results(self) -> list[ClientResult]:
        return [ClientResult(True, Answer(200, KNOWN_BODY)) for _ in super().results()]


@pytest.mark.parametrize(
    ("steps", "allowed", "fault"),
    [
        (
            (send(rst_stream(STREAM, ErrorCode.CANCEL)),),
            works(),
            "stream 1 never was complete, and the client says it was",
        ),
        ((send(Frame(PING, payload=(bytes(7),))),), FATAL.expectation, "stream 1 never was complete"),
        ((send(headers(STREAM)), Finish()), malformed(), "the client has handed the message over as complete"),
    ],
)
def test_a_client_that_lies_to_its_user_fails(steps: tuple[Step, ...], allowed: Expectation, fault: str) -> None:
    wanted = case(Begin(end=True), *steps, allowed=allowed, role=Role.CLIENT)
    honest, lying = (run_case(wanted, MemoryConnector(client=client), TARGET) for client in (PlaitClient, Lying))
    assert honest.verdict is not None
    assert lying.verdict is not None
    assert honest.verdict.best
    assert lying.verdict.breaks is Level.MUST
    assert any(found.text.startswith(fault) for found in lying.verdict.faults)


class Silent(PlaitClient):
    """Never tells its user that the connection is gone."""

    def receive_end(self) -> None:
        pass


def test_a_client_that_waits_for_ever_fails() -> None:
    wanted = case(Begin(end=True), Close(), allowed=works(), role=Role.CLIENT)
    verdict = run_case(wanted, MemoryConnector(client=Silent), TARGET).verdict
    assert verdict is not None
    assert [fault.text for fault in verdict.faults[:1]] == [
        "the connection is over, and the client still waits on stream 1"
    ]


class NoResets(PlaitClient):
    """Resets no stream."""

    def receive(self, octets: bytes) -> bytes:
        output = super().receive(octets)
        start = len(PREFACE) if output.startswith(PREFACE) else 0
        return output[:start] + b"".join(frame for frame in frames_of(output[start:]) if frame[3] != RST_STREAM)


def test_what_is_malformed_may_be_told_the_user_alone() -> None:
    """Both halves have ended: there is no stream left to reset."""
    end = headers(STREAM, *OK, Literal(b"content-length", b"5"), end_stream=True)
    wanted = case(Begin(end=True), send(end), Await(What.RESULT), allowed=malformed(), role=Role.CLIENT)
    quiet = MemoryConnector(client=NoResets)
    verdict = run_case(wanted, quiet, TARGET).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.best) == (Outcome.REPORTED, True)
    verdict = run_case(replace(wanted, expectation=works()), quiet, TARGET).verdict
    assert verdict is not None
    assert verdict.outcome is Outcome.WRONG
    assert verdict.seen.startswith("the client told its user: ")


def test_a_case_may_be_only_for_a_setting() -> None:
    wanted = case(OnlyIf(ENABLE_PUSH, 1, initial=1), *TOLERATED.steps, allowed=works(), role=Role.CLIENT)
    result = run(wanted)
    assert (result.verdict, result.skipped) == (None, "its ENABLE_PUSH is 0")
    assert run(replace(wanted, steps=(OnlyIf(ENABLE_PUSH, 0), Begin(), Finish()))).passed


def test_a_client_may_make_a_request_again_on_the_same_connection() -> None:
    class Again(PlaitClient):
        """Makes one more request when one was refused, and tells its user of that one."""

        def receive(self, octets: bytes) -> bytes:
            output = super().receive(octets)
            if [result for result in super().results() if result.error] and len(super().results()) == 1:
                self.request(None, False)
                output += super().receive(b"")
            return output

        def results(self) -> list[ClientResult]:
            return super().results()[-1:]

    refused = send(rst_stream(STREAM, ErrorCode.REFUSED_STREAM))
    steps = (Begin(end=True), Behave(answer=True), refused, Await(What.RESULT, begun(0)))
    wanted = replace(case(*steps, allowed=works(), role=Role.CLIENT), probe=False)
    verdict = run_case(wanted, MemoryConnector(client=Again), TARGET).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.faults) == (Outcome.TOLERATED, ())


def test_a_server_that_talks_without_end_is_given_up() -> None:
    """The clock moves, octets come all the time, and what is waited for does not."""

    class Ticking(MemoryDriver):
        time = 0.0

        def now(self) -> float:
            Ticking.time += 0.1
            return Ticking.time

        def receive(self, deadline: float) -> bytes | None:
            return b"\0\0\0\x20\0\0\0\0\0" * 10

    class Connector(MemoryConnector):
        def connect(self, role: Role) -> MemoryDriver:
            return Ticking(PlaitServer())

    with pytest.raises(Unusable, match="did not come"):
        learn(Connector(PlaitServer), Target())


class Curt(PlaitServer):
    """Resets the streams of malformed requests without an answer."""

    def receive(self, octets: bytes) -> bytes:
        output = frames_of(super().receive(octets))
        resets = {frame[5:9] for frame in output if frame[3] == RST_STREAM}
        return b"".join(frame for frame in output if frame[3] == RST_STREAM or frame[5:9] not in resets)


@pytest.mark.parametrize(("server", "breaks"), [(PlaitServer, None), (Curt, Level.SHOULD)])
def test_an_answer_that_should_come_before_a_reset(server: type[PlaitServer], breaks: Level | None) -> None:
    bad = (headers(idle(), *GET, Literal(b"X-Upper", b"v"), end_stream=True),)
    wanted = replace(case(send(*bad), allowed=malformed(), level=Level.SHOULD), answer_status=400)
    verdict = run_case(wanted, MemoryConnector(server), TARGET).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.breaks) == (Outcome.EXACT, breaks)
