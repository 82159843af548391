"""docs/connections.md: its program prints what it says, and its options exist."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from tests.grpc_core.test_options import UNDERSTOOD

PAGE = (Path(__file__).parents[2] / "docs/connections.md").read_text(encoding="utf-8")


def test_the_block_of_the_page_runs_and_prints_what_it_says() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(block, "docs/connections.md", "exec"), {"__name__": "page"})
    assert output.getvalue() == printed


def test_the_options_that_the_page_names_are_understood() -> None:
    named = set(re.findall(r"`(grpc\.[a-z_0-9.]+)`", PAGE))
    assert len(named) > 10
    assert named <= {key for key, *_ in UNDERSTOOD}
