"""The bar: on a terminal one line that is written over, elsewhere nothing."""

from __future__ import annotations

import io

import pytest

from interop.conformance.model import Level
from interop.conformance.progress import Progress
from tests.interop.conformance.fakes import WRONG_CODE, run, with_code
from tests.interop.conformance.test_verdicts import SHORT_PING


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_how_far_it_is_and_what_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    terminal = Terminal()
    progress = Progress(terminal, 4, Level.MUST)
    progress.update(run(SHORT_PING))
    progress.update(run(SHORT_PING, with_code(WRONG_CODE)))
    progress.clear()
    _, first, second, rest = terminal.getvalue().split("\r\x1b[K")
    assert first == f"[{'#' * 6}{'.' * 18}] 1/4, 0 failed  T", "cut where the line ends"
    assert second.startswith(f"[{'#' * 12}{'.' * 12}] 2/4, 1 failed")
    assert rest == ""


def test_elsewhere_there_is_none() -> None:
    file = io.StringIO()
    progress = Progress(file, 1, Level.MUST)
    progress.update(run(SHORT_PING))
    progress.clear()
    assert file.getvalue() == ""
