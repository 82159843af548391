"""Hypothesis draws the same examples in every run: a failure in CI is a failure here."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "plait", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("plait")
