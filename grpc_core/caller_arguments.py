"""What the command line of `python -m grpc_core call` says, made into what a call takes: metadata, seconds, TLS.

What is wrong with it is a `Failure`: one line, and an exit code that says who is to blame.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from grpc_core.credentials import ChannelCredentials, ssl_channel_credentials
from grpc_core.descriptor_set import DescriptorSet
from grpc_core.documents import NotJson, parse_documents
from grpc_core.metadata import MetadataPairs, MetadataValue, encode_metadata
from grpc_core.tls_files import FileProblem, read_pem

STATUS: Final = 1
USAGE: Final = 2
CONNECTION: Final = 3


class Failure(Exception):
    """What the user is told, and the exit code."""

    def __init__(self, exit_code: int, text: str) -> None:
        super().__init__(one_line(text))
        self.exit_code = exit_code


def one_line(text: str) -> str:
    """The text without line ends and control characters: what a server says does not steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def read_documents(argument: str) -> tuple[Any, ...]:
    """The JSON documents of `-d`: in the argument, or in the file after `@`. Raises Failure."""
    text = argument
    if argument.startswith("@"):
        try:
            with open(argument[1:], encoding="utf-8") as file:
                text = file.read()
        except OSError as error:
            raise Failure(USAGE, f"-d {argument}: {error.strerror}")
        except UnicodeDecodeError as error:
            raise Failure(USAGE, f"-d {argument}: {error}")
    try:
        return parse_documents(text)
    except NotJson as error:
        raise Failure(USAGE, f"-d {error}")


def parse_metadata(headers: Iterable[str]) -> MetadataPairs:
    """The metadata of `-H "key: value"`; the value of a key that ends in -bin is base64. Raises Failure."""
    pairs: list[tuple[str, MetadataValue]] = []
    for header in headers:
        key, colon, value = header.partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            raise Failure(USAGE, f"-H {header!r} is not 'key: value'")
        try:
            decoded: MetadataValue = value
            if key.endswith("-bin"):
                decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
            encode_metadata([(key, decoded)])
        except binascii.Error as error:
            raise Failure(USAGE, f"-H {header!r}: the value of a key that ends in -bin is base64: {error}")
        except ValueError as error:
            raise Failure(USAGE, f"-H {header!r}: {error}")
        pairs.append((key, decoded))
    return tuple(pairs)


def metadata_text(key: str, value: str | bytes) -> str:
    """A pair of metadata as `parse_metadata` reads it."""
    return f"{key}: {base64.b64encode(value).decode().rstrip('=') if isinstance(value, bytes) else value}"


def parse_timeout(text: str | None) -> float | None:
    """The seconds of `--timeout`, more than none; None when it was left out. Raises Failure."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise Failure(USAGE, f"--timeout {text!r} is not a number of seconds above 0")
    return seconds


def read_descriptor_set(path: str | None) -> DescriptorSet | None:
    """The file of `--proto-descriptor`; None when it was left out. Raises Failure."""
    if path is None:
        return None
    try:
        return DescriptorSet(read_pem("--proto-descriptor", path))
    except FileProblem as error:
        raise Failure(USAGE, str(error))
    except ValueError as error:
        raise Failure(USAGE, f"--proto-descriptor {path} {error}")


@dataclass(frozen=True)
class Tls:
    """The options about TLS. Any of them means TLS."""

    is_wanted: bool = False
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    name: str | None = None
    skips_verification: bool = False

    def credentials(self) -> ChannelCredentials | None:
        """What to secure the channel with; None for plaintext. Raises Failure."""
        if not (self.is_wanted or self.skips_verification or any((self.ca, self.cert, self.key, self.name))):
            return None
        if self.key is not None and self.cert is None:
            raise Failure(USAGE, "--tls-key needs --tls-cert")
        if self.skips_verification and self.ca is not None:
            raise Failure(USAGE, "--tls-ca says whom to trust, and --insecure-skip-verify trusts everybody: which?")
        try:
            if self.skips_verification:
                return self._unverified()
            roots = None if self.ca is None else read_pem("--tls-ca", self.ca)
            chain = None if self.cert is None else read_pem("--tls-cert", self.cert)
            key = chain if self.key is None else read_pem("--tls-key", self.key)
            return ssl_channel_credentials(roots, key, chain)
        except FileProblem as error:
            raise Failure(USAGE, str(error))
        except ValueError as error:
            option = f"--tls-ca {self.ca}" if str(error).startswith("root") else f"--tls-cert {self.cert}"
            raise Failure(USAGE, f"{option}: {error}")

    def _unverified(self) -> ChannelCredentials:
        """Whoever answers is believed: the connection is secret, but with whom is unknown."""
        from http2.aio.tls import client_ssl_context

        context = client_ssl_context(verify=False)
        if self.cert is not None:
            read_pem("--tls-cert", self.cert)
            if self.key is not None:
                read_pem("--tls-key", self.key)
            try:
                context.load_cert_chain(self.cert, self.key, password="")
            except OSError as error:
                raise ValueError(f"private key and certificate chain cannot be used: {error}")
        return ssl_channel_credentials(context)
