"""The table of the gRPC level's cases: what the modules of `grpc/cases/` hold."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from interop.conformance.grpc import cases as package
from interop.conformance.model import Case


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case, in the order of the files. Raises ValueError when two share role and id."""
    cases: list[Case] = []
    for module in sorted(f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)):
        cases += importlib.import_module(module).cases()
    seen: set[str] = set()
    for case in cases:
        if case.key in seen:
            raise ValueError(f"two cases are {case.key}")
        seen.add(case.key)
    return tuple(sorted(cases, key=lambda case: (case.role.value, case.group)))
