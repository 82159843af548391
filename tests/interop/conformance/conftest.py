"""Fixtures of the tests of the conformance kit."""

from tests.support.tls import tls_files

__all__ = ["tls_files"]
