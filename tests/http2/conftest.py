"""Fixtures of the tests of `http2`."""

from tests.support.tls import tls_files

__all__ = ["tls_files"]
