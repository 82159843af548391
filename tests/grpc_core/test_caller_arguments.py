"""The command line of `call`: TLS, descriptor sets, and everything that may be wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grpc_core.caller_arguments import (
    USAGE,
    Failure,
    Tls,
    metadata_text,
    one_line,
    parse_metadata,
    parse_timeout,
    read_descriptor_set,
)
from grpc_core.tls_files import FileProblem, read_pem
from tests.support.tls import TlsFiles, tls_files

__all__ = ["tls_files"]


def test_what_a_server_says_does_not_steer_a_terminal() -> None:
    assert one_line("a\nb\x1b[2Jä") == "a\\nb\\x1b[2Jä"


def test_metadata_is_written_as_it_is_read() -> None:
    pairs = (("x-a", "one: two"), ("x-b-bin", b"\x00\xff"))
    assert parse_metadata(metadata_text(key, value) for key, value in pairs) == pairs


def test_a_timeout_that_was_left_out() -> None:
    assert parse_timeout(None) is None
    assert parse_timeout("0.5") == 0.5


def test_a_file_that_is_not_there_is_named_with_its_option() -> None:
    with pytest.raises(FileProblem, match=r"^--tls-ca /no/such: No such file or directory$"):
        read_pem("--tls-ca", "/no/such")


def test_plaintext_unless_something_asks_for_tls(tls_files: TlsFiles) -> None:
    assert Tls().credentials() is None
    wants: list[dict[str, Any]] = [
        {"is_wanted": True},
        {"ca": str(tls_files.cert)},
        {"cert": str(tls_files.cert), "key": str(tls_files.key)},
        {"name": "localhost"},
        {"skips_verification": True},
        {"skips_verification": True, "cert": str(tls_files.cert), "key": str(tls_files.key)},
    ]
    for options in wants:
        assert Tls(**options).credentials() is not None, options


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"key": "KEY"}, "--tls-key needs --tls-cert"),
        ({"ca": "no-such-file"}, "--tls-ca no-such-file: No such file or directory"),
        ({"ca": "KEY"}, "--tls-ca KEY: root certificates cannot be used: "),
        ({"cert": "CERT"}, "--tls-cert CERT: private key and certificate chain cannot be used: "),
        ({"cert": "CERT", "key": "no-such-file"}, "--tls-key no-such-file: No such file or directory"),
        ({"skips_verification": True, "ca": "CERT"}, "--tls-ca says whom to trust, and --insecure-skip-verify"),
        ({"skips_verification": True, "cert": "CERT"}, "--tls-cert CERT: private key and certificate chain cannot"),
        ({"skips_verification": True, "cert": "no-such-file"}, "--tls-cert no-such-file: No such file"),
        ({"skips_verification": True, "cert": "CERT", "key": "no-such-file"}, "--tls-key no-such-file: No such file"),
    ],
)
def test_tls_that_cannot_be_is_one_line(options: dict[str, Any], reason: str, tls_files: TlsFiles) -> None:
    paths = {"CERT": str(tls_files.cert), "KEY": str(tls_files.key)}
    with pytest.raises(Failure) as caught:
        Tls(**{name: paths.get(value, value) for name, value in options.items()}).credentials()
    text = str(caught.value)
    for name, path in paths.items():
        text = text.replace(path, name)
    assert text.startswith(reason), text
    assert "\n" not in text
    assert caught.value.exit_code == USAGE


def test_a_descriptor_set_that_cannot_be_used(tmp_path: Path) -> None:
    assert read_descriptor_set(None) is None
    for name, content, reason in (
        ("missing", None, r"^--proto-descriptor \S+missing: No such file or directory$"),
        ("empty", b"", r"^--proto-descriptor \S+empty is a FileDescriptorSet without files$"),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(Failure, match=reason):
            read_descriptor_set(str(path))
