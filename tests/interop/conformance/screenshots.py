"""`python -m tests.interop.conformance.screenshots`: takes the pictures of the report in docs/ anew, with Chromium.

They show a run of all cases for servers against h2, in memory: the same whenever it is run.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from interop.__main__ import main as interop
from tests.support.chromium import PHONE, Chromium, Screen

DOCS = Path(__file__).resolve().parents[3] / "docs"
BYTES_MAX = 300_000


class Picture(NamedTuple):
    """A file, the screen it shows, and what is on it: the place on the page, and the script that prepares it."""

    name: str
    screen: Screen
    place: str = ""
    script: str = ""


PICTURES = (
    Picture("conformance-report.png", Screen(1280, 860)),
    Picture("conformance-report-case.png", Screen(1280, 620), "rfc-9113-6.8-wrong", "unfold('server-png-02.highest')"),
    Picture("conformance-report-phone.png", PHONE, "server-frm-01.0x0a"),
)
UNFOLD = "function unfold(id) { document.getElementById(id).open = true; }"


def take(browser: Chromium, report: Path, folder: Path) -> list[Path]:
    """The pictures of a report, as files in a folder."""
    taken = []
    for name, screen, place, script in PICTURES:
        page = browser.open(f"{report.as_uri()}#{place}", screen)
        page.evaluate(f"{UNFOLD} {script}; document.fonts.ready.then(() => true)")
        taken.append(folder / name)
        taken[-1].write_bytes(page.screenshot())
    return taken


def main() -> int:
    """The exit status."""
    with tempfile.TemporaryDirectory() as folder, Chromium() as browser:
        report = Path(folder) / "report.html"
        interop(["conformance", "memory", "--stack", "h2", "--role", "server", "--html", str(report)])
        for path in take(browser, report, DOCS):
            print(f"{path.relative_to(DOCS.parent)}: {path.stat().st_size} octets")
    return 0


if __name__ == "__main__":
    sys.exit(main())
