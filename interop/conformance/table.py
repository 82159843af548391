"""The one table of cases: what the modules of `cases/` hold, checked and filtered.

Each module there has `cases() -> Iterable[Case]`; a new file is found by itself. Lines of the list that no case can
show by frames alone are in its `NOT_BY_FRAMES`, with the reason.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from functools import cache

from interop.conformance import cases as package
from interop.conformance.model import Case, Level, Role


def _modules() -> list[str]:
    return sorted(f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__))


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case, in the order of ids. Raises ValueError when two share role and id."""
    cases: list[Case] = []
    for module in _modules():
        cases += importlib.import_module(module).cases()
    seen: set[str] = set()
    for case in cases:
        if case.key in seen:
            raise ValueError(f"two cases are {case.key}")
        seen.add(case.key)
    return tuple(cases)


@cache
def not_by_frames() -> dict[str, str]:
    """Line of the list -> why no case shows it."""
    reasons: dict[str, str] = {}
    for module in _modules():
        reasons.update(getattr(importlib.import_module(module), "NOT_BY_FRAMES", {}))
    return reasons


def select(
    cases: Iterable[Case],
    *,
    role: Role | None = None,
    section: str = "",
    level: Level = Level.MAY,
    ids: Sequence[str] = (),
) -> list[Case]:
    """Those of a role, of a section of the RFC and what is below it, of this level and above, with ids that begin
    so."""
    return [
        case
        for case in cases
        if (role is None or case.role is role)
        and (not section or case.section == section or case.section.startswith(f"{section}."))
        and case.level >= level
        and (not ids or any(_is_named(case.id, wanted) for wanted in ids))
    ]


def _is_named(case_id: str, wanted: str) -> bool:
    """A group, a line or a case: "SET", "SET-01", "SET-01.empty"."""
    return case_id == wanted or ("." not in wanted and case_id.startswith((f"{wanted}.", f"{wanted}-")))
