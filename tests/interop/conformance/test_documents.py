"""What docs/conformance.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

from interop.__main__ import main
from interop.conformance.model import Outcome
from interop.conformance.report import MEANING
from tests.interop.conformance.screenshots import BYTES_MAX, DOCS, PICTURES
from tests.interop.conformance.servers import plait

PAGE = (DOCS / "conformance.md").read_text("utf-8")


def test_the_code_on_the_page_runs_as_written() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    exec(compile("\n".join(blocks), "docs/conformance.md", "exec"), {"__name__": "page"})


def test_the_page_names_every_outcome() -> None:
    for outcome in Outcome:
        assert f"| `{outcome.value}`" in PAGE, outcome


def test_the_commands_on_the_page_are_commands() -> None:
    commands = re.findall(r"^    python -m interop (conformance .*?)(?: +#.*)?$", PAGE, re.MULTILINE)
    assert len(commands) == 19
    with plait() as address:
        for command in commands:
            if "client --" not in command and ("--list" in command or "--explain" in command):
                assert main(command.replace("localhost:8080", address).split()) == 0, command


def test_the_commands_on_the_page_write_a_page_for_a_browser(tmp_path: Path) -> None:
    commands = re.findall(r"^    python -m interop (conformance .*--html report.html)$", PAGE, re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["server", "memory"]
    path = tmp_path / "report.html"
    with plait() as address:
        for command in commands:
            words = [{"localhost:8080": address, "report.html": str(path)}.get(word, word) for word in command.split()]
            assert main([*words, "--section", "6.7"]) == 0, command
            assert 'id="server-png-01.on-stream"' in path.read_text("utf-8")
            path.unlink()


def test_the_pictures_on_the_page_are_there_and_small() -> None:
    shown = re.findall(r"""(?:\]\(|src=")([^")]*\.png)""", PAGE)
    assert shown == [picture.name for picture in PICTURES]
    for name in shown:
        octets = (DOCS / name).read_bytes()
        assert octets.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(octets) < BYTES_MAX


def test_the_page_says_what_the_outcomes_mean_as_the_report_does() -> None:
    meanings = dict(re.findall(r"^\| `([a-z-]+)` *\| (.*?) *\|$", PAGE, re.MULTILINE))
    assert {outcome.value: meanings[outcome.value] for outcome in Outcome} == {
        outcome.value: meaning for outcome, meaning in MEANING.items()
    }
