"""The first page a newcomer reads: its program runs, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_program_runs_and_greets() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("b'Hello, world!'\n", "", 0)


def test_every_page_that_is_linked_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links, "the pattern finds links"
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_block_that_is_explained_is_a_block() -> None:
    (octets,) = re.findall(r"hpack_codec explain ([0-9a-f]+)", README)
    command = [sys.executable, "-m", "hpack_codec", "explain", octets]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "www.example.com" in done.stdout
