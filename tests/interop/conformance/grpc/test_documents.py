"""What docs/conformance-grpc.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

from interop.__main__ import main
from tests.interop.conformance.grpc.known import table

PAGE = (Path(__file__).parents[4] / "docs" / "conformance-grpc.md").read_text("utf-8")


def test_the_code_on_the_page_runs_as_written() -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    exec(compile(block, "docs/conformance-grpc.md", "exec"), {"__name__": "page"})


def test_the_commands_on_the_page_are_commands() -> None:
    commands = re.findall(r"^    python -m interop (conformance .*?)(?: +#.*)?$", PAGE, re.MULTILINE)
    assert len(commands) == 7
    for command in commands:
        words = command.split()
        assert "--grpc" in words
        listed = [*words[: words.index("--")], "--list", *words[words.index("--") :]] if "--" in words else words
        if "--list" in listed or "--explain" in listed:
            assert main(listed) == 0, command
        else:
            assert main([*listed, "--list"]) == 0, command


def test_the_page_names_what_others_do_otherwise() -> None:
    assert PAGE.endswith(table())
