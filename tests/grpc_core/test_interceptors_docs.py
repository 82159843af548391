"""docs/interceptors.md says nothing that was not run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.grpc_core.sync_support import PATIENCE_S

ROOT = Path(__file__).parents[2]


def test_the_blocks_of_the_page_are_a_program_that_ends_well() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/interceptors.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(blocks)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
