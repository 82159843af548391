"""A finding: for which peers and cases it speaks, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ANY: Final = "*"


@dataclass(frozen=True)
class Finding:
    """`peers` are keys of rows or `ANY`, `cases` beginnings of ids: "FRM", "FRM-06", "FRM-06.data"; the last one names
    FRM-06.data-longest too. `about` is looked for in "outcome: what came; what was wrong besides"."""

    peers: tuple[str, ...]
    cases: tuple[str, ...]
    says: str
    about: str = ""

    def fits(self, peer: str, case_id: str, text: str) -> bool:
        """Whether it speaks of this failure."""
        return (
            (ANY in self.peers or peer in self.peers)
            and any(_begins(case_id, name) for name in self.cases)
            and self.about in text
        )


def _begins(case_id: str, name: str) -> bool:
    return name == ANY or case_id == name or case_id.startswith((f"{name}.", f"{name}-"))


def finding_for(findings: Sequence[Finding], peer: str, case_id: str, text: str) -> Finding | None:
    """The finding that speaks for a failure."""
    return next((finding for finding in findings if finding.fits(peer, case_id, text)), None)


def of(peers: str, cases: str, says: str, about: str = "") -> Finding:
    """A finding, with spaces between the peers and between the cases."""
    return Finding(tuple(peers.split()), tuple(cases.split()), says, about)
