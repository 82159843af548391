"""What holds for all tests.

Hypothesis draws the same examples in every run: a failure in CI is a failure here. Many tests collect garbage, for what
they leave open warns when it is collected; what was there before the first of them is not looked through each time.
"""

import gc

from hypothesis import HealthCheck, settings

settings.register_profile(
    "plait", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("plait")


def pytest_collection_finish() -> None:
    """The modules and the thousands of tests stay until the end: a collection that goes through them takes 0.3 s."""
    gc.collect()
    gc.freeze()
