"""docs/examples.md names the programs that there are, and its numbers are those of the source."""

from __future__ import annotations

import re
from pathlib import Path

from examples.chat import server as chat
from examples.files import server as files
from examples.files import transfer
from examples.generate import NAMES
from grpc_core.route_guide import PLACES
from tests.examples.support import ROOT

PAGE = (ROOT / "docs/examples.md").read_text(encoding="utf-8")


def test_every_program_is_named_and_every_named_one_exists() -> None:
    named = set(re.findall(r"python -m (examples[.\w]+)", PAGE))
    programs = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "examples").glob("*/*.py")
        if path.stem in ("server", "client", "client_sync")
    }
    assert named == programs
    assert set(re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)) == set(NAMES)


def test_the_numbers_of_the_page() -> None:
    assert f"its {len(PLACES)} places" in PAGE
    assert f"| {chat.OUTBOX_MAX} messages wait" in PAGE
    assert f"more than {chat.LETTERS_MAX} letters" in PAGE
    assert files.SIZE_MAX == 16 * 2**30
    assert transfer.ATTEMPTS_MAX == 5


def test_the_links_of_the_page_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert links
    assert [link for link in links if not (Path(ROOT / "docs") / link).exists()] == []
