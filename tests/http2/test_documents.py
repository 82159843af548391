"""What the documents say is so: their code runs as written, their tables are complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import http2
from http2.errors import ErrorCode
from http2.events import Event, HeadEvent

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "http2.md").read_text()


def run(*arguments: str) -> str:
    process = subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_the_code_on_the_page_runs_as_written() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    exec(compile("\n".join(blocks), "docs/http2.md", "exec"), {"__name__": "page"})


def test_the_page_names_every_event_and_every_error_code() -> None:
    events = {
        cls.__name__
        for cls in vars(http2).values()
        if isinstance(cls, type) and issubclass(cls, Event) and cls not in (Event, HeadEvent)
    }
    assert len(events) == 13
    for name in events | {f"`{code.name}` |" for code in ErrorCode}:
        assert name in PAGE, name


def test_the_links_on_the_page_lead_somewhere() -> None:
    links = re.findall(r"\]\((\.\./[^)]+)\)", PAGE)
    assert links
    for link in links:
        assert (ROOT / "docs" / link).exists(), link


def test_the_table_of_contents_of_the_package_names_every_module() -> None:
    modules = {path.stem for path in (ROOT / "http2").glob("*.py")} - {"__init__"}
    table = http2.__doc__ or ""
    missing = {module for module in modules if f"`{module}`" not in table}
    assert missing <= {"__main__", "explain"}, missing


def test_the_example_runs_and_prints_the_events() -> None:
    output = run("examples/bytes_in_events_out.py")
    assert "RequestReceived(1, " in output
    assert "DataReceived(data=b'HELLO', end_stream=False, stream_id=1)" in output
    assert output.endswith("the client's end: NO_ERROR: all streams are done after GOAWAY\n")


def test_the_fuzzer_runs() -> None:
    assert run("fuzz/fuzz_frames.py", "--iterations", "200", "--seed", "7").startswith("200 iterations")
