"""What holds for all tests.

Hypothesis draws the same examples in every run: a failure in CI is a failure here. Many tests collect garbage, for what
they leave open warns when it is collected; what was there before the first of them is not looked through each time.

A file is run by one worker, in the order of the files: those that take longest begin, so that at the end no worker is
alone with one of them.
"""

import gc

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "plait", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("plait")

LONGEST = (
    "tests/interop/test_official.py",
    "tests/interop/test_official_cases.py",
    "tests/interop/conformance/test_memory.py",
    "tests/interop/conformance/test_html.py",
    "tests/interop/test_cases.py",
    "tests/interop/conformance/grpc/test_clients.py",
    "tests/interop/conformance/grpc/test_memory.py",
    "tests/interop/conformance/grpc/test_servers.py",
    "tests/interop/conformance/test_mutants.py",
    "tests/interop/conformance/test_peers.py",
    "tests/interop/test_matrix.py",
    "tests/grpc_core/test_codegen.py",
    "tests/http2/test_main.py",
    "tests/examples/test_programs.py",
)
"""From 150 down to 30 s of a worker."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, and leave the others as they are."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))


def pytest_collection_finish() -> None:
    """The modules and the thousands of tests stay until the end: a collection that goes through them takes 0.3 s."""
    gc.collect()
    gc.freeze()
