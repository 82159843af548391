"""Credentials, in grpcio's API: who a channel or a server is (TLS), and who makes a call (call credentials).

Channel credentials say how a connection is made; call credentials add metadata to each call, and only where the
connection keeps it secret. A composite of both is channel credentials again. PEM octets go in, as in grpcio; where a
program has an `ssl.SSLContext` of its own, it may be given in their place (ALPN is then set to "h2").

Nothing here needs the `ssl` module before a context is made.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

from grpc_core.locality import LocalConnectionType

if TYPE_CHECKING:
    import ssl


MetadataPairs = Sequence[tuple[str, str | bytes]]

ROOTS_VARIABLE = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
INSECURE_CHANNEL = "Call credentials are only valid on secure channels"
NO_ALTS = "ALTS works only inside Google Cloud, through a service that Plait does not speak to: use TLS"


# -- call credentials --------------------------------------------------------------------------------------------------


class AuthMetadataContext(NamedTuple):
    """What a plugin is told of the call: the service's URL and the name of the method."""

    service_url: str
    method_name: str


class AuthMetadataPluginCallback:
    """How a plugin answers: with metadata, or with an error that ends the call."""

    def __call__(self, metadata: MetadataPairs, error: Exception | None) -> None:
        """Give the metadata of the call, or why there is none."""
        raise NotImplementedError


class AuthMetadataPlugin:
    """Makes the metadata that authenticates calls. May answer later and from another thread."""

    def __call__(self, context: AuthMetadataContext, callback: AuthMetadataPluginCallback) -> None:
        """Ask for the metadata of one call."""
        raise NotImplementedError


Plugin = Callable[[AuthMetadataContext, Callable[[MetadataPairs, Exception | None], None]], None]


class CallCredentials:
    """Plugins whose metadata is added to a call, in their order."""

    def __init__(self, *plugins: Plugin) -> None:
        self.plugins = plugins


def metadata_call_credentials(metadata_plugin: Plugin, name: str | None = None) -> CallCredentials:
    """Call credentials from a plugin. `name` is accepted for grpcio's sake."""
    return CallCredentials(metadata_plugin)


def access_token_call_credentials(access_token: str) -> CallCredentials:
    """Call credentials that send an OAuth 2 access token."""

    def plugin(context: AuthMetadataContext, callback: Callable[[MetadataPairs, Exception | None], None]) -> None:
        callback((("authorization", f"Bearer {access_token}"),), None)

    return CallCredentials(plugin)


def composite_call_credentials(*call_credentials: CallCredentials) -> CallCredentials:
    """All of them together, in their order."""
    return CallCredentials(*(plugin for credentials in call_credentials for plugin in credentials.plugins))


# -- channel credentials -----------------------------------------------------------------------------------------------


class ChannelCredentials:
    """How the connections of a channel are secured: by TLS, by staying on the machine (`locality`), or not at all."""

    def __init__(
        self,
        make_context: Callable[[], ssl.SSLContext] | None = None,
        call_credentials: CallCredentials | None = None,
        locality: LocalConnectionType | None = None,
    ) -> None:
        self._make_context = make_context
        self._context: ssl.SSLContext | None = None
        self.call_credentials = call_credentials
        self.locality = locality

    def context(self) -> ssl.SSLContext | None:
        """The TLS context; None for plaintext. Raises ValueError when the credentials cannot be used."""
        if self._context is None and self._make_context is not None:
            self._context = self._make_context()
        return self._context

    @property
    def keeps_secrets(self) -> bool:
        """Whether call credentials may go over these connections."""
        return self._make_context is not None or self.locality is not None

    def with_call_credentials(self, call_credentials: CallCredentials) -> ChannelCredentials:
        """The same connections, and these call credentials with every call on them."""
        composite = copy.copy(self)
        composite.call_credentials = call_credentials
        return composite


def ssl_channel_credentials(
    root_certificates: bytes | ssl.SSLContext | None = None,
    private_key: bytes | None = None,
    certificate_chain: bytes | None = None,
) -> ChannelCredentials:
    """TLS for a channel, from PEM octets: the authorities that are trusted (default: the file that the environment
    variable GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names, else the system's), and for mutual TLS our key and chain.

    A ready `ssl.SSLContext` may be given in place of `root_certificates`. Raises ValueError for PEM that is none.
    """
    if (private_key is None) != (certificate_chain is None):
        raise ValueError("private_key and certificate_chain belong together: one is missing")
    if private_key is not None and not isinstance(root_certificates, (bytes, NoneType)):
        raise ValueError("a ready SSLContext holds its own private key and certificate chain")

    def make_context() -> ssl.SSLContext:
        import ssl

        from http2.aio.tls import for_http2

        if isinstance(root_certificates, ssl.SSLContext):
            root_certificates.set_alpn_protocols(["h2"])
            return root_certificates
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _load_roots(context, root_certificates)
        if private_key is not None and certificate_chain is not None:
            _load_chain(context, private_key, certificate_chain)
        return for_http2(context)

    credentials = ChannelCredentials(make_context, None)
    credentials.context()  # what is wrong with the PEM is said here, and not by the first call
    return credentials


def composite_channel_credentials(
    channel_credentials: ChannelCredentials, *call_credentials: CallCredentials
) -> ChannelCredentials:
    """Channel credentials whose every call also carries these call credentials."""
    before = (channel_credentials.call_credentials,) if channel_credentials.call_credentials else ()
    return channel_credentials.with_call_credentials(composite_call_credentials(*before, *call_credentials))


def local_channel_credentials(
    local_connect_type: LocalConnectionType = LocalConnectionType.LOCAL_TCP,
) -> ChannelCredentials:
    """No encryption, and no connection that leaves the machine: over loopback, or over a Unix socket.

    Raises ValueError for what is no LocalConnectionType, ours or grpcio's.
    """
    return ChannelCredentials(locality=_locality(local_connect_type))


def insecure_channel_credentials() -> ChannelCredentials:
    """No security: `secure_channel` with these is `insecure_channel`."""
    return ChannelCredentials()


def compute_engine_channel_credentials(call_credentials: CallCredentials) -> ChannelCredentials:
    """TLS with the system's roots, and the call credentials of the machine's service account.

    There is no ALTS in Plait, which grpcio's would prefer where the machine and the service speak it.
    """
    return composite_channel_credentials(ssl_channel_credentials(), call_credentials)


def xds_channel_credentials(fallback_credentials: ChannelCredentials | None = None) -> ChannelCredentials:
    """The fallback credentials, or TLS with the system's roots: there is no xDS here, which could give others."""
    return ssl_channel_credentials() if fallback_credentials is None else fallback_credentials


def alts_channel_credentials(service_accounts: Sequence[str] | None = None) -> ChannelCredentials:
    """There is no ALTS in Plait: raises NotImplementedError."""
    raise NotImplementedError(NO_ALTS)


# -- server credentials ------------------------------------------------------------------------------------------------


class ServerCertificateConfiguration:
    """The certificates of a server, and the authorities whose clients it knows."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]], root_certificates: bytes | None) -> None:
        self.pairs = tuple(pairs)
        self.root_certificates = root_certificates
        if not self.pairs:
            raise ValueError("at least one pair of private key and certificate chain is required")


class ServerCredentials:
    """How the connections of a port are secured: by TLS, by staying on the machine (`locality`), or not at all."""

    def __init__(
        self, make_context: Callable[[], ssl.SSLContext | None], locality: LocalConnectionType | None = None
    ) -> None:
        self._make_context = make_context
        self.locality = locality

    def context(self) -> ssl.SSLContext | None:
        """The TLS context; None for plaintext. Raises ValueError when the credentials cannot be used."""
        return self._make_context()


def ssl_server_certificate_configuration(
    private_key_certificate_chain_pairs: Iterable[tuple[bytes, bytes]], root_certificates: bytes | None = None
) -> ServerCertificateConfiguration:
    """Certificates for `dynamic_ssl_server_credentials`."""
    return ServerCertificateConfiguration(private_key_certificate_chain_pairs, root_certificates)


def ssl_server_credentials(
    private_key_certificate_chain_pairs: Iterable[tuple[bytes, bytes]] | ssl.SSLContext,
    root_certificates: bytes | None = None,
    require_client_auth: bool = False,
) -> ServerCredentials:
    """TLS for a port, from PEM octets: pairs of private key and certificate chain.

    With `root_certificates` a client's certificate is asked for and checked; with `require_client_auth` there is no
    connection without one. A ready `ssl.SSLContext` may be given in place of the pairs. Raises ValueError.
    """
    if require_client_auth and root_certificates is None:
        raise ValueError("Illegal to require client auth without providing root certificates!")
    import ssl

    if isinstance(private_key_certificate_chain_pairs, ssl.SSLContext):
        context = private_key_certificate_chain_pairs
        context.set_alpn_protocols(["h2"])
    else:
        configuration = ServerCertificateConfiguration(private_key_certificate_chain_pairs, root_certificates)
        context = _server_context(configuration, require_client_auth)
    return ServerCredentials(lambda: context)


def dynamic_ssl_server_credentials(
    initial_certificate_configuration: ServerCertificateConfiguration,
    certificate_configuration_fetcher: Callable[[], ServerCertificateConfiguration | None],
    require_client_authentication: bool = False,
) -> ServerCredentials:
    """TLS whose certificates are asked for anew at each handshake.

    The last ones are kept when the fetcher gives None, and when it raises or gives what cannot be used: that is logged.
    """
    current = _server_context(initial_certificate_configuration, require_client_authentication)
    gate = _server_context(initial_certificate_configuration, require_client_authentication)

    def choose(connection: Any, server_name: str | None, context: ssl.SSLContext) -> None:
        nonlocal current
        _remember_name(connection, server_name, context)
        try:
            configuration = certificate_configuration_fetcher()
            if configuration is not None:
                current = _server_context(configuration, require_client_authentication)
        except Exception:
            from grpc_core.logs import logger

            logger("credentials").exception("no new certificates for this handshake; the last ones stay")
        connection.context = current

    gate.sni_callback = choose
    return ServerCredentials(lambda: gate)


def insecure_server_credentials() -> ServerCredentials:
    """No security: `add_secure_port` with these is `add_insecure_port`."""
    return ServerCredentials(lambda: None)


def local_server_credentials(
    local_connect_type: LocalConnectionType = LocalConnectionType.LOCAL_TCP,
) -> ServerCredentials:
    """No encryption, and only clients on this machine: over loopback, or over a Unix socket.

    Raises ValueError for what is no LocalConnectionType, ours or grpcio's.
    """
    return ServerCredentials(lambda: None, _locality(local_connect_type))


def xds_server_credentials(fallback_credentials: ServerCredentials) -> ServerCredentials:
    """The fallback credentials: there is no xDS here, which could give others."""
    return fallback_credentials


def alts_server_credentials() -> ServerCredentials:
    """There is no ALTS in Plait: raises NotImplementedError."""
    raise NotImplementedError(NO_ALTS)


def _locality(local_connect_type: object) -> LocalConnectionType:
    try:
        return LocalConnectionType[getattr(local_connect_type, "name", "")]
    except KeyError:
        raise ValueError(f"{local_connect_type!r} is not a LocalConnectionType")


# -- PEM into contexts -------------------------------------------------------------------------------------------------


def _server_context(configuration: ServerCertificateConfiguration, require_client_auth: bool) -> ssl.SSLContext:
    import ssl

    from http2.aio.tls import for_http2

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = _remember_name
    for private_key, chain in configuration.pairs:
        _load_chain(context, private_key, chain)
    if configuration.root_certificates is not None:
        _load_roots(context, configuration.root_certificates)
        context.verify_mode = ssl.CERT_REQUIRED if require_client_auth else ssl.CERT_OPTIONAL
    return for_http2(context)


def _remember_name(connection: Any, server_name: str | None, context: ssl.SSLContext) -> None:
    """Keep the name that the client asks for: the auth context shows it, and the ssl module does not keep it."""
    connection.requested_server_name = server_name


def _load_roots(context: ssl.SSLContext, root_certificates: bytes | None) -> None:
    import ssl

    # Python 3.13 turned this on by default; it rejects certificates that gRPC's other implementations accept.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    path = os.environ.get(ROOTS_VARIABLE)
    try:
        if root_certificates is not None:
            context.load_verify_locations(cadata=root_certificates.decode("ascii"))
        elif path:
            context.load_verify_locations(cafile=path)
        else:
            context.load_default_certs()
    except (ssl.SSLError, UnicodeDecodeError, OSError) as error:
        raise ValueError(f"root certificates cannot be used: {error}")


def _load_chain(context: ssl.SSLContext, private_key: bytes, certificate_chain: bytes) -> None:
    """The `ssl` module reads keys from files only: the file exists, readable by us alone, while it reads."""
    import ssl
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(private_key.rstrip() + b"\n" + certificate_chain)
        file.flush()
        try:
            context.load_cert_chain(file.name, password="")
        except (ssl.SSLError, OSError) as error:
            raise ValueError(f"private key and certificate chain cannot be used: {error}")
