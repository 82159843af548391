"""What a server answers to the two reference requests, GET and POST: all later answers are compared with it."""

from __future__ import annotations

from dataclasses import replace

from interop.conformance.driving import Connector, Options, Run
from interop.conformance.exchange import Answer, Target
from interop.conformance.model import Begin, Behaviour, Finish, Role
from interop.conformance.run import Unusable
from interop.conformance.tester import Tester
from interop.conformance.wire import show


def learn(connector: Connector, target: Target, timeout_s: float = 5.0, status: int = 200) -> Target:
    """The target with the answers that a server gives to the two reference requests; `status` is what GET must get.

    Raises Unusable, OSError."""
    answers = []
    for end in (True, False):
        tester = Tester(Role.SERVER, target, Behaviour())
        driver = connector.connect(Role.SERVER)
        run = Run(tester, driver, Options(timeout_s=timeout_s))
        try:
            problem = "" if run.handshake() else "SETTINGS and their acknowledgement did not come"
            problem = problem or run.perform(Begin(end=end)) or run.perform(Finish())
        finally:
            driver.close()
        if problem or tester.foreign:
            raise Unusable(tester.foreign or driver.crashed or problem)
        exchange = tester.exchanges[0]
        if exchange.reset_code is not None and not exchange.ended:
            raise Unusable(f"the request was reset with {exchange.reset_code:#x}")
        answers.append(Answer(exchange.status, bytes(exchange.content)))
    get, post = answers
    if get.status != status:
        said = f"GET {target.path} is answered with {get.status} {show(get.content)}".rstrip()
        raise Unusable(f"{said}; name a path that is answered with {status}")
    echoes = post.status == 200 and post.content == Finish().content
    return replace(target, echoes=echoes, get=get, post=post)
